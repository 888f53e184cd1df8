//! What a user states about an ONNX file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What a user states about an ONNX file.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "ONNX files")]
pub(crate) struct Graph {
    /// The value that has the scores: an output of the file, or any value inside [default: the first output of two dimensions].
    #[arg(long, value_name = "NAME")]
    pub(crate) graph_output: Option<String>,
    /// A value for another input of the file than the picture: numbers with commas, or a file of NumPy's; may be repeated.
    #[arg(long, value_name = "NAME=VALUE|FILE.npy")]
    pub(crate) graph_input: Vec<String>,
    /// The input that takes the picture [default: the first of four dimensions].
    #[arg(long, value_name = "NAME")]
    pub(crate) image_input: Option<String>,
    /// Keep a softmax or sigmoid at the end, which has no gradient where it is saturated.
    #[arg(long)]
    pub(crate) keep_softmax: bool,
    /// The names of the classes: one per line, or JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// The mean of red, green and blue, in units of --range.
    #[arg(
        long,
        value_name = "R,G,B",
        value_delimiter = ',',
        num_args = 1,
        allow_hyphen_values = true
    )]
    pub(crate) mean: Vec<f32>,
    /// The standard deviation of red, green and blue, in units of --range.
    #[arg(long, value_name = "R,G,B", value_delimiter = ',', num_args = 1)]
    pub(crate) std: Vec<f32>,
    /// The value of white before the mean is subtracted; without --mean and --std, nothing is.
    #[arg(long, value_name = "N")]
    pub(crate) range: Option<f32>,
    /// The order of the channels that the file takes [default: rgb].
    #[arg(long)]
    pub(crate) channels: Option<Channels>,
    /// Rows and columns of the picture, where the file leaves them open.
    #[arg(long, value_name = "N|HxW")]
    pub(crate) input_size: Option<String>,
}

/// The order of the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Channels {
    /// Red first
    Rgb,
    /// Blue first
    Bgr,
}

impl Graph {
    /// Returns the first option that is given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let options = [
            ("--graph-output", self.graph_output.is_some()),
            ("--graph-input", !self.graph_input.is_empty()),
            ("--image-input", self.image_input.is_some()),
            ("--keep-softmax", self.keep_softmax),
            ("--labels", self.labels.is_some()),
            ("--mean", !self.mean.is_empty()),
            ("--std", !self.std.is_empty()),
            ("--range", self.range.is_some()),
            ("--channels", self.channels.is_some()),
            ("--input-size", self.input_size.is_some()),
        ];
        options
            .into_iter()
            .find(|(_, given)| *given)
            .map(|(name, _)| name)
    }
}
