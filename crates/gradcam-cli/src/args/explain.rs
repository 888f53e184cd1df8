//! `gradcam explain`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use gradcam::{Fusion, Interpolation};
use gradcam_viz::{ColorMap, View};

use super::known;
use super::network::Network;
use super::option::option;
use super::sampling::Sampling;

pub(crate) const EXAMPLES: &str = "Examples:
  gradcam explain cat.jpg                            writes cat.gradcam.png
  gradcam explain cat.jpg --target tabby-lynx        the evidence for tabby rather than lynx
  gradcam explain cat.jpg --target like:other.jpg    the evidence that the two are similar
  gradcam explain cat.jpg --model hf:openai/clip-vit-base-patch32 --target 'text:a photo of a cat'
  gradcam explain photos/ -o maps/ --top 3 --json    three maps for each picture of a folder
  gradcam explain cat.jpg --method grad-cam++        another method of the family
  gradcam explain cat.jpg --model hf:timm/resnet50.a1_in1k --layer layer3
  gradcam explain - -o - < cat.jpg > map.png         as a filter";

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Pictures: files, folders (searched recursively), quoted patterns, or - for standard input.
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<String>,
    #[command(flatten)]
    pub(crate) network: Network,
    /// The layer to explain; if given more than once, the maps are fused [default: the last one with a spatial map].
    #[arg(long, value_name = "NAME", help_heading = "Method", value_hint = ValueHint::Other)]
    pub(crate) layer: Vec<String>,
    /// The target: top (top2: the second rank), a class's index or label, a difference A-B, similarity to another picture (the cosine of the embeddings before the classifier) or, with CLIP, to a text; may be given more than once [default: top].
    #[arg(
        long,
        value_name = "top|INDEX|LABEL|A-B|like:IMAGE|text:WORDS",
        help_heading = "Method",
        conflicts_with = "top"
    )]
    pub(crate) target: Vec<String>,
    /// Explain the K classes with the highest scores.
    #[arg(long, value_name = "K", help_heading = "Method", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) top: Option<u64>,
    /// The method; `gradcam methods` lists them.
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "Method",
        default_value = "grad-cam",
        value_parser = known::method()
    )]
    pub(crate) method: String,
    /// Set an option of the method; may be given more than once.
    #[arg(
        long,
        value_name = "OPTION=VALUE",
        help_heading = "Method",
        value_hint = ValueHint::Other,
        value_parser = option
    )]
    pub(crate) set: Vec<(String, String)>,
    /// How the map is upsampled: nearest, bilinear, bicubic or lanczos3.
    #[arg(long, help_heading = "Method", default_value_t = Interpolation::Bilinear, value_parser = known::interpolation(), hide_possible_values = true)]
    pub(crate) interpolation: Interpolation,
    /// Keep negative evidence.
    #[arg(long, help_heading = "Method")]
    pub(crate) no_relu: bool,
    /// Show the evidence against the target; not for maps without a sign or a target.
    #[arg(long, help_heading = "Method")]
    pub(crate) counterfactual: bool,
    #[command(flatten)]
    pub(crate) sampling: Sampling,
    /// How the maps of several layers are fused: by the mean, the maximum, or LayerCAM's maximum, which raises finer maps by tanh.
    #[arg(long, help_heading = "Method", default_value_t = Fusion::Mean, value_parser = known::fusion())]
    pub(crate) fusion: Fusion,
    /// How the map is drawn: overlay, heatmap, side-by-side, contour or boxes.
    #[arg(long, help_heading = "Picture", default_value_t = View::Overlay, value_parser = known::view(), hide_possible_values = true)]
    pub(crate) view: View,
    /// The colour map: turbo, viridis, inferno, magma, cividis, jet or coolwarm [default: turbo; coolwarm with --no-relu].
    #[arg(long, help_heading = "Picture", value_parser = known::colormap(), hide_possible_values = true)]
    pub(crate) colormap: Option<ColorMap>,
    /// Opacity of the strongest evidence over the photo, 0 to 1.
    #[arg(long, help_heading = "Picture", default_value_t = 0.5)]
    pub(crate) alpha: f32,
    /// Write the class, the probability or score, and the method below the picture.
    #[arg(long, help_heading = "Picture")]
    pub(crate) caption: bool,
    /// Enlarge a small picture by the largest whole factor that keeps it within this many pixels; 0 keeps its own size.
    #[arg(long, value_name = "PIXELS", help_heading = "Picture", default_value_t = 256, value_parser = clap::value_parser!(u32).range(0..=8192))]
    pub(crate) enlarge: u32,
    /// Show the picture in the terminal.
    #[arg(long, help_heading = "Picture", conflicts_with = "json")]
    pub(crate) show: bool,
    /// The picture's file, a folder for the pictures, or - for standard output [default: NAME.gradcam.png in the working folder].
    #[arg(short, long, value_name = "FILE|DIR|-", help_heading = "Output")]
    pub(crate) output: Option<String>,
    /// Write logits and maps as safetensors to a file or folder.
    #[arg(long, value_name = "FILE|DIR", help_heading = "Output")]
    pub(crate) save_maps: Option<PathBuf>,
    /// Print a line of JSON for each map.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Replace existing files.
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,
    /// Keep existing files and skip pictures whose files all exist; refused if they were made with other settings.
    #[arg(long, help_heading = "Output", conflicts_with = "force")]
    pub(crate) resume: bool,
}
