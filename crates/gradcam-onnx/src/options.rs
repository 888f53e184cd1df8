//! What a user may choose about a graph.

use std::collections::BTreeMap;

use candle_core::{DType, Device};

/// What a user may choose about a graph.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The input that takes the image; `None` for the first of rank 4.
    pub image: Option<String>,
    /// The values of the other inputs.
    pub inputs: BTreeMap<String, Input>,
    /// The output; `None` for the first of rank 2, or else the first. Any value of the graph can be one.
    pub output: Option<String>,
    /// Keeps a softmax or a sigmoid at the end. It is cut otherwise, since a saturated probability has no gradient.
    pub keep_softmax: bool,
    /// Whether the graph takes blue first. The network takes red first in any case.
    pub blue_first: bool,
    /// Averages a dense output `(n, classes, height, width)` over its positions, so that the network returns `(n, classes)`.
    pub average_positions: bool,
    /// The size for which the graph is checked when it is loaded, where the file leaves it open.
    pub size: (usize, usize),
    /// The type of the weights and activations.
    pub dtype: DType,
    /// The device that runs the network.
    pub device: Device,
}

/// The value of an input besides the image: numbers with a shape, the last dimension fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// The shape; empty for a single number.
    pub dims: Vec<usize>,
    /// As many numbers as the shape says.
    pub values: Vec<f64>,
}

impl Default for Options {
    /// The image is the first input of rank 4, the output the first of rank 2, 224 × 224 pixels, `f32` on the CPU.
    fn default() -> Self {
        Options {
            image: None,
            inputs: BTreeMap::new(),
            output: None,
            keep_softmax: false,
            blue_first: false,
            average_positions: false,
            size: (224, 224),
            dtype: DType::F32,
            device: Device::Cpu,
        }
    }
}
