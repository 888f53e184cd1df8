//! From a state dict to a model folder.

use std::path::Path;

use anyhow::Result;
use xshell::{Shell, cmd};

/// Runs the example `import` of `gradcam-models`, which has candle's reader of pickles: this crate never depends on candle.
pub(crate) fn run(sh: &Shell, file: &Path, architecture: &str, output: &Path) -> Result<()> {
    cmd!(
        sh,
        "cargo run --release --quiet --package gradcam-models --example import -- {file} {architecture} {output}"
    )
    .quiet()
    .run()?;
    Ok(())
}
