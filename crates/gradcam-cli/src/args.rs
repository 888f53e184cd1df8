//! The command line: one file for each command and each group of shared options.

mod card;
mod check;
mod classify;
mod compare;
mod data;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod documents;
mod evaluate;
mod explain;
mod graph;
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
pub(crate) use self::graph::{Channels, Graph};
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
    after_help = "Data goes to stdout, everything else to stderr. Exit status: 0 done, 1 a check failed, 2 an error or a bad image, 130 interrupted, 141 the reader of stdout went away."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print less: once for errors and warnings only, twice for nothing.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "verbose")]
    pub(crate) quiet: u8,
    /// Print more.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Explain the network's classes with pictures, maps and records.
    #[command(after_long_help = explain::EXAMPLES)]
    Explain(Box<Explain>),
    /// Explain one picture with several methods, side by side, with times and rank correlations.
    Compare(Box<Compare>),
    /// Classify pictures: list the classes with the highest probabilities.
    Classify(Classify),
    /// List the supported networks.
    Models(Models),
    /// Make a model folder from a PyTorch checkpoint or a safetensors file.
    Import(Import),
    /// List a network's layers with their shapes, strides and parameters.
    Layers(Layers),
    /// List the methods with their papers, costs and options.
    Methods(Methods),
    /// List the metrics with their papers, ranges and needs.
    Metrics(Metrics),
    /// Check a network's gradient against finite differences, and the sums and determinism of methods.
    Check(Check),
    /// Measure methods on a data set: faithfulness, localisation and more, with confidence intervals and uninformed baselines.
    #[command(after_help = evaluate::NUMBERS)]
    Evaluate(Box<Evaluate>),
    /// Measure a saliency card: a method's properties and its result in every test, as JSON, Markdown and HTML.
    Card(Box<CardArgs>),
    /// Inspect, draw or compose data sets; the help shows how to make one of your own pictures.
    #[command(subcommand, after_help = data::own())]
    Data(Data),
    /// Print a shell's completion script for gradcam.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print a manual page, or write all of them.
    Man(ManArgs),
}
