//! `gradcam card`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::known;
use super::network::Network;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct CardArgs {
    #[command(subcommand)]
    pub(crate) command: Option<CardCommand>,
    #[command(flatten)]
    pub(crate) network: Network,
    /// The method that the card describes.
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "Card",
        default_value = "grad-cam",
        value_parser = known::method()
    )]
    pub(crate) method: String,
    /// Methods to compare it with, separated by commas.
    #[arg(
        long,
        value_name = "NAME,…",
        help_heading = "Card",
        value_delimiter = ',',
        value_parser = known::method()
    )]
    pub(crate) against: Vec<String>,
    /// The layer, for methods that use one [default: the last one with a spatial map].
    #[arg(long, value_name = "NAME", help_heading = "Card", value_hint = ValueHint::Other)]
    pub(crate) layer: Option<String>,
    /// The data set's folder, with masks or boxes for the tests that need them.
    #[arg(long, value_name = "DIR", help_heading = "Card")]
    pub(crate) data: Option<PathBuf>,
    /// Small labelled pictures (MNIST's IDX files) for the label test [default: drawn glyphs].
    #[arg(long, value_name = "DIR", help_heading = "Card")]
    pub(crate) labels_data: Option<PathBuf>,
    /// Measure as many images as the grading rule requires; this is the default.
    #[arg(long, help_heading = "Card", conflicts_with = "full")]
    pub(crate) quick: bool,
    /// Measure all images and every block of the network.
    #[arg(long, help_heading = "Card")]
    pub(crate) full: bool,
    /// Seed of all random draws.
    #[arg(long, value_name = "N", help_heading = "Card", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Number of example pictures on the card; 0 also leaves out the sweep's pictures.
    #[arg(long, value_name = "N", help_heading = "Card", default_value_t = 6, value_parser = clap::value_parser!(u64).range(0..=100))]
    pub(crate) examples: u64,
    /// Tests whose failure makes the exit status 1, separated by commas.
    #[arg(
        long,
        value_name = "TEST,…",
        help_heading = "Card",
        value_delimiter = ','
    )]
    pub(crate) fail_on: Vec<String>,
    /// The folder for card.json, card.md and card.html.
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Continue a card in that folder whose measurement was interrupted or failed.
    #[arg(long, help_heading = "Output")]
    pub(crate) resume: bool,
    /// Replace existing files.
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CardCommand {
    /// Render the pages of a card again.
    Render(CardRender),
    /// Print the differences between two cards; exit status 1 if there are any.
    Diff(CardDiff),
    /// Retrain the small networks that come with the program, for the tests of objects before scenes.
    Train(CardTrain),
}

#[derive(Debug, Args)]
pub(crate) struct CardTrain {
    /// The safetensors file to write.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace an existing file.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CardRender {
    /// The card.
    #[arg(value_name = "CARD.json")]
    pub(crate) card: PathBuf,
    /// The folder for card.md and card.html.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Only name the card's pictures, which then need not lie beside it.
    #[arg(long)]
    pub(crate) no_pictures: bool,
    /// Replace existing files.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CardDiff {
    /// The first card.
    #[arg(value_name = "A.json")]
    pub(crate) a: PathBuf,
    /// The second card.
    #[arg(value_name = "B.json")]
    pub(crate) b: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}
