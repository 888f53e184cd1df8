//! Networks that can be looked into.
//!
//! A network describes its computation once; a [`Pass`] decides how each operation runs. Plain inference is the pass `()`. A pass that taps
//! an activation, replaces it, changes a gradient rule or counts operations runs over the very same network, so there are no hooks to
//! register and none to forget. A pass that changes how operations run redefines [`Pass::operation`], which gets each of them as an [`Op`].
//!
//! ```
//! use gradcam_nn::candle::{DType, Device, Result, Tensor};
//! use gradcam_nn::ops::{Activation, AdaptiveAvgPool2d, Conv2d, ConvOptions, Padding};
//! use gradcam_nn::{ConvNormAct, Kind, Module, ModuleTree, Network, Pass, Weights};
//!
//! /// Remembers the shape of every module's output.
//! #[derive(Default)]
//! struct Shapes(Vec<(String, Vec<usize>)>);
//!
//! impl Pass for Shapes {
//!     fn tap(&mut self, name: &str, x: Tensor) -> Result<Tensor> {
//!         self.0.push((name.to_string(), x.dims().to_vec()));
//!         Ok(x)
//!     }
//! }
//!
//! let weights = Weights::random(0);
//! let options = ConvOptions {
//!     stride: (2, 2),
//!     padding: Padding::all(1),
//!     ..ConvOptions::default()
//! };
//! let conv = Conv2d::new(weights.get("conv.weight", &[4, 3, 3, 3])?, None, options);
//! let relu = Some((vec!["relu".to_string()], Activation::Relu));
//! let group = ConvNormAct::new((vec!["conv".to_string()], conv), None, relu)?;
//! let pool = Kind::AdaptiveAvgPool(AdaptiveAvgPool2d { output: (1, 1) });
//! let network = ModuleTree::new(
//!     vec![
//!         Module::unnamed(Kind::Conv(Box::new(group))),
//!         Module::new("pool", pool),
//!         Module::new("flatten", Kind::Flatten),
//!     ],
//!     &weights,
//! );
//!
//! let x = Tensor::ones((1, 3, 9, 9), DType::F32, &Device::Cpu)?;
//! let mut shapes = Shapes::default();
//! let y = network.forward(&x, &mut shapes)?;
//! assert_eq!(y.dims(), [1, 4]);
//! // The convolution and its activation ran as one kernel, so only the group's output was seen.
//! assert_eq!(shapes.0[0], ("relu".to_string(), vec![1, 4, 5, 5]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Gradients.** candle's own backward passes of pooling, norms and resizing are wrong or missing in places, some of them silently. The
//! operations in [`ops`] have their own, with PyTorch's conventions at zero and at ties, and each is checked against finite differences.
//! Weights are constants: only what follows the first variable is recorded, and no kernel gradient is ever computed.
//!
//! **Groups.** A convolution, its batch norm, a residual and an activation are one kernel ([`ConvNormAct`]); the norm becomes one factor and
//! one summand a channel, applied while the convolution's tile is in the cache. A pass that [wants](Pass::wants) a name inside gets the
//! operations one by one.
//!
//! **Determinism.** Work is split by shapes alone and summed in a fixed order: the same bits for any number of threads and any batch.

mod attention;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
mod dispatch;
mod embedding;
mod folded;
mod group;
mod kernels;
mod limit;
mod module;
mod network;
mod op;
pub mod ops;
mod pass;
mod rules;
mod tape;
mod weights;

pub use attention::{Attention, Named, WindowAttention};
pub use candle_core as candle;
pub use device::{Graph, cuda_device, out_of_memory};
pub use embedding::Embedding;
pub use module::{Kind, Module, ModuleTree};
pub use network::{Network, Tokens, logits};
pub use op::Op;
pub use ops::ConvNormAct;
pub use pass::Pass;
pub use rules::{Backward, Gradient, Rules};
pub use tape::Tape;
pub use weights::{Weights, WeightsError};
