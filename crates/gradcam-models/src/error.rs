//! Errors of loading a model.

use std::path::PathBuf;

use gradcam_nn::WeightsError;

use crate::architectures::UnknownArchitecture;
use crate::bounded::ReadError;

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: ReadError,
    },
    /// A description is invalid.
    #[error("`{file}` cannot be read: {reason}")]
    Config {
        /// The file.
        file: String,
        /// The reason.
        reason: String,
    },
    /// An ONNX file cannot be used.
    #[cfg(feature = "onnx")]
    #[error(transparent)]
    Onnx(#[from] crate::onnx::OnnxError),
    /// No architecture has this name.
    #[error(transparent)]
    UnknownArchitecture(#[from] UnknownArchitecture),
    /// The weights do not fit the architecture.
    #[error("the weights of `{model}` do not fit")]
    Weights {
        /// The folder or repository.
        model: String,
        /// What is wrong.
        source: WeightsError,
    },
    /// The weights hold parameters that the architecture does not have.
    #[error("the weights of `{model}` hold {count} parameters that `{architecture}` does not have: `{}`", names.join("`, `"))]
    Unused {
        /// The folder or repository.
        model: String,
        /// The architecture.
        architecture: &'static str,
        /// The number of such parameters.
        count: usize,
        /// The first few names.
        names: Vec<String>,
    },
    /// All parameters lie under a module that a training framework wrapped around the network.
    #[error(
        "the parameters of `{model}` are named `{prefix}…`, as by a training wrapper; `{architecture}` has no such prefix; `gradcam import FILE {architecture} -o DIR` removes it"
    )]
    Wrapped {
        /// The folder or repository.
        model: String,
        /// The architecture.
        architecture: &'static str,
        /// The prefix of the names.
        prefix: &'static str,
    },
    /// The weights are not the model's known ones.
    #[error(
        "the weights of `{model}` have the SHA-256 {found}, expected {expected}: the file is damaged or a different one"
    )]
    Checksum {
        /// The model.
        model: String,
        /// The expected checksum.
        expected: String,
        /// The file's checksum.
        found: String,
    },
    /// The default model's folder is missing.
    #[error(
        "the default model is not built in, and its folder `models/efficientnet-lite0` was not found; build with the feature `embedded`"
    )]
    NoDefault,
    /// The hub did not provide the files.
    #[cfg(feature = "hub")]
    #[error(transparent)]
    Hub(#[from] crate::hub::HubError),
}
