//! Reasons why an explanation could not be made.

use gradcam_map::Size;
use gradcam_names::hint;

/// The reason why an explanation could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No module of the network has this name.
    #[error("the network has no layer `{name}`{}", hint(.nearest))]
    UnknownLayer {
        /// The unknown name.
        name: String,
        /// Similar names.
        nearest: Vec<String>,
    },
    /// The layer's output is not a feature map.
    #[error(
        "the layer `{name}` has no spatial map: its output is {shape:?}, expected (channels, height, width) with more than one position"
    )]
    NotSpatial {
        /// The layer.
        name: String,
        /// Its output's shape without the batch.
        shape: Vec<usize>,
    },
    /// A layer cannot be fused with itself.
    #[error("the layer `{0}` is given twice")]
    RepeatedLayer(String),
    /// No fusion has this name.
    #[error("unknown fusion `{0}`, expected `mean`, `max` or `tanh`")]
    UnknownFusion(String),
    /// No module has a spatial map.
    #[error("the network offers no layer with a spatial map; tap one in its forward pass")]
    NoSpatialLayer,
    /// The target class does not exist.
    #[error("class {index} is out of range: the network has {classes} classes (0 to {})", .classes.saturating_sub(1))]
    ClassOutOfRange {
        /// The requested class.
        index: usize,
        /// The number of classes.
        classes: usize,
    },
    /// The network's output is not one row of logits for each image.
    #[error("expected logits of the shape ({batch}, classes), found {shape:?}")]
    Logits {
        /// Number of images.
        batch: usize,
        /// The output's shape.
        shape: Vec<usize>,
    },
    /// The network's output does not have a map for each class.
    #[error("expected an output of the shape (1, classes, height, width), found {0:?}")]
    NotDense(Vec<usize>),
    /// Two embeddings to compare have different lengths.
    #[error(
        "expected an embedding of {expected} numbers, the length of the network's output, found {found}"
    )]
    Embedding {
        /// Length of the output.
        expected: usize,
        /// Length of the embedding given.
        found: usize,
    },
    /// The input is not a batch of pictures.
    #[error("expected an input of the shape (n, channels, height, width), found {0:?}")]
    Input(Vec<usize>),
    /// The baseline's number of channels differs from the image's.
    #[error("expected a baseline of {channels} numbers, one per channel, found {found}")]
    Baseline {
        /// Channels of the image.
        channels: usize,
        /// Numbers in the baseline.
        found: usize,
    },
    /// Black or white has another number of channels than the image.
    #[error(
        "black and white have {found} numbers, the image {channels} channels; `Explainer::inputs` sets both"
    )]
    Inputs {
        /// Channels of the image.
        channels: usize,
        /// Numbers in black or white.
        found: usize,
    },
    /// A mask's size differs from the image's.
    #[error("expected a mask of {expected} (height x width), found {found}")]
    Mask {
        /// The image's size.
        expected: Size,
        /// The mask's size.
        found: Size,
    },
    /// A mask refers to a position or a part that it does not have.
    #[error("a mask of {0} (height x width) refers to positions or parts that it does not have")]
    BadMask(Size),
    /// A map cannot have these rows, columns and values.
    #[error(transparent)]
    Map(#[from] gradcam_map::Error),
    /// The number of lists of targets differs from the number of images.
    #[error("expected a list of targets for each of the {images} images, found {found}")]
    Targets {
        /// Number of images.
        images: usize,
        /// Number of lists.
        found: usize,
    },
    /// CAM is defined for only one kind of head.
    #[error(
        "cam needs a layer that is followed by a global average and one linear layer, and nothing else; `{layer}` is not such a layer (grad-cam works on any)"
    )]
    NotPooledLinear {
        /// The layer.
        layer: String,
    },
    /// CAM weights channels by the weights of a class.
    #[error("cam explains a class or a difference of two, not a function of the logits")]
    NoClass,
    /// The method compares classes.
    #[error("{0} explains one class, not a difference or another function of the output")]
    NeedsClass(&'static str),
    /// The method ignores the score.
    #[error("the method `{0}` does not depend on the target, so it has no evidence against it")]
    NoCounterfactual(String),
    /// The method's map consists of absolute values or squares.
    #[error(
        "the map of `{0}` has no sign, so it cannot show the evidence against a score (if the method has the option `channels`, `sum` keeps the sign)"
    )]
    Unsigned(String),
    /// The method does not work on a layer.
    #[error("the method `{0}` looks at the pixels, not at a layer")]
    NoLayer(String),
    /// The method changes how gradients propagate through operations.
    #[error("the method `{0}` needs a network whose operations all go through the pass")]
    NeedsPass(String),
    /// The network has no attention between tokens.
    #[error(
        "{0} needs a transformer whose tokens attend to each other in every block, and which taps the attention"
    )]
    NoAttention(&'static str),
    /// The method compares with other pictures, and none was given.
    #[error("a custom baseline needs a picture as the background")]
    NoBackground,
    /// The background's size differs from the image's.
    #[error("expected background pictures of the shape (n, {}), found {found:?}", .expected.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Background {
        /// The image's shape without the batch.
        expected: Vec<usize>,
        /// The background's shape.
        found: Vec<usize>,
    },
    /// An option has an invalid value.
    #[error("the option `{option}` of `{method}` must be {expected}, found {found}")]
    Option {
        /// The method.
        method: &'static str,
        /// The option.
        option: &'static str,
        /// The valid values.
        expected: &'static str,
        /// The value found.
        found: String,
    },
    /// A custom score is not a single number.
    #[error("a score must be one number, found a tensor of the shape {0:?}")]
    Score(Vec<usize>),
    /// A failure of the tensor library.
    #[error("{0}")]
    Candle(String),
}

impl Error {
    /// Reports an option with an invalid value.
    pub(crate) fn option(
        method: &'static str,
        option: &'static str,
        expected: &'static str,
        found: impl ToString,
    ) -> Self {
        Error::Option {
            method,
            option,
            expected,
            found: found.to_string(),
        }
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        // candle prints a backtrace inside the message when RUST_BACKTRACE is set; the user wants the sentence.
        fn plain(error: candle_core::Error) -> String {
            match error {
                candle_core::Error::WithBacktrace { inner, .. } => plain(*inner),
                other => other.to_string(),
            }
        }
        Error::Candle(plain(error))
    }
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
