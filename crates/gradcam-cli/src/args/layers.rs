//! `gradcam layers`.

use clap::Args;

use super::model::Model;

#[derive(Debug, Args)]
pub(crate) struct Layers {
    #[command(flatten)]
    pub(crate) network: Model,
    /// Height and width of the input in pixels [default: the network's].
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=8192))]
    pub(crate) size: Option<u32>,
    /// Print a line of JSON for each layer.
    #[arg(long)]
    pub(crate) json: bool,
}
