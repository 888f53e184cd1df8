//! Why a checkpoint is not imported.

use std::path::{Path, PathBuf};

use crate::LoadError;
use crate::bounded::ReadError;

/// Why a checkpoint is not imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// The file is neither of PyTorch's nor of safetensors.
    #[error(
        "`{}` is no checkpoint: expected what `torch.save` of PyTorch 1.6 or later writes, or safetensors, found {found}", path.display()
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        found: String,
    },
    /// PyTorch wrote the file before version 1.6.
    #[error(
        "`{}` is of PyTorch before 1.6; load and save it again in a later one: `torch.save(torch.load(FILE), FILE)`", path.display()
    )]
    Legacy {
        /// The file.
        path: PathBuf,
    },
    /// The file holds a program.
    #[error(
        "`{}` is TorchScript, a program with its weights; save the weights alone: `torch.save(torch.jit.load(FILE).state_dict(), FILE)`", path.display()
    )]
    TorchScript {
        /// The file.
        path: PathBuf,
    },
    /// The pickle makes an object that no state dict needs.
    #[error(
        "`{}` holds an object of the class or function `{name}`, which is not run or made here; save the weights alone: `torch.save(model.state_dict(), FILE)`", path.display()
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
        /// How.
        reason: String,
    },
    /// The file has no state dict.
    #[error(
        "`{}` has no named tensors, neither at the top nor under `state_dict`, `model_state_dict`, `model` or the like; found {found}", path.display()
    )]
    NoTensors {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// The classifier that says how many classes there are is not there.
    #[error(
        "the number of classes is not known: `{}` has no `{}` of `{architecture}`", path.display(), heads.join("` or `")
    )]
    NoClassifier {
        /// The file.
        path: PathBuf,
        /// The architecture.
        architecture: &'static str,
        /// The parameters that were looked for.
        heads: Vec<String>,
    },
    /// The file of label names is not what it should be.
    #[error("`{}`: {reason}", path.display())]
    Labels {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The architecture is unknown, or does not fit.
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
