//! `gradcam metrics`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Metrics {
    /// Print one JSON object a line for each metric.
    #[arg(long)]
    pub(crate) json: bool,
}
