//! Errors of building and training.

use gradcam_nn::WeightsError;

/// Why a network could not be built or trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A description or a setting is out of its range.
    #[error("{what} must be {expected}, found {found}")]
    Setting {
        /// The name of the setting.
        what: &'static str,
        /// Its range.
        expected: &'static str,
        /// Its value.
        found: String,
    },
    /// The network cannot take the pictures.
    #[error("the network takes pictures `(n, {}, {}, {})` of f32, found {found}", .expected[0], .expected[1], .expected[2])]
    Images {
        /// Channels, height, width.
        expected: [usize; 3],
        /// Shape and element type.
        found: String,
    },
    /// There are no pictures, or not one label for each.
    #[error(
        "expected at least one picture and a label for each, found {labels} labels for {images} pictures"
    )]
    Count {
        /// Number of pictures.
        images: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A label is not a class of the network.
    #[error(
        "picture {index} has the label {label}, but the network has {classes} classes, counted from 0"
    )]
    Label {
        /// The picture's index, counted from 0.
        index: usize,
        /// Its label.
        label: usize,
        /// The number of classes.
        classes: usize,
    },
    /// The loss or a weight became infinite or undefined.
    #[error(
        "the loss or a weight is no longer finite in epoch {epoch}; a smaller learning rate than {learning_rate} may help"
    )]
    Diverged {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The learning rate used.
        learning_rate: f64,
    },
    /// The progress function asked to stop.
    #[error("the training was stopped in epoch {epoch}")]
    Stopped {
        /// The epoch, counted from 1.
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
