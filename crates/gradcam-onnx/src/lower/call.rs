//! A node with the values of its inputs.

use crate::graph::Node;
use crate::host::Host;
use crate::plan::builder::Builder;
use crate::plan::value::{Map, Value};
use crate::reason::Reason;

/// A node with the values of its inputs.
pub(crate) struct Call<'a> {
    node: &'a Node,
    inputs: &'a [Option<Value>],
}

impl<'a> Call<'a> {
    pub(crate) fn new(node: &'a Node, inputs: &'a [Option<Value>]) -> Self {
        Call { node, inputs }
    }

    /// Returns the inputs as numbers if all are known without the image.
    pub(crate) fn hosts(&self) -> Result<Option<Vec<Option<Host>>>, Reason> {
        let mut hosts = Vec::with_capacity(self.inputs.len());
        for input in self.inputs {
            hosts.push(match input {
                None => None,
                Some(Value::Host(host)) => Some(host.clone()),
                Some(Value::Map(map)) => match map.tensor() {
                    Some(tensor) => Some(Host::from_candle(tensor)?),
                    None => return Ok(None),
                },
                Some(Value::IsNan(_) | Value::Unknown) => return Ok(None),
            });
        }
        Ok(Some(hosts))
    }

    pub(crate) fn node(&self) -> &'a Node {
        self.node
    }

    /// Returns the version of the operator set, 9 if the file states none.
    pub(crate) fn opset(&self) -> i64 {
        self.node.opset().unwrap_or(9)
    }

    /// Returns the number of inputs.
    pub(crate) fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Returns whether an input is given.
    pub(crate) fn has(&self, index: usize) -> bool {
        matches!(self.inputs.get(index), Some(Some(_)))
    }

    /// Returns an input.
    pub(crate) fn value(&self, index: usize) -> Result<&'a Value, Reason> {
        match self.inputs.get(index) {
            Some(Some(value)) => Ok(value),
            _ => Err(format!("input {index} is missing")),
        }
    }

    /// Returns an input as a tensor.
    pub(crate) fn map(&self, b: &Builder<'_>, index: usize) -> Result<Map, Reason> {
        match self.value(index)? {
            Value::Map(map) => Ok(map.clone()),
            Value::Host(host) => b.constant(host),
            Value::IsNan(_) | Value::Unknown => Err(format!(
                "input {index} is a test for NaN, which only `Where` can read"
            )),
        }
    }

    /// Returns an input that must be known without the image.
    pub(crate) fn host(&self, index: usize) -> Result<Host, Reason> {
        match self.value(index)? {
            Value::Host(host) => Ok(host.clone()),
            Value::Map(map) => match map.tensor() {
                Some(tensor) => Host::from_candle(tensor),
                None => Err(format!("input {index} depends on the image")),
            },
            Value::IsNan(_) | Value::Unknown => Err(format!("input {index} depends on the image")),
        }
    }

    /// Returns whole numbers that stand in an input or, in older operator sets, in an attribute.
    pub(crate) fn ints(&self, index: usize, attribute: &str) -> Result<Option<Vec<i64>>, Reason> {
        if self.has(index) {
            return Ok(Some(self.host(index)?.ints()?.to_vec()));
        }
        self.node.ints(attribute)
    }

    /// Returns a number that stands in an input or, in older operator sets, in an attribute.
    pub(crate) fn number(&self, index: usize, attribute: &str) -> Result<Option<f64>, Reason> {
        if self.has(index) {
            return self.host(index)?.number().map(Some);
        }
        if self.node.attributes().contains_key(attribute) {
            self.node
                .float(attribute, 0.0)
                .map(|value| Some(f64::from(value)))
        } else {
            Ok(None)
        }
    }
}
