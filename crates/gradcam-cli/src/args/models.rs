//! `gradcam models`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Models {
    /// Print one JSON object a line for each network.
    #[arg(long)]
    pub(crate) json: bool,
}
