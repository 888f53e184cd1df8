//! The network that a command looks at: its first argument.

use clap::Args;

/// The network that a command looks at.
#[derive(Debug, Args)]
pub(crate) struct Model {
    /// The name of an architecture, a folder, a repository of the hub, or with --arch a file of weights.
    #[arg(
        value_name = "NAME|DIR|FILE|hf:REPO[@REV]",
        default_value = "efficientnet-lite0"
    )]
    pub(crate) model: String,
    /// The architecture of a file of weights.
    #[arg(long, value_name = "NAME")]
    pub(crate) arch: Option<String>,
}
