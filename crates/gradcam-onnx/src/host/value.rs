//! A value and its numbers.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use crate::element::ElementType;
use crate::host::width;
use crate::tensor::{Tensor, Values};

/// The most elements of one value: 1 GiB of floats.
const MOST_ELEMENTS: usize = 1 << 28;
/// The most dimensions of a value, far beyond those of any network.
const MOST_DIMENSIONS: usize = 64;

/// A value that is known without the image. A clone shares its numbers.
#[derive(Clone)]
pub(crate) struct Host {
    dims: Vec<usize>,
    data: Data,
    /// The type in the file, which decides how integers wrap and what `CastLike` rounds to.
    element: ElementType,
}

/// The numbers of a value, the last dimension fastest.
#[derive(Clone)]
pub(crate) enum Data {
    Float(Arc<Vec<f32>>),
    Int(Arc<Vec<i64>>),
    Bool(Arc<Vec<bool>>),
}

/// A type of numbers in [`Data`].
pub(crate) trait Element: Copy + Default + PartialEq + PartialOrd {
    /// Wraps numbers.
    fn data(values: Vec<Self>) -> Data;

    /// Returns a value's numbers.
    fn of(host: &Host) -> Result<&[Self], String>;
}

impl Element for f32 {
    fn data(values: Vec<f32>) -> Data {
        Data::Float(Arc::new(values))
    }

    fn of(host: &Host) -> Result<&[f32], String> {
        host.floats()
    }
}

impl Element for i64 {
    fn data(values: Vec<i64>) -> Data {
        Data::Int(Arc::new(values))
    }

    fn of(host: &Host) -> Result<&[i64], String> {
        host.ints()
    }
}

impl Element for bool {
    fn data(values: Vec<bool>) -> Data {
        Data::Bool(Arc::new(values))
    }

    fn of(host: &Host) -> Result<&[bool], String> {
        host.bools()
    }
}

/// Evaluates an expression with the type of a value's numbers under a name.
macro_rules! typed {
    ($host:expr, $T:ident => $body:expr) => {
        match $host.data() {
            $crate::host::Data::Float(_) => {
                type $T = f32;
                $body
            }
            $crate::host::Data::Int(_) => {
                type $T = i64;
                $body
            }
            $crate::host::Data::Bool(_) => {
                type $T = bool;
                $body
            }
        }
    };
}

/// Evaluates an expression as `typed`, but refuses Booleans.
macro_rules! numeric {
    ($host:expr, $T:ident => $body:expr) => {
        match $host.data() {
            $crate::host::Data::Float(_) => {
                type $T = f32;
                $body
            }
            $crate::host::Data::Int(_) => {
                type $T = i64;
                $body
            }
            $crate::host::Data::Bool(_) => {
                Err("expected floats or integers, found Booleans".to_string())
            }
        }
    };
}

pub(crate) use {numeric, typed};

/// Counts the elements of a shape.
///
/// # Errors
/// If it has too many, or too many dimensions. Sizes beside a size of 0 count as well, so that no product of them overflows.
pub(crate) fn count(dims: &[usize]) -> Result<usize, String> {
    if dims.len() > MOST_DIMENSIONS {
        return Err(format!(
            "expected at most {MOST_DIMENSIONS} dimensions, found {}",
            dims.len()
        ));
    }
    let product = |n: usize, dim: &usize| {
        let product = n.checked_mul((*dim).max(1));
        product.filter(|product| *product <= MOST_ELEMENTS)
    };
    match dims.iter().try_fold(1, product) {
        Some(_) if dims.contains(&0) => Ok(0),
        Some(count) => Ok(count),
        None => Err(format!(
            "expected at most {MOST_ELEMENTS} elements, found the shape {dims:?}"
        )),
    }
}

impl Host {
    /// Joins a shape and its numbers. Integers are of 64 bits.
    ///
    /// # Errors
    /// If the numbers of elements differ or are too many.
    pub(crate) fn new(dims: Vec<usize>, data: Data) -> Result<Host, String> {
        let expected = count(&dims)?;
        let found = data.len();
        if expected != found {
            return Err(format!(
                "the shape {dims:?} takes {expected} elements, found {found}"
            ));
        }
        let element = match data {
            Data::Float(_) => ElementType::F32,
            Data::Int(_) => ElementType::I64,
            Data::Bool(_) => ElementType::Bool,
        };
        Ok(Host {
            dims,
            data,
            element,
        })
    }

    /// Joins a shape and its numbers.
    ///
    /// # Errors
    /// As [`Host::new`].
    pub(crate) fn of<T: Element>(dims: Vec<usize>, values: Vec<T>) -> Result<Host, String> {
        Host::new(dims, T::data(values))
    }

    /// Makes a value of one element without dimensions.
    pub(crate) fn scalar<T: Element>(value: T) -> Result<Host, String> {
        Host::of(Vec::new(), vec![value])
    }

    /// Makes a list of integers, such as a shape.
    pub(crate) fn list(values: Vec<i64>) -> Result<Host, String> {
        Host::of(vec![values.len()], values)
    }

