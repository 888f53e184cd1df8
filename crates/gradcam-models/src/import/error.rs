//! Why a checkpoint cannot be imported.

use std::path::{Path, PathBuf};

use crate::LoadError;
use crate::bounded::ReadError;

/// Why a checkpoint cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: ReadError,
    },
    /// The file is neither PyTorch's nor safetensors.
    #[error(
        "`{}` is not a checkpoint: expected safetensors or a file that `torch.save` of PyTorch 1.6 or later wrote, found {found}", path.display()
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// What the file looks like.
        found: String,
    },
    /// PyTorch wrote the file before version 1.6.
    #[error(
        "`{}` is from PyTorch before 1.6; load and save it again in a later version: `torch.save(torch.load(FILE), FILE)`", path.display()
    )]
    Legacy {
        /// The file.
        path: PathBuf,
    },
    /// The file holds a TorchScript program.
    #[error(
        "`{}` is TorchScript, a program with its weights; save only the weights: `torch.save(torch.jit.load(FILE).state_dict(), FILE)`", path.display()
    )]
    TorchScript {
        /// The file.
        path: PathBuf,
    },
    /// The pickle uses a class or function that no state dict needs.
    #[error(
        "`{}` uses the class or function `{name}`, which is not run here; save only the weights: `torch.save(model.state_dict(), FILE)`", path.display()
    )]
    UnknownClass {
        /// The file.
        path: PathBuf,
        /// `MODULE.NAME`.
        name: String,
    },
    /// The file breaks the rules of its format.
    #[error("`{}` is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage.
        reason: String,
    },
    /// The file has no state dict.
    #[error(
        "`{}` has no named tensors, neither at the top nor under `state_dict`, `model_state_dict`, `model` or the like; found {found}", path.display()
    )]
    NoTensors {
        /// The file.
        path: PathBuf,
        /// What the file holds instead.
        found: String,
    },
    /// The classifier, which gives the number of classes, is missing.
    #[error(
        "the number of classes is unknown: `{}` has no `{}` of `{architecture}`", path.display(), heads.join("` or `")
    )]
    NoClassifier {
        /// The file.
        path: PathBuf,
        /// The architecture.
        architecture: &'static str,
        /// The expected parameters.
        heads: Vec<String>,
    },
    /// The label file is invalid.
    #[error("`{}`: {reason}", path.display())]
    Labels {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The architecture is unknown or does not fit.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The tensors cannot be written as safetensors.
    #[error("cannot write safetensors: {0}")]
    Write(String),
}

impl ImportError {
    pub(super) fn read(path: &Path) -> impl FnOnce(ReadError) -> ImportError {
        let path = path.to_path_buf();
        move |source| ImportError::Read { path, source }
    }
}
