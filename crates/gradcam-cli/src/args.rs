//! The command line: one file for each command, and for each group of options that commands share.

mod card;
mod check;
mod classify;
mod compare;
mod data;
mod evaluate;
mod explain;
mod import;
mod known;
mod layers;
mod man;
mod methods;
mod metrics;
mod model;
mod models;
mod network;
mod option;
mod pictures;
mod precision;
mod sampling;

use clap::{Parser, Subcommand};

pub(crate) use self::card::{CardArgs, CardCommand, CardDiff, CardRender, CardTrain};
pub(crate) use self::check::Check;
pub(crate) use self::classify::Classify;
pub(crate) use self::compare::Compare;
pub(crate) use self::data::{Data, DataInfo, DataMake, DataPaste};
pub(crate) use self::evaluate::{Evaluate, EvaluateCommand};
pub(crate) use self::explain::Explain;
pub(crate) use self::import::Import;
pub(crate) use self::layers::Layers;
pub(crate) use self::man::ManArgs;
pub(crate) use self::methods::Methods;
pub(crate) use self::metrics::Metrics;
pub(crate) use self::models::Models;
pub(crate) use self::network::Network;
pub(crate) use self::pictures::Pictures;
pub(crate) use self::precision::Precision;
pub(crate) use self::sampling::Sampling;

/// Show which pixels make a vision network say what it says, with Grad-CAM.
#[derive(Debug, Parser)]
#[command(name = "gradcam", version, max_term_width = 100)]
#[command(
    after_help = "Data goes to stdout, everything else to stderr. Exit status: 0 done, 1 a check failed, 2 an error or a bad image, 130 interrupted, 141 nobody read on."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say less: once for errors and warnings only, twice for nothing.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "verbose")]
    pub(crate) quiet: u8,
    /// Say more.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Explain why the network gives its classes, as pictures, maps and records.
    #[command(after_long_help = explain::EXAMPLES)]
    Explain(Box<Explain>),
    /// Explain one picture by several methods, side by side, with times and rank correlations.
    Compare(Box<Compare>),
    /// Name what the pictures show: the classes with the highest probabilities.
    Classify(Classify),
    /// List the supported networks.
    Models(Models),
    /// Make a model's folder of a checkpoint: what PyTorch saves, or safetensors.
    Import(Import),
    /// List the layers of a network that can be explained.
    Layers(Layers),
    /// List the methods with their papers, costs and options.
    Methods(Methods),
    /// List the metrics with their papers, ranges and needs.
    Metrics(Metrics),
    /// Check a network's gradient against finite differences, and what methods promise: sums, and the same bytes.
    Check(Check),
    /// Measure methods on a data set: faithfulness, localisation and more, with intervals and what knows nothing beside them.
    #[command(after_help = evaluate::NUMBERS)]
    Evaluate(Box<Evaluate>),
    /// Measure a saliency card: what a method does and how it fares in every test, as JSON, Markdown and a page.
    Card(Box<CardArgs>),
    /// Look at data sets, draw them, or compose them; says how your own pictures become one.
    #[command(subcommand, after_help = data::OWN)]
    Data(Data),
    /// Print a script that completes gradcam's arguments in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print a manual page, or write all of them.
    Man(ManArgs),
}
