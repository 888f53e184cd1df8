//! `gradcam man`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The command, in one or two words [default: gradcam itself].
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Write the command's page, and those of all commands below it, into this folder.
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
    /// Replace files that exist.
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}
