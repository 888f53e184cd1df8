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
    /// A map has another size than it should have.
    #[error("expected a map of {expected} (height x width), found {found}")]
    Size {
        /// The size that was expected.
        expected: Size,
        /// The map's.
        found: Size,
    },
    /// There is no map of these rows, columns and values.
    #[error(transparent)]
    Map(#[from] gradcam_map::Error),
    /// A mask has another number of pixels than the map.
    #[error("expected a mask of {expected} pixels, one a position of the map, found {found}")]
    Mask {
        /// Positions of the map.
        expected: usize,
        /// Pixels of the mask.
        found: usize,
    },
    /// Two lists that belong together have different lengths.
    #[error("expected {expected} values, found {found}")]
    Length {
        /// Values that were expected.
        expected: usize,
        /// Values that were given.
        found: usize,
    },
    /// The metric looks at windows that do not fit into the map.
    #[error("{metric} needs a map of at least {least} rows and columns, found {found}")]
    TooSmall {
        /// The metric.
        metric: &'static str,
        /// The least number of rows and of columns.
        least: usize,
        /// The map's size.
        found: Size,
    },
    /// An option has a value that means nothing.
    #[error("the option `{option}` must be {expected}, found {found}")]
    Option {
        /// The option.
        option: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// No metric has this name.
    #[error("unknown metric `{name}`{}", hint(.nearest))]
    UnknownMetric {
        /// The name.
        name: String,
        /// Similar names.
        nearest: Vec<String>,
    },
    /// The metric needs something that was not given.
    #[error("the metric `{metric}` needs {need}")]
    Missing {
        /// The metric.
        metric: &'static str,
        /// What it needs.
        need: crate::Need,
    },
    /// A record lacks a map that its header promises.
    #[error("the record of image {index} has no map of `{name}` where it should be")]
    Record {
        /// The image's number.
        index: usize,
        /// The method or null.
        name: String,
    },
    /// The network names no parameter, so none can be drawn anew.
    #[error("the network does not name its parameters, so they cannot be drawn anew")]
    NoParameters,
    /// The network or the explanation failed.
    #[error(transparent)]
    Gradcam(#[from] gradcam::Error),
}

// Not `#[from]`: its text is part of the message, and a chain of causes would say it twice.
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
