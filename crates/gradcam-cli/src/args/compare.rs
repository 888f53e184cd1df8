//! `gradcam compare`.

use clap::{Args, ValueHint};
use gradcam_viz::View;

use super::known;
use super::network::Network;
use super::option::option;
use super::sampling::Sampling;

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// A picture: a file, or - for standard input.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    #[command(flatten)]
    pub(crate) network: Network,
    /// The methods, separated by commas, or all; `gradcam methods` lists them.
    #[arg(
        long,
        value_name = "NAME,…|all",
        help_heading = "Method",
        value_delimiter = ',',
        default_value = "all",
        value_parser = known::methods()
    )]
    pub(crate) methods: Vec<String>,
    /// Set an option of one of the methods; may be given more than once.
    #[arg(long, value_name = "METHOD.OPTION=VALUE", help_heading = "Method", value_hint = ValueHint::Other, value_parser = option)]
    pub(crate) set: Vec<(String, String)>,
    /// The layer, for methods that use one [default: the last one with a spatial map].
    #[arg(long, value_name = "NAME", help_heading = "Method", value_hint = ValueHint::Other)]
    pub(crate) layer: Option<String>,
    /// The target: top (top2: the second rank), a class's index or label, a difference A-B, similarity to another picture (the cosine of the embeddings before the classifier) or, with CLIP, to a text.
    #[arg(
        long,
        value_name = "top|INDEX|LABEL|A-B|like:IMAGE|text:WORDS",
        help_heading = "Method",
        default_value = "top"
    )]
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) sampling: Sampling,
    /// How maps are drawn: overlay, heatmap, side-by-side, contour or boxes.
    #[arg(long, help_heading = "Picture", default_value_t = View::Overlay, value_parser = known::view(), hide_possible_values = true)]
    pub(crate) view: View,
    /// The sheet's file, a folder, or - for standard output [default: NAME.compare.png in the working folder].
    #[arg(short, long, value_name = "FILE|DIR|-", help_heading = "Output")]
    pub(crate) output: Option<String>,
    /// Print one JSON object with the methods and the correlations.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Replace an existing file.
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
}
