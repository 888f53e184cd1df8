//! A node's attributes by name, with the defaults of ONNX.
//!
//! The errors are reasons for a person; the caller adds the node.

use crate::graph::{Attribute, Node};
use crate::tensor::Tensor;

impl Node {
    /// Returns an integer attribute, or its default.
    pub(crate) fn int(&self, name: &str, default: i64) -> Result<i64, String> {
        Ok(self.optional_int(name)?.unwrap_or(default))
    }

    /// Returns an integer attribute; `None` if the node does not have it.
    pub(crate) fn optional_int(&self, name: &str) -> Result<Option<i64>, String> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Int(value)) => Ok(Some(*value)),
            Some(other) => Err(wrong(name, "an integer", other)),
        }
    }

    /// Returns whether an integer attribute is not 0.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, String> {
        Ok(self.int(name, i64::from(default))? != 0)
    }

    /// Returns a list of integers; `None` if the node does not have it.
    pub(crate) fn ints(&self, name: &str) -> Result<Option<Vec<i64>>, String> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values.to_vec())),
            Some(other) => Err(wrong(name, "a list of integers", other)),
        }
    }

    /// Returns a float attribute, or its default.
    pub(crate) fn float(&self, name: &str, default: f32) -> Result<f32, String> {
        Ok(self.optional_float(name)?.unwrap_or(default))
    }

    /// Returns a float attribute; `None` if the node does not have it.
    pub(crate) fn optional_float(&self, name: &str) -> Result<Option<f32>, String> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Float(value)) => Ok(Some(*value)),
            Some(other) => Err(wrong(name, "a float", other)),
        }
    }

    /// Returns a list of floats; `None` if the node does not have it.
    pub(crate) fn floats(&self, name: &str) -> Result<Option<Vec<f32>>, String> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Floats(values)) => Ok(Some(values.to_vec())),
            Some(other) => Err(wrong(name, "a list of floats", other)),
        }
    }

    /// Returns a text attribute, or its default.
    pub(crate) fn text<'a>(&'a self, name: &str, default: &'a str) -> Result<&'a str, String> {
        match self.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::String(bytes)) => std::str::from_utf8(bytes)
                .map_err(|_| format!("expected the attribute `{name}` in UTF-8")),
            Some(other) => Err(wrong(name, "a text", other)),
        }
    }

    /// Returns a tensor attribute; `None` if the node does not have it.
    pub(crate) fn tensor(&self, name: &str) -> Result<Option<&Tensor>, String> {
        match self.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Tensor(tensor)) => Ok(Some(tensor)),
            Some(other) => Err(wrong(name, "a tensor", other)),
        }
    }
}

/// Resolves an axis, which counts from the end if negative.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize, String> {
    let signed = i64::try_from(rank).unwrap_or(i64::MAX);
    let resolved = match axis {
        0.. => axis,
        _ => axis.saturating_add(signed),
    };
    match usize::try_from(resolved) {
        Ok(resolved) if resolved < rank => Ok(resolved),
        _ if rank == 0 => Err(format!("expected no axis of a scalar, found {axis}")),
        _ => Err(format!(
            "expected an axis from -{rank} to {}, found {axis}",
            signed - 1
        )),
    }
}

/// Resolves axes, each of which may occur once.
pub(crate) fn axes(list: &[i64], rank: usize) -> Result<Vec<usize>, String> {
    let mut seen = vec![false; rank];
    let mut resolved = Vec::with_capacity(list.len().min(rank));
    for found in list {
        let index = axis(*found, rank)?;
        if std::mem::replace(&mut seen[index], true) {
            return Err(format!("expected each axis once, found {found} twice"));
        }
        resolved.push(index);
    }
    Ok(resolved)
}

fn wrong(name: &str, expected: &str, found: &Attribute) -> String {
    let found = match found {
        Attribute::Float(_) => "a float",
        Attribute::Int(_) => "an integer",
        Attribute::String(_) => "a text",
        Attribute::Tensor(_) => "a tensor",
        Attribute::Graph(_) => "a graph",
        Attribute::Floats(_) => "a list of floats",
        Attribute::Ints(_) => "a list of integers",
        Attribute::Strings(_) => "a list of texts",
        Attribute::Tensors(_) => "a list of tensors",
        Attribute::Graphs(_) => "a list of graphs",
    };
    format!("expected the attribute `{name}` to be {expected}, found {found}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{axes, axis};
    use crate::graph::Attribute;
    use crate::host::tests::{float, int, ints, node, text};

    #[test]
    fn attributes_have_defaults_and_types() {
        let attributes = [
            ("axis", int(-1)),
            ("alpha", float(0.5)),
            ("mode", text("edge")),
            ("pads", ints(&[1, 2])),
            ("broken", Attribute::String([0xff].as_slice().into())),
        ];
        let node = node("Pad", 1, &attributes);
        assert_eq!(node.int("axis", 0), Ok(-1));
        assert_eq!(node.int("other", 7), Ok(7));
        assert_eq!(node.optional_int("other"), Ok(None));
        assert_eq!(node.flag("axis", false), Ok(true));
        assert_eq!(node.float("alpha", 1.0), Ok(0.5));
        assert_eq!(node.text("mode", "constant"), Ok("edge"));
        assert_eq!(node.text("other", "constant"), Ok("constant"));
        assert_eq!(node.ints("pads"), Ok(Some(vec![1, 2])));
        assert_eq!(node.floats("other"), Ok(None));
        assert!(node.tensor("other").unwrap().is_none());
        let wrong = "expected the attribute `pads` to be an integer, found a list of integers";
        assert_eq!(node.int("pads", 0).unwrap_err(), wrong);
        assert!(node.text("broken", "").unwrap_err().ends_with("in UTF-8"));
    }

    #[test]
    fn axes_count_from_both_ends() {
        assert_eq!(axis(-1, 3), Ok(2));
        assert_eq!(axis(2, 3), Ok(2));
        let wrong = "expected an axis from -3 to 2, found 3";
        assert_eq!(axis(3, 3).unwrap_err(), wrong);
        for (at, rank) in [(-4, 3), (i64::MIN, 3), (i64::MAX, 3), (0, 0), (-1, 0)] {
            assert!(axis(at, rank).is_err());
        }
        assert_eq!(axes(&[2, -3], 3), Ok(vec![2, 0]));
        assert_eq!(
            axes(&[2, -1], 3).unwrap_err(),
            "expected each axis once, found -1 twice"
        );
    }
}
