//! The network that a command examines: its first argument.

use clap::Args;

use super::graph::Graph;

/// The network that a command examines.
#[derive(Debug, Args)]
pub(crate) struct Model {
    /// An architecture's name, a folder, a hub repository, an ONNX file, or (with --arch) a weights file.
    #[arg(
        value_name = "NAME|DIR|FILE|hf:REPO[@REV]",
        default_value = "efficientnet-lite0"
    )]
    pub(crate) model: String,
    /// The architecture of a weights file.
    #[arg(long, value_name = "NAME")]
    pub(crate) arch: Option<String>,
    #[command(flatten)]
    pub(crate) graph: Graph,
}
