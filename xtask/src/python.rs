//! Python environments.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Finds the interpreter of the environment in `venv`.
pub(crate) fn interpreter(venv: &Path) -> Result<PathBuf> {
    ["bin/python", "Scripts/python.exe"]
        .map(|path| venv.join(path))
        .into_iter()
        .find(|path| path.exists())
        .with_context(|| format!("no Python environment at `{}`", venv.display()))
}
