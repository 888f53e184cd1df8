//! Why a network says what it says: Grad-CAM and its family.
//!
//! A convolutional network ends in a stack of feature maps, each of which fires where it sees its own pattern. Grad-CAM asks how much the
//! score of a class would rise if a map fired more strongly, weighs each map with the answer, and adds them up: what remains positive is
//! where the network found evidence for the class. Its relatives weigh the maps otherwise, follow the score back to the pixels, or hide
//! parts of the picture and look what becomes of the score. All of them are a [`Method`], asked by an [`Explainer`].
//!
//! What is explained is a [`Target`]: a class, what sets it apart from another, likeness to another picture or a text, or any function of
//! the network's output; [`Dense`] makes classes of a segmentation.
//!
//! The crate works on every [`Network`](gradcam_nn::Network). A network of one's own needs a forward pass and one `tap` for each layer
//! that is worth looking at:
//!
//! ```
//! use candle_core::{Device, Result, Tensor};
//! use gradcam::{Explainer, Target};
//! use gradcam_nn::{Network, Pass};
//!
//! /// Two feature maps (the picture and its negative), averaged into two logits.
//! struct Bright;
//!
//! impl Network for Bright {
//!     fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
//!         let maps = Tensor::cat(&[x, &(1.0 - x)?], 1)?;
//!         let maps = pass.tap("maps", maps)?;
//!         maps.mean((2, 3))
//!     }
//! }
//!
//! let picture = Tensor::new(&[[[[0.9_f32, 0.1], [0.2, 0.3]]]], &Device::Cpu)?;
//! let heatmap = Explainer::default().explain_one(&Bright, &picture, Target::Index(0))?;
//! assert_eq!(heatmap.raw().argmax(), Some((0, 0)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The result ([`Heatmap`]) keeps the signed map at the layer's resolution, the map after the ReLU, the map at the picture's resolution,
//! and a [`Verdict`]: a map may be empty for several reasons, and they should not look alike. Nothing is rescaled before a picture is
//! drawn.
//!
//! Maps are the same to the bit for any number of threads and any batch.

mod ask;
mod error;
mod map;
pub mod methods;
mod saliency;
mod seen;
mod target;

pub use ask::audit::{Audit, audit_gradient, audit_gradient_by};
pub use ask::batch::{BatchMaps, RecordedGradCam, grad_cam_batch};
pub use ask::dense::{Dense, predicted_region};
pub use ask::explainer::{Cost, Explainer, Fusion, PassCost, explain_each};
pub use ask::heatmap::{Heatmap, LayerMap, Verdict};
pub use error::{Error, Result, nearest_names};
pub use map::grid::Grid;
pub use map::interpolation::Interpolation;
pub use map::rank::rank_correlations;
pub use methods::baseline::{Baseline, Inputs};
pub use methods::{About, Method, MethodError};
pub use saliency::{Features, Saliency, SignedMap, Source, Subject};
pub use seen::input_gradient::input_gradient;
pub use seen::layers::{Layer, Layers, coincide, layers};
pub use seen::masks::{Mask, Taps, masked_logits};
pub use target::{Explained, Score, Target, TargetError, probabilities, ranking};
