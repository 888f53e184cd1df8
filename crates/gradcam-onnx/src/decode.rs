//! Tensors of a file as typed values.

use std::sync::Arc;

use half::{bf16, f16};

use crate::element::ElementType;
use crate::error::{Error, Result};
use crate::external::Sidecars;
use crate::limits::Budget;
use crate::proto::TensorProto;
use crate::tensor::{Tensor, Values};

/// `TensorProto.DataLocation.EXTERNAL`.
pub(crate) const EXTERNAL: i32 = 1;

/// Decodes a tensor under the name that it has in the graph.
///
/// # Errors
/// If the shape and the number of values contradict each other, or the values cannot be read or exceed the budget.
pub(crate) fn tensor(
    proto: &TensorProto,
    name: Arc<str>,
    sidecars: &mut Sidecars,
    budget: &mut Budget<'_>,
) -> Result<Tensor> {
    let element = ElementType::of(proto.data_type);
    let dims = dims(proto)?;
    let values = match element.bytes() {
        None => None,
        Some(bytes) => {
            let count = dims.iter().try_fold(1usize, |n, dim| n.checked_mul(*dim));
            let length = count.and_then(|count| count.checked_mul(bytes));
            let (Some(count), Some(length)) = (count, length) else {
                return Err(refused(proto, format!("its shape {dims:?} is too large")));
            };
            budget.tensor(length as u64)?;
            Some(values(proto, element, count, length, sidecars)?)
        }
    };
    Ok(Tensor::new(name, dims, element, values))
}

fn dims(proto: &TensorProto) -> Result<Vec<usize>> {
    let dims = proto.dims.iter().map(|dim| {
        usize::try_from(*dim).map_err(|_| {
            let reason = format!("its shape {:?} has a negative dimension", proto.dims);
            refused(proto, reason)
        })
    });
    dims.collect()
}

fn values(
    proto: &TensorProto,
    element: ElementType,
    count: usize,
    length: usize,
    sidecars: &mut Sidecars,
) -> Result<Values> {
    if proto.segment.is_some() {
        return Err(refused(proto, "tensors in segments are not supported"));
    }
    if proto.data_location == EXTERNAL {
        let bytes = sidecars.read(proto, length as u64)?;
        return raw(proto, element, &bytes);
    }
    if let Some(bytes) = &proto.raw_data {
        if bytes.len() != length {
            let found = bytes.len();
            return Err(refused(
                proto,
                format!("its shape takes {length} bytes, found {found}"),
            ));
        }
        return raw(proto, element, bytes);
    }
    let found = match element {
        ElementType::F32 => proto.float_data.len(),
        ElementType::F64 => proto.double_data.len(),
        ElementType::I64 => proto.int64_data.len(),
        ElementType::U32 | ElementType::U64 => proto.uint64_data.len(),
        _ => proto.int32_data.len(),
    };
    if found != count {
        return Err(refused(
            proto,
            format!("its shape takes {count} values, found {found}"),
        ));
    }
    listed(proto, element)
}

/// Decodes little-endian bytes, whose number the caller has checked.
fn raw(proto: &TensorProto, element: ElementType, bytes: &[u8]) -> Result<Values> {
    Ok(match element {
        ElementType::F32 => Values::F32(each(bytes, f32::from_le_bytes)),
        ElementType::F64 => Values::F64(each(bytes, f64::from_le_bytes)),
        ElementType::F16 => Values::F16(each(bytes, f16::from_le_bytes)),
        ElementType::Bf16 => Values::Bf16(each(bytes, bf16::from_le_bytes)),
        ElementType::I8 => Values::I8(each(bytes, i8::from_le_bytes)),
        ElementType::I16 => Values::I16(each(bytes, i16::from_le_bytes)),
        ElementType::I32 => Values::I32(each(bytes, i32::from_le_bytes)),
        ElementType::I64 => Values::I64(each(bytes, i64::from_le_bytes)),
        ElementType::U8 => Values::U8(bytes.to_vec()),
        ElementType::U16 => Values::U16(each(bytes, u16::from_le_bytes)),
        ElementType::U32 => Values::U32(each(bytes, u32::from_le_bytes)),
        ElementType::U64 => Values::U64(each(bytes, u64::from_le_bytes)),
        ElementType::Bool => Values::Bool(each(bytes, |[byte]: [u8; 1]| byte != 0)),
        ElementType::Unread(_) | ElementType::Unknown(_) => return Err(unread(proto, element)),
    })
}

fn each<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|chunk| value(*chunk))
        .collect()
}

/// Decodes the list of the type: small integers and 16-bit floats are in the list of 32-bit integers.
fn listed(proto: &TensorProto, element: ElementType) -> Result<Values> {
    let small = &proto.int32_data;
    Ok(match element {
        ElementType::F32 => Values::F32(proto.float_data.clone()),
        ElementType::F64 => Values::F64(proto.double_data.clone()),
        ElementType::F16 => {
            let bits = narrowed(proto, element, small)?;
            Values::F16(bits.into_iter().map(f16::from_bits).collect())
        }
        ElementType::Bf16 => {
            let bits = narrowed(proto, element, small)?;
            Values::Bf16(bits.into_iter().map(bf16::from_bits).collect())
        }
        ElementType::I8 => Values::I8(narrowed(proto, element, small)?),
        ElementType::I16 => Values::I16(narrowed(proto, element, small)?),
        ElementType::I32 => Values::I32(small.clone()),
        ElementType::I64 => Values::I64(proto.int64_data.clone()),
        ElementType::U8 => Values::U8(narrowed(proto, element, small)?),
        ElementType::U16 => Values::U16(narrowed(proto, element, small)?),
        ElementType::U32 => Values::U32(narrowed(proto, element, &proto.uint64_data)?),
        ElementType::U64 => Values::U64(proto.uint64_data.clone()),
        ElementType::Bool => Values::Bool(small.iter().map(|value| *value != 0).collect()),
        ElementType::Unread(_) | ElementType::Unknown(_) => return Err(unread(proto, element)),
    })
}

fn narrowed<T: Copy + ToString, U: TryFrom<T>>(
    proto: &TensorProto,
    element: ElementType,
    values: &[T],
) -> Result<Vec<U>> {
    let narrow = |value: &T| {
        U::try_from(*value).map_err(|_| {
            let reason = format!(
                "its value {} is out of the range of {element}",
                value.to_string()
            );
            refused(proto, reason)
        })
    };
    values.iter().map(narrow).collect()
}

fn refused(proto: &TensorProto, reason: impl Into<String>) -> Error {
    Error::tensor(&proto.name, reason)
}

fn unread(proto: &TensorProto, element: ElementType) -> Error {
    Error::Element {
        tensor: proto.name.clone(),
        element,
    }
}
