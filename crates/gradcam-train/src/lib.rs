#![doc = include_str!("../README.md")]

mod adam;
mod data;
mod error;
mod gradient;
mod kernel_gradient;
mod network;
mod store;
mod train;

#[doc(no_inline)]
pub use candle_core;
#[doc(no_inline)]
pub use gradcam_nn;

pub use data::{Examples, permuted_labels};
pub use error::TrainError;
pub use network::{Family, NetworkSpec, build, initial};
pub use store::{Storage, from_bytes, to_bytes};
pub use train::{Progress, Settings, Trained, accuracy, train};
