//! Pretrained networks under the names of their checkpoints, and pictures made ready for them.
//!
//! A [`Model`] is a network with everything that belongs to it: weights, label names and preprocessing. It comes from a folder with a
//! `config.json` and a `model.safetensors`, from the Hugging Face hub ([`hub`]), or, as the default, from the repository itself. Every
//! module can be tapped under its PyTorch path (`layer4.2.conv3`, `features.29`, `blocks.6.0.conv_pwl`); see [`architectures`]. With the
//! feature `text`, a CLIP embeds texts as well (`Model::text_encoder`).
//!
//! ```
//! use candle_core::Device;
//! use gradcam_models::{Model, picture, preprocess::Fit};
//! use gradcam_nn::Network;
//!
//! let model = Model::default_model(&Device::Cpu)?;
//! let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/photos/coffee.png");
//! let photo = picture::read(photo.as_ref(), Default::default())?;
//! let prepared = model.preprocess.prepare(&photo, Fit::Crop, &Device::Cpu)?;
//! let logits = model.network.forward(&prepared.tensor.unsqueeze(0)?, &mut ())?;
//! let class = logits.argmax(1)?.to_vec1::<u32>()?[0];
//! assert_eq!(model.labels[class as usize], "espresso");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod architectures;
mod config;
mod embedded;
mod error;
mod files;
#[cfg(feature = "hub")]
pub mod hub;
pub mod import;
mod labels;
mod layers;
mod load;
pub mod preprocess;
mod rename;
#[cfg(feature = "text")]
pub mod text;
mod wrapper;

pub use config::Config;
pub use error::LoadError;
pub use gradcam_picture as picture;
pub use gradcam_picture::bounded;
pub use load::Model;
pub use rename::rename;
