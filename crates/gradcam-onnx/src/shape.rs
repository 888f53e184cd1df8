//! The shapes that a graph declares for its inputs and outputs.

use std::fmt::{self, Display, Formatter};

/// One dimension of a declared shape.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dim {
    /// A fixed size.
    Size(usize),
    /// A size that has a name, such as `batch`, and is known when the network runs.
    Named(String),
    /// A size that is known when the network runs. Negative sizes, which some exporters write, mean the same.
    Unknown,
}

/// A declared shape, outermost dimension first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape(Vec<Dim>);

impl Shape {
    pub(crate) fn new(dims: Vec<Dim>) -> Self {
        Shape(dims)
    }

    /// Returns the dimensions, outermost first.
    pub fn dims(&self) -> &[Dim] {
        &self.0
    }
}

impl Display for Dim {
    /// Writes the size, the name, or `?`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Size(size) => write!(f, "{size}"),
            Dim::Named(name) => f.write_str(name),
            Dim::Unknown => f.write_str("?"),
        }
    }
}

impl Display for Shape {
    /// Writes the dimensions in brackets, such as `[batch, 3, 224, 224]`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.0.iter().map(Dim::to_string).collect();
        write!(f, "[{}]", dims.join(", "))
    }
}
