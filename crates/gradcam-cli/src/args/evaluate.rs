//! `gradcam evaluate`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use gradcam_eval::evaluate::Null;

use super::known;
use super::network::Network;
use super::sampling::Sampling;

pub(crate) const NUMBERS: &str = "Intervals are 95 % bootstrap intervals of the mean; * marks those of fewer than 30 images, which are too narrow. \
p-values are of one-sided sign-flip tests that a method is better than an uninformed map on the same images. Holm's \
correction covers the methods and nulls of one metric, not several metrics.";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Evaluate {
    #[command(subcommand)]
    pub(crate) command: Option<EvaluateCommand>,
    /// The data set's folder; `gradcam data info` describes it.
    #[arg(value_name = "DATA", required = true)]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) network: Network,
    /// The methods, separated by commas, or all for those that suit the network; `gradcam methods` lists them.
    #[arg(
        long,
        value_name = "NAME,…|all",
        help_heading = "Study",
        value_delimiter = ',',
        default_value = "grad-cam",
        value_parser = known::methods()
    )]
    pub(crate) methods: Vec<String>,
    /// The metrics, separated by commas, or all for those that the data set allows; `gradcam metrics` lists them.
    #[arg(
        long,
        value_name = "NAME,…|all",
        help_heading = "Study",
        value_delimiter = ',',
        default_value = "deletion,insertion,sparsity",
        value_parser = known::metrics()
    )]
    pub(crate) metrics: Vec<String>,
    /// Uninformed maps to compare with: random, centre, permuted, shuffled, untrained or mean-mask; each method has its own.
    #[arg(
        long,
        value_name = "NAME,…",
        help_heading = "Study",
        value_delimiter = ',',
        default_value = "random,centre",
        value_parser = known::null(),
        hide_possible_values = true
    )]
    pub(crate) nulls: Vec<Null>,
    /// The layer, for methods that use one [default: the last one with a spatial map].
    #[arg(long, value_name = "NAME", help_heading = "Study", value_hint = ValueHint::Other)]
    pub(crate) layer: Option<String>,
    #[command(flatten)]
    pub(crate) sampling: Sampling,
    /// Seed of all random draws.
    #[arg(long, value_name = "N", help_heading = "Study", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Write a line of JSON for each image as soon as it is measured.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) records: Option<PathBuf>,
    /// Continue from the existing records.
    #[arg(long, help_heading = "Output", requires = "records")]
    pub(crate) resume: bool,
    /// Measure part K of N of the images; `gradcam evaluate merge` joins the records.
    #[arg(
        long,
        value_name = "K/N",
        help_heading = "Output",
        requires = "records"
    )]
    pub(crate) shard: Option<String>,
    /// Print one JSON object.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvaluateCommand {
    /// Summarise the records of one run or of its shards.
    #[command(after_help = NUMBERS)]
    Merge(Merge),
}

#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// Files written by `--records`.
    #[arg(value_name = "RECORDS", required = true)]
    pub(crate) records: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}
