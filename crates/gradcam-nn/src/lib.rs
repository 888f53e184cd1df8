#![doc = include_str!("../README.md")]

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
#[doc(no_inline)]
pub use candle_core;
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
