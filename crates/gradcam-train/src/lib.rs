//! Small networks, trained from a seed.
//!
//! Some questions about explanations need a network that was trained for the purpose. Does a map change when the labels were random, so
//! that the network could only memorise (Adebayo et al. 2018, section 4)? Is it the same for two trainings that differ in their seed
//! alone, or for two architectures (Arun et al. 2021)? Does it follow what the network was taught to look at (Yang and Kim 2019)? This
//! crate trains such networks in seconds to minutes on a few cores.
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use gradcam_train::{Examples, Family, NetworkSpec, Settings, build, train};
//!
//! // Twenty pictures of 4×4 pixels; the upper or the lower half is bright.
//! let labels: Vec<usize> = (0..20).map(|i| i % 2).collect();
//! let bright = |i: usize| if i / 8 % 2 == i / 16 % 2 { 1.0 } else { 0.1 };
//! let values: Vec<f32> = (0..20 * 16).map(bright).collect();
//! let examples = Examples::new(&values, [1, 4, 4], labels)?;
//!
//! let spec = NetworkSpec {
//!     input: [1, 4, 4],
//!     classes: 2,
//!     family: Family::Residual { width: 4 },
//! };
//! let settings = Settings {
//!     batch: 10,
//!     ..Settings::quick(spec.family)
//! };
//! let trained = train(&spec, &examples, None, &settings, 0, &mut |_| ControlFlow::Continue(()))?;
//! assert_eq!(trained.train_accuracy, 1.0);
//!
//! // A network like any other: every method and every pass works on it.
//! let network = build(&spec, &trained.weights)?;
//! let y = gradcam_nn::logits(&network, &examples.images)?;
//! assert_eq!(y.dims(), [20, 2]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Networks.** [`NetworkSpec`] is plain data for one of two families: the paper's convolutional network and a small residual one.
//! [`build`] makes a [`ModuleTree`](gradcam_nn::ModuleTree) of it.
//!
//! **Gradients.** Training is one more set of rules on a [`Tape`](gradcam_nn::Tape): on the way back to the picture each layer notes what its
//! weight and bias get. The network that is trained is the one that is explained. All gradients are checked against finite differences in f64.
//!
//! **Determinism.** The same arguments give the same weights to the bit on one machine, for any number of threads: the kernels sum in a fixed
//! order, and initial parameters and the order of the pictures come from ChaCha8.
//!
//! **Measured.** The example `digits` memorises 1,000 MNIST digits to an accuracy of 0.98 with [`Settings::quick`]: the residual network of
//! width 8 in about 20 epochs of the true and 40 of permuted labels, 10 and 20 seconds; the paper's with 64 units in 16 and 60 epochs, 20
//! and 80 seconds (two cores of a machine that was busy otherwise). As f16 the weights have 41 and 508 kB.
//!
//! **Files.** [`to_bytes`] and [`from_bytes`] are safetensors, on request with half precision, so that trained weights may be kept beside the
//! code that uses them.

mod adam;
mod data;
mod error;
mod gradient;
mod kernel_gradient;
mod network;
mod store;
mod train;

pub use data::{Examples, permuted_labels};
pub use error::TrainError;
pub use network::{Family, NetworkSpec, build, initial};
pub use store::{Storage, from_bytes, to_bytes};
pub use train::{Progress, Settings, Trained, accuracy, train};
