//! `gradcam metrics`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Metrics {
    /// Print a line of JSON for each metric.
    #[arg(long)]
    pub(crate) json: bool,
}
