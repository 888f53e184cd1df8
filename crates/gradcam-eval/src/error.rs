//! Why a metric could not be computed.

use gradcam_map::Size;
use gradcam_names::hint;

use crate::Undefined;

/// Why a metric could not be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The metric has no value for this sample; nothing is wrong with the call.
    #[error("undefined: {0}")]
    Undefined(Undefined),
    /// A map does not have the expected size.
    #[error("expected a map of {expected} (height x width), found {found}")]
    Size {
        /// The expected size.
        expected: Size,
        /// The map's size.
        found: Size,
    },
    /// No map has these rows, columns and values.
    #[error(transparent)]
    Map(#[from] gradcam_map::Error),
    /// A mask and the map have different numbers of pixels.
    #[error("expected a mask of {expected} pixels, one per position of the map, found {found}")]
    Mask {
        /// Positions of the map.
        expected: usize,
        /// Pixels of the mask.
        found: usize,
    },
    /// Two lists that belong together have different lengths.
    #[error("expected {expected} values, found {found}")]
    Length {
        /// The expected number of values.
        expected: usize,
        /// The number of values given.
        found: usize,
    },
    /// The map is smaller than the metric's window.
    #[error("{metric} needs a map of at least {least} rows and columns, found {found}")]
    TooSmall {
        /// The metric.
        metric: &'static str,
        /// The smallest number of rows and of columns.
        least: usize,
        /// The map's size.
        found: Size,
    },
    /// An option has an invalid value.
    #[error("the option `{option}` must be {expected}, found {found}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its valid values.
        expected: &'static str,
        /// Its value.
        found: String,
    },
    /// No metric has this name.
    #[error("unknown metric `{name}`{}", hint(.nearest))]
    UnknownMetric {
        /// The unknown name.
        name: String,
        /// Similar names.
        nearest: Vec<String>,
    },
    /// The metric needs something that was not given.
    #[error("the metric `{metric}` needs {need}")]
    Missing {
        /// The metric.
        metric: &'static str,
        /// The missing input.
        need: crate::Need,
    },
    /// A record lacks a map that its header promises.
    #[error("the record of image {index} has no map of `{name}`")]
    Record {
        /// The image's index.
        index: usize,
        /// The method or null.
        name: String,
    },
    /// The network names no parameters, so they cannot be redrawn.
    #[error("the network does not name its parameters, so they cannot be redrawn")]
    NoParameters,
    /// The network or the explanation failed.
    #[error(transparent)]
    Gradcam(#[from] gradcam::Error),
}

// Not `#[from]`: the reason is part of the message, and a chain of causes would repeat it.
impl From<Undefined> for Error {
    fn from(reason: Undefined) -> Self {
        Error::Undefined(reason)
    }
}

impl Error {
    pub(crate) fn option(
        option: &'static str,
        expected: &'static str,
        found: impl ToString,
    ) -> Self {
        Error::Option {
            option,
            expected,
            found: found.to_string(),
        }
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Error::Gradcam(error.into())
    }
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