    /// Reads a tensor: floats of any width become 32-bit floats, integers become 64-bit integers.
    ///
    /// # Errors
    /// If the type is not read, there are too many elements, or an integer exceeds 63 bits.
    pub(crate) fn from_tensor(tensor: &Tensor) -> Result<Host, String> {
        fn ints<T: Copy + Into<i64>>(values: &[T]) -> Data {
            i64::data(values.iter().map(|value| (*value).into()).collect())
        }
        count(tensor.dims())?;
        let data = match tensor.values().map_err(|error| error.to_string())? {
            Values::F32(values) => f32::data(values.clone()),
            Values::F64(values) => f32::data(values.iter().map(|v| *v as f32).collect()),
            Values::F16(values) => f32::data(values.iter().map(|v| v.to_f32()).collect()),
            Values::Bf16(values) => f32::data(values.iter().map(|v| v.to_f32()).collect()),
            Values::I8(values) => ints(values),
            Values::I16(values) => ints(values),
            Values::I32(values) => ints(values),
            Values::I64(values) => i64::data(values.clone()),
            Values::U8(values) => ints(values),
            Values::U16(values) => ints(values),
            Values::U32(values) => ints(values),
            Values::U64(values) => {
                let signed = |value: &u64| {
                    i64::try_from(*value)
                        .map_err(|_| format!("expected integers up to {}, found {value}", i64::MAX))
                };
                i64::data(values.iter().map(signed).collect::<Result<_, _>>()?)
            }
            Values::Bool(values) => bool::data(values.clone()),
        };
        Ok(Host::new(tensor.dims().to_vec(), data)?.typed(tensor.element()))
    }

    /// Notes the type in the file, unless the numbers are of another kind. Integers wrap to its width; floats are not rounded.
    pub(crate) fn typed(mut self, element: ElementType) -> Host {
        match &mut self.data {
            Data::Int(values) if width::bounds(element).is_some() => {
                if values.iter().any(|v| width::wrapped(element, *v) != *v) {
                    for value in Arc::make_mut(values) {
                        *value = width::wrapped(element, *value);
                    }
                }
                self.element = element;
            }
            Data::Float(_) if width::is_float(element) => self.element = element,
            Data::Int(_) | Data::Float(_) | Data::Bool(_) => {}
        }
        self
    }

    /// Returns the same numbers in another shape.
    ///
    /// # Errors
    /// If it takes another number of elements.
    pub(crate) fn reshaped(&self, dims: Vec<usize>) -> Result<Host, String> {
        Ok(Host::new(dims, self.data.clone())?.typed(self.element))
    }

    /// Returns the shape, outermost dimension first; empty for a scalar.
    pub(crate) fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// Returns the number of dimensions.
    pub(crate) fn rank(&self) -> usize {
        self.dims.len()
    }

    /// Returns the number of elements.
    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }

    /// Returns the numbers.
    pub(crate) fn data(&self) -> &Data {
        &self.data
    }

    /// Returns the type in the file. The numbers are 32-bit floats, 64-bit integers or Booleans nevertheless.
    pub(crate) fn element(&self) -> ElementType {
        self.element
    }

    /// Returns floats.
    pub(crate) fn floats(&self) -> Result<&[f32], String> {
        match &self.data {
            Data::Float(values) => Ok(values),
            other => Err(other.instead_of("floats")),
        }
    }

    /// Returns integers.
    pub(crate) fn ints(&self) -> Result<&[i64], String> {
        match &self.data {
            Data::Int(values) => Ok(values),
            other => Err(other.instead_of("integers")),
        }
    }

    /// Returns Booleans.
    pub(crate) fn bools(&self) -> Result<&[bool], String> {
        match &self.data {
            Data::Bool(values) => Ok(values),
            other => Err(other.instead_of("Booleans")),
        }
    }

    /// Returns a list of integers: those of a list, or one of a scalar.
    pub(crate) fn as_ints(&self) -> Result<&[i64], String> {
        if self.rank() > 1 {
            return Err(format!(
                "expected a list of integers, found the shape {:?}",
                self.dims
            ));
        }
        self.ints()
    }

    /// Returns a list of sizes.
    pub(crate) fn as_usizes(&self) -> Result<Vec<usize>, String> {
        let size = |value: &i64| {
            usize::try_from(*value)
                .map_err(|_| format!("expected sizes of at least 0, found {value}"))
        };
        self.as_ints()?.iter().map(size).collect()
    }

    /// Returns the only number.
    pub(crate) fn only<T: Element>(&self) -> Result<T, String> {
        match T::of(self)? {
            [value] => Ok(*value),
            _ => Err(format!(
                "expected one number, found the shape {:?}",
                self.dims
            )),
        }
    }
}

impl Data {
    /// Returns the number of elements.
    pub(crate) fn len(&self) -> usize {
        match self {
            Data::Float(values) => values.len(),
            Data::Int(values) => values.len(),
            Data::Bool(values) => values.len(),
        }
    }

    fn instead_of(&self, expected: &str) -> String {
        let found = match self {
            Data::Float(_) => "floats",
            Data::Int(_) => "integers",
            Data::Bool(_) => "Booleans",
        };
        format!("expected {expected}, found {found}")
    }
}

/// Shows the type and shape, not the numbers.
impl Debug for Host {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Host({} {:?})", self.element, self.dims)
    }
}
