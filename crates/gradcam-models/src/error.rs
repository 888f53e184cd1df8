//! Why a model cannot be loaded.

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
        /// Why.
        source: ReadError,
    },
    /// A description is not what it should be.
    #[error("`{file}` cannot be read: {reason}")]
    Config {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
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
    /// The weights hold parameters that the architecture has no place for.
    #[error("the weights of `{model}` hold {count} parameters that `{architecture}` does not have: `{}`", names.join("`, `"))]
    Unused {
        /// The folder or repository.
        model: String,
        /// The architecture.
        architecture: &'static str,
        /// How many.
        count: usize,
        /// The first of them.
        names: Vec<String>,
    },
    /// All parameters lie under a module that training put around the network.
    #[error(
        "the parameters of `{model}` are named `{prefix}…`, as training wraps a network; `{architecture}` has them without; `gradcam import FILE {architecture} -o DIR` takes it off"
    )]
    Wrapped {
        /// The folder or repository.
        model: String,
        /// The architecture.
        architecture: &'static str,
        /// What the names begin with.
        prefix: &'static str,
    },
    /// The weights are not those that the model is known by.
    #[error(
        "the weights of `{model}` have the SHA-256 {found}, expected {expected}: the file is damaged or another one"
    )]
    Checksum {
        /// The model.
        model: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The default model's folder is missing.
    #[error(
        "the default model is not built in, and its folder `models/efficientnet-lite0` was not found; build with the feature `embedded`"
    )]
    NoDefault,
    /// The hub did not give the files.
    #[cfg(feature = "hub")]
    #[error(transparent)]
    Hub(#[from] crate::hub::HubError),
}
