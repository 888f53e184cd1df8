//! The result of every layout's reader.

use crate::{Class, Result, Sample};

/// A data set's classes and samples.
pub(super) type Read = Result<(Vec<Class>, Vec<Sample>)>;
