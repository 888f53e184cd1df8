//! Which network runs, and how: the options of every command that runs one.

use clap::Args;
use gradcam_models::picture::Limits;
use gradcam_models::preprocess::Fit;

use super::known;
use super::pictures::Pictures;
use super::precision::Precision;

/// Which network runs, and how.
#[derive(Debug, Args)]
pub(crate) struct Network {
    /// A network: the name of an architecture, a folder with config.json and model.safetensors, a repository of the hub, or with --arch a file of weights.
    #[arg(
        long,
        value_name = "NAME|DIR|FILE|hf:REPO[@REV]",
        env = "GRADCAM_MODEL",
        default_value = "efficientnet-lite0"
    )]
    pub(crate) model: String,
    /// The architecture of a file of weights (.safetensors, .pth) that --model names; `gradcam import` makes a folder of such a file.
    #[arg(long, value_name = "NAME")]
    pub(crate) arch: Option<String>,
    /// How the picture is brought to the network's input size.
    #[arg(long, default_value_t = Fit::Crop, value_parser = known::fit())]
    pub(crate) fit: Fit,
    /// Pictures computed together; fewer where they are large [default: 8].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub(crate) batch: Option<u64>,
    /// Processor threads [default: one for each core].
    #[arg(long, value_name = "N", env = "GRADCAM_THREADS", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub(crate) threads: Option<u64>,
    /// How exactly numbers are kept. On a processor f32 and bf16, which is faster with AVX-512 BF16; on a GPU all of them.
    #[arg(long, default_value_t = Precision::F32, value_parser = known::precision())]
    pub(crate) precision: Precision,
    /// Where the network runs: cpu or cuda[:N].
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// The largest picture that is read, in pixels.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_pixels)]
    pub(crate) max_pixels: u64,
    #[command(flatten)]
    pub(crate) pictures: Pictures,
}
