//! `gradcam methods`.

use clap::{Args, ValueHint};

#[derive(Debug, Args)]
pub(crate) struct Methods {
    /// Show which methods coincide on this network.
    #[arg(long, value_name = "NAME|DIR|FILE|hf:REPO[@REV]")]
    pub(crate) model: Option<String>,
    /// The architecture, if --model is a weights file.
    #[arg(long, value_name = "NAME", requires = "model")]
    pub(crate) arch: Option<String>,
    /// The layer at which they coincide [default: the last one with a spatial map].
    #[arg(long, value_name = "NAME", requires = "model", value_hint = ValueHint::Other)]
    pub(crate) layer: Option<String>,
    /// Print a line of JSON for each method.
    #[arg(long)]
    pub(crate) json: bool,
}
