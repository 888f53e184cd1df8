//! `gradcam import`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// A checkpoint: .pth, .pt, .ckpt or .bin of PyTorch 1.6 or later, or .safetensors.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The checkpoint's architecture; `gradcam models` lists them.
    #[arg(value_name = "ARCHITECTURE")]
    pub(crate) architecture: String,
    /// The folder to create, for --model.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Label names: a text file with one per line, or JSON (a list, or a map from numbers to names).
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// Replace existing files.
    #[arg(long)]
    pub(crate) force: bool,
}
