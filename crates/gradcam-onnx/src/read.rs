//! Reads a model from a file or from bytes.

use std::path::Path;

use bytes::Bytes;
use gradcam_picture::bounded;
use prost::Message;

use crate::error::{Error, Result};
use crate::external::Sidecars;
use crate::inline;
use crate::limits::{Budget, Limits};
use crate::model::Model;
use crate::opset;
use crate::order;
use crate::proto::ModelProto;
use crate::wire;

/// How the pointer begins that Git keeps in place of a large file.
const LFS_POINTER: &[u8] = b"version https://git-lfs";

/// Reads a model from an `.onnx` file, and its weights from the files beside it.
///
/// The weights may be inside the file (`raw_data` or lists of numbers) or in other files in its folder (`external_data`), from which only
/// the ranges of the tensors are read.
///
/// # Errors
/// If a file cannot be read or is not a valid model, its operator set is not supported, or a limit is exceeded. [`Error`] has the cases.
pub fn read(path: &Path, limits: &Limits) -> Result<Model> {
    let unreadable = |source| Error::Read {
        path: path.to_path_buf(),
        source,
    };
    let bytes = bounded::file(path, limits.file).map_err(unreadable)?;
    let mut sidecars = Sidecars::beside(path).map_err(|error| unreadable(error.into()))?;
    model(bytes.into(), &mut sidecars, limits).map_err(|source| Error::File {
        path: path.to_path_buf(),
        source: Box::new(source),
    })
}

/// Reads a model from the bytes of an `.onnx` file that holds all its weights.
///
/// # Errors
/// As [`read`], and if weights are in other files.
pub fn from_bytes(bytes: impl Into<Bytes>, limits: &Limits) -> Result<Model> {
    model(bytes.into(), &mut Sidecars::none(), limits)
}

fn model(bytes: Bytes, sidecars: &mut Sidecars, limits: &Limits) -> Result<Model> {
    let not_onnx = |reason: String| Error::NotOnnx { reason };
    if bytes.starts_with(LFS_POINTER) {
        let reason = "it is a pointer of Git LFS; run `git lfs pull`";
        return Err(not_onnx(reason.to_string()));
    }
    let mut budget = Budget::new(limits);
    wire::measure(&bytes, &mut budget)?;
    let proto = ModelProto::decode(bytes).map_err(|error| not_onnx(error.to_string()))?;
    let Some(graph) = &proto.graph else {
        return Err(not_onnx("it has no graph".to_string()));
    };
    let opsets = opset::imports(&proto.opset_import);
    let opset = opset::check(opsets.get("").copied())?;
    let graph = inline::graph(&proto, graph, &opsets, sidecars, &mut budget)?;
    order::check(&graph)?;
    Ok(Model {
        opset,
        opsets,
        metadata: inline::entries(&proto.metadata_props),
        producer: proto.producer_name,
        producer_version: proto.producer_version,
        graph,
    })
}

#[cfg(test)]
mod tests;
