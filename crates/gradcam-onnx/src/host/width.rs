//! The widths of integers.

use crate::element::ElementType;

/// Wraps an integer to the width of a type.
pub(crate) fn wrapped(element: ElementType, value: i64) -> i64 {
    match element {
        ElementType::I8 => i64::from(value as i8),
        ElementType::I16 => i64::from(value as i16),
        ElementType::I32 => i64::from(value as i32),
        ElementType::U8 => i64::from(value as u8),
        ElementType::U16 => i64::from(value as u16),
        ElementType::U32 => i64::from(value as u32),
        ElementType::I64
        | ElementType::U64
        | ElementType::F32
        | ElementType::F64
        | ElementType::F16
        | ElementType::Bf16
        | ElementType::Bool
        | ElementType::Unread(_)
        | ElementType::Unknown(_) => value,
    }
}

/// Returns the least and greatest integer of a type; `None` if it is not of integers.
pub(crate) fn bounds(element: ElementType) -> Option<(i64, i64)> {
    match element {
        ElementType::I8 => Some((i8::MIN.into(), i8::MAX.into())),
        ElementType::I16 => Some((i16::MIN.into(), i16::MAX.into())),
        ElementType::I32 => Some((i32::MIN.into(), i32::MAX.into())),
        ElementType::I64 => Some((i64::MIN, i64::MAX)),
        ElementType::U8 => Some((0, u8::MAX.into())),
        ElementType::U16 => Some((0, u16::MAX.into())),
        ElementType::U32 => Some((0, u32::MAX.into())),
        ElementType::U64 => Some((0, i64::MAX)),
        ElementType::F32
        | ElementType::F64
        | ElementType::F16
        | ElementType::Bf16
        | ElementType::Bool
        | ElementType::Unread(_)
        | ElementType::Unknown(_) => None,
    }
}

/// Says whether a type is of floats that are read.
pub(crate) fn is_float(element: ElementType) -> bool {
    matches!(
        element,
        ElementType::F32 | ElementType::F64 | ElementType::F16 | ElementType::Bf16
    )
}
