//! What the readers of all layouts hand back.

use crate::{Class, Result, Sample};

/// A data set's classes and samples.
pub(super) type Read = Result<(Vec<Class>, Vec<Sample>)>;
