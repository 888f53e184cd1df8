//! Tensors with known values: initializers and attributes.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use half::{bf16, f16};

use crate::element::ElementType;
use crate::error::{Error, Result};

/// A tensor with known values. A clone shares them.
#[derive(Clone)]
pub struct Tensor {
    name: Arc<str>,
    dims: Arc<[usize]>,
    element: ElementType,
    /// As many values as the product of `dims`; `None` if the element type is not read.
    values: Option<Arc<Values>>,
}

/// The values of a tensor, the last dimension fastest.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    Bool(Vec<bool>),
}

impl Tensor {
    /// Joins a shape and its values, whose count the caller has checked.
    pub(crate) fn new(
        name: Arc<str>,
        dims: Vec<usize>,
        element: ElementType,
        values: Option<Values>,
    ) -> Self {
        Tensor {
            name,
            dims: dims.into(),
            element,
            values: values.map(Arc::new),
        }
    }

    /// Returns the name; often empty for a tensor in an attribute.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the shape, outermost dimension first; empty for a scalar.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// Returns the type of the elements.
    pub fn element(&self) -> ElementType {
        self.element
    }

    /// Returns the values.
    ///
    /// # Errors
    /// [`Error::Element`] if values of this type are not read (texts, complex numbers, floats and integers below 8 bits).
    pub fn values(&self) -> Result<&Values> {
        self.values.as_deref().ok_or_else(|| Error::Element {
            tensor: self.name.to_string(),
            element: self.element,
        })
    }
}

/// Shows the shape, not the values.
impl Debug for Tensor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Tensor(`{}`, {} {:?})",
            self.name, self.element, self.dims
        )
    }
}

impl Values {
    /// Returns the number of values.
    pub fn len(&self) -> usize {
        match self {
            Values::F32(v) => v.len(),
            Values::F64(v) => v.len(),
            Values::F16(v) => v.len(),
            Values::Bf16(v) => v.len(),
            Values::I8(v) => v.len(),
            Values::I16(v) => v.len(),
            Values::I32(v) => v.len(),
            Values::I64(v) => v.len(),
            Values::U8(v) => v.len(),
            Values::U16(v) => v.len(),
            Values::U32(v) => v.len(),
            Values::U64(v) => v.len(),
            Values::Bool(v) => v.len(),
        }
    }

    /// Says whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Shows the number of values, not the values.
impl Debug for Values {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Values({})", self.len())
    }
}
