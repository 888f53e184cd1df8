//! One operation of a plan.

use crate::plan::layer::Layer;
use crate::plan::value::Source;

/// An operation, its inputs, and its output's shape for one image.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) layer: Layer,
    pub(crate) inputs: Vec<Source>,
    pub(crate) dims: Vec<usize>,
    pub(crate) batch: Option<usize>,
    /// The names under which the output is offered.
    pub(crate) names: Vec<String>,
}
