#![doc = include_str!("../README.md")]

pub mod architectures;
mod config;
mod digest;
mod error;
mod files;
#[cfg(feature = "hub")]
pub mod hub;
pub mod import;
mod labels;
mod layers;
mod load;
mod network;
#[cfg(feature = "onnx")]
pub mod onnx;
pub mod preprocess;
mod rename;
#[cfg(feature = "text")]
pub mod text;
mod wrapper;

#[doc(no_inline)]
pub use candle_core;
#[cfg(feature = "explain")]
#[doc(no_inline)]
pub use gradcam;
#[doc(no_inline)]
pub use gradcam_nn;
#[doc(no_inline)]
pub use image;

pub use config::Config;
pub use digest::sha256;
pub use error::LoadError;
pub use gradcam_picture as picture;
pub use gradcam_picture::bounded;
pub use load::Model;
pub use network::ModelNetwork;
pub use rename::rename;
