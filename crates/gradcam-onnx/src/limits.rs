//! How much of a file is read.

use std::mem::size_of;

use crate::error::{Error, Result};

/// How much of a file is read, so that a hostile file cannot exhaust time or memory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the `.onnx` file. Protocol buffers end at 2 GiB.
    pub file: u64,
    /// Bytes of all tensors together, wherever their values are. A tensor in a function counts once for each call.
    pub tensors: u64,
    /// Nodes after functions are inlined, with those of subgraphs.
    pub nodes: u64,
    /// Bytes of names, lists and nodes beyond the file's own bytes.
    pub structure: u64,
}

impl Default for Limits {
    /// 2 GiB of file, 16 GiB of tensors, 200,000 nodes, 512 MiB of structure.
    fn default() -> Self {
        Limits {
            file: 2 << 30,
            tensors: 16 << 30,
            nodes: 200_000,
            structure: 512 << 20,
        }
    }
}

/// What has been used of the limits.
#[derive(Debug)]
pub(crate) struct Budget<'a> {
    limits: &'a Limits,
    tensors: u64,
    nodes: u64,
    structure: u64,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        Budget {
            limits,
            tensors: 0,
            nodes: 0,
            structure: 0,
        }
    }

    /// Counts the bytes of a tensor before they are allocated.
    pub(crate) fn tensor(&mut self, bytes: u64) -> Result<()> {
        count(
            &mut self.tensors,
            bytes,
            self.limits.tensors,
            "tensors",
            "bytes of tensors",
        )
    }

    /// Counts a node or a call of a function.
    pub(crate) fn node(&mut self) -> Result<()> {
        count(
            &mut self.nodes,
            1,
            self.limits.nodes,
            "nodes",
            "nodes with functions inlined",
        )
    }

    /// Counts the bytes of a text or a list.
    pub(crate) fn structure(&mut self, bytes: usize) -> Result<()> {
        let bytes = (bytes + 2 * size_of::<String>()) as u64;
        count(
            &mut self.structure,
            bytes,
            self.limits.structure,
            "structure",
            "bytes of names and lists",
        )
    }
}

fn count(
    used: &mut u64,
    more: u64,
    limit: u64,
    field: &'static str,
    unit: &'static str,
) -> Result<()> {
    *used = used.saturating_add(more);
    if *used > limit {
        return Err(Error::Limit { unit, limit, field });
    }
    Ok(())
}
