//! Operator sets: their domains and versions.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::proto::OperatorSetIdProto;

/// The oldest version of the default domain that is read.
const FIRST: i64 = 9;
/// The newest.
const LAST: i64 = 23;

/// Versions by domain.
pub(crate) type Opsets = BTreeMap<String, i64>;

/// Returns the one name of a domain: the default one is also called `ai.onnx`.
pub(crate) fn domain(name: &str) -> &str {
    match name {
        "ai.onnx" => "",
        name => name,
    }
}

/// Collects what a model or a function imports.
pub(crate) fn imports(protos: &[OperatorSetIdProto]) -> Opsets {
    let import = |proto: &OperatorSetIdProto| (domain(&proto.domain).to_string(), proto.version);
    protos.iter().map(import).collect()
}

/// Checks a version of the default domain.
///
/// # Errors
/// [`Error::Opset`] if there is none or it is not read.
pub(crate) fn check(version: Option<i64>) -> Result<i64> {
    match version {
        Some(version) if (FIRST..=LAST).contains(&version) => Ok(version),
        found => Err(Error::Opset {
            first: FIRST,
            last: LAST,
            found,
        }),
    }
}
