//! `gradcam classify`.

use clap::Args;

use super::network::Network;

#[derive(Debug, Args)]
pub(crate) struct Classify {
    /// Pictures: files, folders (searched through), quoted patterns, or - for standard input.
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<String>,
    #[command(flatten)]
    pub(crate) network: Network,
    /// How many classes to name.
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) top: u64,
    /// Print one JSON object a line for each picture.
    #[arg(long)]
    pub(crate) json: bool,
}
