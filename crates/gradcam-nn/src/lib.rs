//! Networks that can be looked into.

mod dispatch;
mod group;
mod kernels;
mod module;
mod network;
pub mod ops;
mod pass;
mod weights;

pub use candle_core as candle;
pub use group::ConvNormAct;
pub use module::{Kind, Module, ModuleTree};
pub use network::Network;
pub use pass::Pass;
pub use weights::{Weights, WeightsError};
