//! `gradcam classify`.

use clap::Args;

use super::network::Network;

#[derive(Debug, Args)]
pub(crate) struct Classify {
    /// Pictures: files, folders (searched recursively), quoted patterns, or - for standard input.
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<String>,
    #[command(flatten)]
    pub(crate) network: Network,
    /// Number of classes to list.
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) top: u64,
    /// Print a line of JSON for each picture.
    #[arg(long)]
    pub(crate) json: bool,
}
