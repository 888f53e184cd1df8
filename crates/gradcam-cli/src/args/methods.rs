//! `gradcam methods`.

use clap::{Args, ValueHint};

#[derive(Debug, Args)]
pub(crate) struct Methods {
    /// Say which methods coincide on this network.
    #[arg(long, value_name = "NAME|DIR|FILE|hf:REPO[@REV]")]
    pub(crate) model: Option<String>,
    /// The architecture of a file of weights.
    #[arg(long, value_name = "NAME", requires = "model")]
    pub(crate) arch: Option<String>,
    /// The layer for that [default: the last one with a spatial map].
    #[arg(long, value_name = "NAME", requires = "model", value_hint = ValueHint::Other)]
    pub(crate) layer: Option<String>,
    /// Print one JSON object a line for each method.
    #[arg(long)]
    pub(crate) json: bool,
}
