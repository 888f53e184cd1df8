//! `gradcam data`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use gradcam_data::Layout;

use super::known;
use super::option::option;

/// Returns the help on turning a user's own pictures into a data set, and on every layout.
pub(super) fn own() -> String {
    let layout = |layout: &Layout| format!("\n    {:<14}{}", layout.name(), layout.about());
    let layouts: String = Layout::ALL.iter().map(layout).collect();
    format!("{}{layouts}", include_str!("own_data.txt").trim_ascii_end())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// Describe a data set: layout, pictures, classes, objects.
    Info(DataInfo),
    /// Draw a data set from a seed: shapes, pasted, glyphs or lesions.
    Make(DataMake),
    /// Paste cut-outs (CUTOUTS/CLASS/*.png with alpha) onto scenes, with masks.
    Paste(DataPaste),
}

#[derive(Debug, Args)]
pub(crate) struct DataInfo {
    /// The data set's folder.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DataMake {
    /// The generator: shapes, pasted, glyphs or lesions.
    #[arg(value_name = "GENERATOR", value_parser = known::generator(), hide_possible_values = true)]
    pub(crate) generator: String,
    /// Number of training pictures.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(0..=10_000_000))]
    pub(crate) train: u64,
    /// Number of test pictures.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(0..=10_000_000))]
    pub(crate) test: u64,
    /// Set a parameter of the generator; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = option)]
    pub(crate) set: Vec<(String, String)>,
    /// The seed.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// The folder to create.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DataPaste {
    /// A folder of cut-outs, with one folder per class.
    #[arg(value_name = "CUTOUTS")]
    pub(crate) cutouts: PathBuf,
    /// A folder of background pictures.
    #[arg(value_name = "SCENES")]
    pub(crate) scenes: PathBuf,
    /// Number of pictures to compose.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) count: u64,
    /// Side of the pictures in pixels.
    #[arg(long, value_name = "PIXELS", default_value_t = 320, value_parser = clap::value_parser!(u64).range(16..=4096))]
    pub(crate) size: u64,
    /// Leave out the second object, which is of another class.
    #[arg(long)]
    pub(crate) no_distractor: bool,
    /// The seed.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// The folder to create.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
}
