//! Why an ONNX file cannot be used.

/// Why an ONNX file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The file cannot be read, or its graph not be computed.
    #[error(transparent)]
    Graph(#[from] gradcam_onnx::Error),
    /// The layers cannot be listed.
    #[error(transparent)]
    Layers(#[from] gradcam::Error),
    /// The input does not have the channels of a colour picture.
    #[error(
        "the network takes pictures of {channels} channels; only colour pictures (3) are supported"
    )]
    Channels {
        /// The number of channels.
        channels: usize,
    },
    /// There are more or fewer labels than classes.
    #[error(
        "there are {labels} labels for {classes} classes; give a file with one line a class to `--labels`"
    )]
    Labels {
        /// The number of labels.
        labels: usize,
        /// The number of classes.
        classes: usize,
    },
    /// A number of the preprocessing is out of range.
    #[error("the preprocessing: {reason}")]
    Preprocess {
        /// Why.
        reason: String,
    },
}
