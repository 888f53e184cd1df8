//! `gradcam check`.

use clap::{Args, ValueHint};

use super::model::Model;
use super::pictures::Pictures;

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) network: Model,
    /// The picture to check with [default: a seeded pattern].
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    #[command(flatten)]
    pub(crate) pictures: Pictures,
    /// The layer [default: the last one with a spatial map].
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Other)]
    pub(crate) layer: Option<String>,
    /// Number of units whose derivative is measured.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) units: u64,
    /// Seed of the pattern and of the choice of units.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print a line of JSON for each check.
    #[arg(long)]
    pub(crate) json: bool,
}
