//! The network of a model: one of ours, or a graph of an ONNX file.

use candle_core::{Result, Tensor};
use gradcam_nn::ops::Precision;
use gradcam_nn::{ModuleTree, Network, Pass, Tokens};
#[cfg(feature = "onnx")]
use gradcam_onnx::OnnxNetwork;

/// The network of a model.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ModelNetwork {
    /// A network built from an architecture.
    Tree(Box<ModuleTree>),
    /// The graph of an ONNX file.
    #[cfg(feature = "onnx")]
    Graph(std::sync::Arc<OnnxNetwork>),
}

impl ModelNetwork {
    /// Sets the precision of all convolutions. Returns whether the network has precisions: a graph computes in its own type.
    pub fn set_precision(&mut self, precision: Precision) -> bool {
        match self {
            ModelNetwork::Tree(tree) => {
                tree.set_precision(precision);
                true
            }
            #[cfg(feature = "onnx")]
            ModelNetwork::Graph(_) => false,
        }
    }

    /// Returns the precision last set by [`set_precision`](ModelNetwork::set_precision).
    pub fn precision(&self) -> Precision {
        match self {
            ModelNetwork::Tree(tree) => tree.precision(),
            #[cfg(feature = "onnx")]
            ModelNetwork::Graph(_) => Precision::default(),
        }
    }

    /// Returns the network without its final linear classifier; `None` if it does not end in one, or is a graph.
    pub(crate) fn embedding(&self) -> Option<ModelNetwork> {
        match self {
            ModelNetwork::Tree(tree) => tree.embedding().map(ModelNetwork::from),
            #[cfg(feature = "onnx")]
            ModelNetwork::Graph(_) => None,
        }
    }

    /// Returns the network with every batch norm multiplied into the convolution before it; `None` for a graph, whose exporter does that.
    ///
    /// # Errors
    /// When the tensor library fails.
    pub fn folded(&self) -> Result<Option<ModelNetwork>> {
        match self {
            ModelNetwork::Tree(tree) => Ok(Some(tree.folded()?.into())),
            #[cfg(feature = "onnx")]
            ModelNetwork::Graph(_) => Ok(None),
        }
    }

    fn inner(&self) -> &dyn Network {
        match self {
            ModelNetwork::Tree(tree) => &**tree,
            #[cfg(feature = "onnx")]
            ModelNetwork::Graph(graph) => &**graph,
        }
    }
}

impl From<ModuleTree> for ModelNetwork {
    fn from(tree: ModuleTree) -> Self {
        ModelNetwork::Tree(Box::new(tree))
    }
}

impl Network for ModelNetwork {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        self.inner().forward(x, pass)
    }
    fn passes_all(&self) -> bool {
        self.inner().passes_all()
    }
    fn tokens(&self) -> Option<Tokens> {
        self.inner().tokens()
    }
    fn parameters(&self) -> Vec<(String, usize)> {
        self.inner().parameters()
    }
}
