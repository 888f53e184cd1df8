//! The types of a tensor's elements.

use std::fmt::{self, Display, Formatter};

/// The type of a tensor's elements (`TensorProto.DataType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElementType {
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 16-bit float (IEEE 754).
    F16,
    /// bfloat16.
    Bf16,
    /// 8-bit signed integer.
    I8,
    /// 16-bit signed integer.
    I16,
    /// 32-bit signed integer.
    I32,
    /// 64-bit signed integer.
    I64,
    /// 8-bit unsigned integer.
    U8,
    /// 16-bit unsigned integer.
    U16,
    /// 32-bit unsigned integer.
    U32,
    /// 64-bit unsigned integer.
    U64,
    /// One byte, 0 or 1.
    Bool,
    /// A type whose values are not read, by its name in `TensorProto.DataType`.
    Unread(&'static str),
    /// A number that is not in `TensorProto.DataType`.
    Unknown(i32),
}

impl ElementType {
    /// Finds the type of a number in a file.
    pub(crate) fn of(code: i32) -> ElementType {
        match code {
            1 => ElementType::F32,
            2 => ElementType::U8,
            3 => ElementType::I8,
            4 => ElementType::U16,
            5 => ElementType::I16,
            6 => ElementType::I32,
            7 => ElementType::I64,
            8 => ElementType::Unread("string"),
            9 => ElementType::Bool,
            10 => ElementType::F16,
            11 => ElementType::F64,
            12 => ElementType::U32,
            13 => ElementType::U64,
            14 => ElementType::Unread("complex64"),
            15 => ElementType::Unread("complex128"),
            16 => ElementType::Bf16,
            17 => ElementType::Unread("float8e4m3fn"),
            18 => ElementType::Unread("float8e4m3fnuz"),
            19 => ElementType::Unread("float8e5m2"),
            20 => ElementType::Unread("float8e5m2fnuz"),
            21 => ElementType::Unread("uint4"),
            22 => ElementType::Unread("int4"),
            23 => ElementType::Unread("float4e2m1"),
            24 => ElementType::Unread("float8e8m0"),
            25 => ElementType::Unread("uint2"),
            26 => ElementType::Unread("int2"),
            27 => ElementType::Unread("float6e2m3"),
            28 => ElementType::Unread("float6e3m2"),
            _ => ElementType::Unknown(code),
        }
    }

    /// Returns the bytes of one element; `None` if the values are not read.
    pub fn bytes(self) -> Option<usize> {
        match self {
            ElementType::I8 | ElementType::U8 | ElementType::Bool => Some(1),
            ElementType::F16 | ElementType::Bf16 | ElementType::I16 | ElementType::U16 => Some(2),
            ElementType::F32 | ElementType::I32 | ElementType::U32 => Some(4),
            ElementType::F64 | ElementType::I64 | ElementType::U64 => Some(8),
            ElementType::Unread(_) | ElementType::Unknown(_) => None,
        }
    }
}

impl Display for ElementType {
    /// Writes NumPy's name of the type.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = match self {
            ElementType::F32 => "float32",
            ElementType::F64 => "float64",
            ElementType::F16 => "float16",
            ElementType::Bf16 => "bfloat16",
            ElementType::I8 => "int8",
            ElementType::I16 => "int16",
            ElementType::I32 => "int32",
            ElementType::I64 => "int64",
            ElementType::U8 => "uint8",
            ElementType::U16 => "uint16",
            ElementType::U32 => "uint32",
            ElementType::U64 => "uint64",
            ElementType::Bool => "bool",
            ElementType::Unread(name) => name,
            ElementType::Unknown(code) => return write!(f, "number {code}"),
        };
        f.write_str(name)
    }
}
