//! The inputs of a node.

use crate::host::value::{Element, Host};

/// The inputs of a node, `None` for those that are left out.
pub(crate) struct Inputs<'a>(pub(crate) &'a [Option<Host>]);

impl<'a> Inputs<'a> {
    /// Returns the inputs in order.
    ///
    /// # Errors
    /// If there are none, or one is left out.
    pub(crate) fn all(&self) -> Result<Vec<&'a Host>, String> {
        if self.0.is_empty() {
            return Err("expected at least one input, found none".to_string());
        }
        (0..self.0.len()).map(|index| self.get(index)).collect()
    }

    /// Returns an input.
    ///
    /// # Errors
    /// If it is left out.
    pub(crate) fn get(&self, index: usize) -> Result<&'a Host, String> {
        self.optional(index)
            .ok_or_else(|| format!("its input {} is left out", index + 1))
    }

    /// Returns an input; `None` if it is left out.
    pub(crate) fn optional(&self, index: usize) -> Option<&'a Host> {
        self.0.get(index).and_then(Option::as_ref)
    }

    /// Returns the only number of an input; `None` if the input is left out.
    pub(crate) fn only<T: Element>(&self, index: usize) -> Result<Option<T>, String> {
        self.optional(index).map(Host::only).transpose()
    }

    /// Returns the list of an input, or else an attribute, as operators before and after a change of opset have it.
    pub(crate) fn list(
        &self,
        index: usize,
        attribute: Option<Vec<i64>>,
    ) -> Result<Option<Vec<i64>>, String> {
        match self.optional(index) {
            Some(list) => Ok(Some(list.as_ints()?.to_vec())),
            None => Ok(attribute),
        }
    }
}
