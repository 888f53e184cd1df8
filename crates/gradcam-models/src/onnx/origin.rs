//! A graph and where it came from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Tensor};
use gradcam_onnx::{Limits, OnnxNetwork, Options};

use super::error::OnnxError;
use crate::LoadError;
use crate::network::ModelNetwork;

/// A graph and where it came from, to read it again.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    path: PathBuf,
    options: Options,
}

impl Origin {
    pub(crate) fn new(path: &Path, options: Options) -> Self {
        Origin {
            path: path.to_path_buf(),
            options,
        }
    }

    /// Reads the graph again, with changed parameters.
    pub(crate) fn changed(
        &self,
        dtype: Option<DType>,
        change: &dyn Fn(&str, &Tensor) -> candle_core::Result<Tensor>,
    ) -> Result<ModelNetwork, LoadError> {
        let mut options = self.options.clone();
        options.dtype = dtype.unwrap_or(options.dtype);
        let model = gradcam_onnx::read(&self.path, &Limits::default()).map_err(OnnxError::from)?;
        let network = OnnxNetwork::changed(&model, &options, change).map_err(OnnxError::from)?;
        Ok(ModelNetwork::Graph(Arc::new(network)))
    }
}
