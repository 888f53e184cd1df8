//! The values of a graph, as a plan sees them.

use candle_core::Tensor;

use crate::host::Host;

/// The source of a tensor.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The network's input.
    Image,
    /// The output of a step.
    Step(usize),
    /// A tensor that is the same for every image.
    Constant(Tensor),
}

impl Source {
    /// Returns whether both are the same tensor.
    pub(crate) fn is(&self, other: &Source) -> bool {
        match (self, other) {
            (Source::Image, Source::Image) => true,
            (Source::Step(a), Source::Step(b)) => a == b,
            (Source::Constant(a), Source::Constant(b)) => a.id() == b.id(),
            (Source::Image | Source::Step(_) | Source::Constant(_), _) => false,
        }
    }
}

/// A tensor of floats for one image.
#[derive(Debug, Clone)]
pub(crate) struct Map {
    pub(crate) source: Source,
    /// The shape for one image.
    pub(crate) dims: Vec<usize>,
    /// The dimension that counts the images, perhaps times something else; `None` for a constant and if the graph merges images.
    pub(crate) batch: Option<usize>,
}

impl Map {
    /// Makes a constant.
    pub(crate) fn constant(tensor: Tensor) -> Self {
        Map {
            dims: tensor.dims().to_vec(),
            source: Source::Constant(tensor),
            batch: None,
        }
    }

    /// Returns the tensor if it is a constant.
    pub(crate) fn tensor(&self) -> Option<&Tensor> {
        match &self.source {
            Source::Constant(tensor) => Some(tensor),
            Source::Image | Source::Step(_) => None,
        }
    }

    pub(crate) fn rank(&self) -> usize {
        self.dims.len()
    }

    /// Returns the number of elements.
    pub(crate) fn len(&self) -> usize {
        self.dims.iter().product()
    }
}

/// A value of a graph.
#[derive(Clone)]
pub(crate) enum Value {
    /// Numbers that are known without the image.
    Host(Host),
    /// A tensor of floats: one that depends on the image, or a constant.
    Map(Map),
    /// The test for NaN of a tensor, which only a guard reads.
    IsNan(Map),
    /// The output of a node that is not supported, or that reads one.
    Unknown,
}
