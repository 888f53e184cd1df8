//! Measures a file before it is decoded.
//!
//! A node of two bytes takes 200 in memory. Walking the fields first bounds what the decoder allocates, without allocating itself.

use std::mem::size_of;

use crate::error::{Error, Result};
use crate::limits::Budget;
use crate::proto::{
    AttributeProto, DimensionProto, FunctionProto, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, SparseTensorProto, StringStringEntryProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto,
};

/// The depth at which the decoder refuses messages, so that nothing below needs to be measured.
const DEEPEST: usize = 100;

/// Walks all fields that the decoder would read.
///
/// # Errors
/// If a field ends after the bytes or the message around it, or the decoded fields would exceed the budget.
pub(crate) fn measure(bytes: &[u8], budget: &mut Budget<'_>) -> Result<()> {
    let mut reader = Reader { bytes, at: 0 };
    let mut open = vec![(bytes.len(), Kind::Model)];
    while let Some(&(end, kind)) = open.last() {
        if reader.at == end {
            open.pop();
            continue;
        }
        let key = reader.varint(end)?;
        match key & 7 {
            0 => {
                reader.varint(end)?;
                budget.structure(0)?;
            }
            1 => reader.skip(8, end)?,
            2 => {
                let length = reader.varint(end)?;
                let start = reader.at;
                reader.skip(length, end)?;
                let inside = reader.at - start;
                match kind.field(key >> 3) {
                    Field::Message(message) => {
                        budget.structure(2 * message.size())?;
                        if open.len() < DEEPEST {
                            open.push((reader.at, message));
                            reader.at = start;
                        }
                    }
                    Field::Text => budget.structure(inside)?,
                    Field::Numbers(each) => budget.structure(inside.saturating_mul(each))?,
                    Field::Shared => {}
                }
            }
            // The ends of groups, which ONNX has not; the decoder skips or refuses them.
            3 | 4 => {}
            5 => reader.skip(4, end)?,
            other => {
                let at = reader.at;
                return Err(broken(at, format!("{other} is not a type of field")));
            }
        }
    }
    Ok(())
}

/// The messages that are decoded.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Opset,
    Entry,
    Graph,
    Node,
    Attribute,
    Tensor,
    Sparse,
    Value,
    Type,
    TensorType,
    Shape,
    Dim,
    Function,
}

/// What a field of several bytes takes in memory.
enum Field {
    Message(Kind),
    /// Its bytes, and a header.
    Text,
    /// Numbers in varints, with this many bytes in memory for each of the file.
    Numbers(usize),
    /// Nothing beyond the file's own bytes, or it is not read.
    Shared,
}

impl Kind {
    fn field(self, tag: u64) -> Field {
        match (self, tag) {
            (Kind::Model, 7) => Field::Message(Kind::Graph),
            (Kind::Model, 8) | (Kind::Function, 9) => Field::Message(Kind::Opset),
            (Kind::Model, 14) | (Kind::Node, 9) | (Kind::Tensor, 13) => Field::Message(Kind::Entry),
            (Kind::Model, 25) => Field::Message(Kind::Function),
            (Kind::Graph, 1) | (Kind::Function, 7) => Field::Message(Kind::Node),
            (Kind::Graph, 5) | (Kind::Attribute, 5 | 10) | (Kind::Sparse, 1) => {
                Field::Message(Kind::Tensor)
            }
            (Kind::Graph, 11 | 12) => Field::Message(Kind::Value),
            (Kind::Graph, 15) => Field::Message(Kind::Sparse),
            (Kind::Node, 5) | (Kind::Function, 11) => Field::Message(Kind::Attribute),
            (Kind::Attribute, 6 | 11) => Field::Message(Kind::Graph),
            (Kind::Value, 2) => Field::Message(Kind::Type),
            (Kind::Type, 1) => Field::Message(Kind::TensorType),
            (Kind::TensorType, 2) => Field::Message(Kind::Shape),
            (Kind::Shape, 1) => Field::Message(Kind::Dim),
            (Kind::Attribute, 8) | (Kind::Tensor, 1 | 7 | 11) => Field::Numbers(size_of::<i64>()),
            (Kind::Tensor, 5) => Field::Numbers(size_of::<i32>()),
            // Floats take in memory what they take in the file; raw data share its bytes.
            (Kind::Attribute, 7) | (Kind::Tensor, 4 | 9 | 10) => Field::Shared,
            (Kind::Model, 2 | 3)
            | (Kind::Opset, 1)
            | (Kind::Entry, 1 | 2)
            | (Kind::Graph, 2)
            | (Kind::Node, 1..=4 | 7 | 8)
            | (Kind::Attribute, 1 | 4 | 9 | 21)
            | (Kind::Tensor, 8)
            | (Kind::Value, 1)
            | (Kind::Dim, 2)
            | (Kind::Function, 1 | 4 | 5 | 10 | 13) => Field::Text,
            // Not read.
            _ => Field::Shared,
        }
    }

    /// Returns the bytes of the decoded message without its lists and texts.
    fn size(self) -> usize {
        match self {
            Kind::Model => size_of::<ModelProto>(),
            Kind::Opset => size_of::<OperatorSetIdProto>(),
            Kind::Entry => size_of::<StringStringEntryProto>(),
            Kind::Graph => size_of::<GraphProto>(),
            Kind::Node => size_of::<NodeProto>(),
            Kind::Attribute => size_of::<AttributeProto>(),
            Kind::Tensor => size_of::<TensorProto>(),
            Kind::Sparse => size_of::<SparseTensorProto>(),
            Kind::Value => size_of::<ValueInfoProto>(),
            Kind::Type => size_of::<TypeProto>(),
            Kind::TensorType => size_of::<TensorTypeProto>(),
            Kind::Shape => size_of::<TensorShapeProto>(),
            Kind::Dim => size_of::<DimensionProto>(),
            Kind::Function => size_of::<FunctionProto>(),
        }
    }
}

/// Bytes with a position.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// Reads a number of up to ten bytes that ends before `end`.
    fn varint(&mut self, end: usize) -> Result<u64> {
        let start = self.at;
        let mut value = 0u64;
        for (index, &byte) in self.bytes[start..end].iter().take(10).enumerate() {
            // The tenth byte holds one bit.
            if index == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.at = start + index + 1;
                return Ok(value);
            }
        }
        Err(broken(start, "a number does not end"))
    }

    fn skip(&mut self, length: u64, end: usize) -> Result<()> {
        let left = end - self.at;
        let length = usize::try_from(length).ok().filter(|l| *l <= left);
        let length = length.ok_or_else(|| {
            broken(
                self.at,
                format!("a field is longer than the {left} bytes that are left for it"),
            )
        })?;
        self.at += length;
        Ok(())
    }
}

fn broken(at: usize, reason: impl Into<String>) -> Error {
    Error::NotOnnx {
        reason: format!("at byte {at}, {}", reason.into()),
    }
}
