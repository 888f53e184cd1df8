//! `gradcam layers`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Layers {
    /// The name of an architecture, a folder, a repository of the hub, or with --arch a file of weights.
    #[arg(
        value_name = "NAME|DIR|FILE|hf:REPO[@REV]",
        default_value = "efficientnet-lite0"
    )]
    pub(crate) model: String,
    /// The architecture of a file of weights.
    #[arg(long, value_name = "NAME")]
    pub(crate) arch: Option<String>,
    /// Height and width of the input in pixels [default: the network's].
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=8192))]
    pub(crate) size: Option<u32>,
    /// Print one JSON object a line for each layer.
    #[arg(long)]
    pub(crate) json: bool,
}
