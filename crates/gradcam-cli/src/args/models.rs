//! `gradcam models`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Models {
    /// Print a line of JSON for each network.
    #[arg(long)]
    pub(crate) json: bool,
}
