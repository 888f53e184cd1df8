//! The network and how it runs: the options of every command that runs one.

use clap::Args;
use gradcam_models::picture::Limits;
use gradcam_models::preprocess::Fit;

use super::graph::Graph;
use super::known;
use super::pictures::Pictures;
use super::precision::Precision;

/// The network and how it runs.
#[derive(Debug, Args)]
pub(crate) struct Network {
    /// The network: an architecture's name, a folder with config.json and model.safetensors, a hub repository, an ONNX file, or (with --arch) a weights file.
    #[arg(
        long,
        value_name = "NAME|DIR|FILE|hf:REPO[@REV]",
        env = "GRADCAM_MODEL",
        default_value = "efficientnet-lite0"
    )]
    pub(crate) model: String,
    /// The architecture, if --model is a weights file (.safetensors, .pth); `gradcam import` turns such a file into a folder.
    #[arg(long, value_name = "NAME")]
    pub(crate) arch: Option<String>,
    /// How a picture is fitted to the network's input size.
    #[arg(long, default_value_t = Fit::Crop, value_parser = known::fit())]
    pub(crate) fit: Fit,
    /// Pictures per batch; fewer if they are large [default: 8].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub(crate) batch: Option<u64>,
    /// CPU threads [default: one per core].
    #[arg(long, value_name = "N", env = "GRADCAM_THREADS", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub(crate) threads: Option<u64>,
    /// The precision of numbers. On a CPU f32 and bf16, which needs AVX-512 BF16; on a GPU all of them.
    #[arg(long, default_value_t = Precision::F32, value_parser = known::precision())]
    pub(crate) precision: Precision,
    /// Where the network runs.
    #[arg(long, value_name = "cpu|cuda[:N]", default_value = "cpu")]
    pub(crate) device: String,
    /// The largest picture to read, in pixels.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_pixels)]
    pub(crate) max_pixels: u64,
    #[command(flatten)]
    pub(crate) pictures: Pictures,
    #[command(flatten)]
    pub(crate) graph: Graph,
}
