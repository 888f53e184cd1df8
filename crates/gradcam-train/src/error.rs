//! What can go wrong.

use gradcam_nn::WeightsError;

/// Why a network could not be built or trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A description or a setting is out of its range.
    #[error("{what} must be {expected}, found {found}")]
    Setting {
        /// Which one.
        what: &'static str,
        /// Its range.
        expected: &'static str,
        /// Its value.
        found: String,
    },
    /// The pictures are not what the network takes.
    #[error("the network takes pictures `(n, {}, {}, {})` of f32, found {found}", .expected[0], .expected[1], .expected[2])]
    Images {
        /// Channels, height, width.
        expected: [usize; 3],
        /// Shape and element type.
        found: String,
    },
    /// There are no pictures, or not one label for each.
    #[error(
        "expected one label for each of at least one picture, found {labels} labels for {images} pictures"
    )]
    Count {
        /// Number of pictures.
        images: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A label is not a class of the network.
    #[error(
        "the picture {index} has the label {label}, but the network has {classes} classes, counted from 0"
    )]
    Label {
        /// Which picture.
        index: usize,
        /// Its label.
        label: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// The loss or a weight became infinite or undefined.
    #[error(
        "the loss or a weight is no longer finite in epoch {epoch}; a smaller learning rate than {learning_rate} may help"
    )]
    Diverged {
        /// Counted from 1.
        epoch: usize,
        /// The one that was used.
        learning_rate: f64,
    },
    /// The progress function asked for the end.
    #[error("the training was stopped in epoch {epoch}")]
    Stopped {
        /// Counted from 1.
        epoch: usize,
    },
    /// The weights do not fit the network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The weights could not be written.
    #[error("the weights could not be written: {0}")]
    Format(String),
    /// A failure of the tensor library.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}
