//! Conversions between types.

use half::{bf16, f16};

use crate::element::ElementType;
use crate::graph::Node;
use crate::host::inputs::Inputs;
use crate::host::value::{Data, Host};
use crate::host::width::bounds;

/// Converts to the type of an attribute.
pub(crate) fn cast(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let Some(to) = node.optional_int("to")? else {
        return Err("the attribute `to` is left out".to_string());
    };
    let code = i32::try_from(to).unwrap_or(i32::MAX);
    converted(inputs.get(0)?, ElementType::of(code))
}

/// Converts to the type of another value.
pub(crate) fn cast_like(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    converted(inputs.get(0)?, inputs.get(1)?.element())
}

/// Converts a value: floats are truncated and saturate, integers wrap, and what is not 0 is true.
pub(crate) fn converted(host: &Host, to: ElementType) -> Result<Host, String> {
    let dims = host.dims().to_vec();
    match to {
        ElementType::F32 | ElementType::F64 => {
            Ok(Host::of(dims, to_floats(host, |value| value))?.typed(to))
        }
        ElementType::F16 => {
            let rounded = |value| f16::from_f32(value).to_f32();
            Ok(Host::of(dims, to_floats(host, rounded))?.typed(to))
        }
        ElementType::Bf16 => {
            let rounded = |value| bf16::from_f32(value).to_f32();
            Ok(Host::of(dims, to_floats(host, rounded))?.typed(to))
        }
        ElementType::I8
        | ElementType::I16
        | ElementType::I32
        | ElementType::I64
        | ElementType::U8
        | ElementType::U16
        | ElementType::U32
        | ElementType::U64 => Ok(Host::of(dims, to_ints(host, to))?.typed(to)),
        ElementType::Bool => Host::of(dims, to_bools(host)),
        ElementType::Unread(_) | ElementType::Unknown(_) => {
            Err(format!("conversion to {to} is not supported"))
        }
    }
}

fn to_floats(host: &Host, round: impl Fn(f32) -> f32) -> Vec<f32> {
    match host.data() {
        Data::Float(values) => values.iter().map(|v| round(*v)).collect(),
        Data::Int(values) => values.iter().map(|v| round(*v as f32)).collect(),
        Data::Bool(values) => values.iter().map(|v| f32::from(*v)).collect(),
    }
}

fn to_ints(host: &Host, to: ElementType) -> Vec<i64> {
    let (least, greatest) = bounds(to).unwrap_or((i64::MIN, i64::MAX));
    match host.data() {
        Data::Float(values) => {
            let saturated = |value: &f32| (*value as i64).clamp(least, greatest);
            values.iter().map(saturated).collect()
        }
        Data::Int(values) => values.to_vec(),
        Data::Bool(values) => values.iter().map(|v| i64::from(*v)).collect(),
    }
}

fn to_bools(host: &Host) -> Vec<bool> {
    match host.data() {
        Data::Float(values) => values.iter().map(|v| *v != 0.0).collect(),
        Data::Int(values) => values.iter().map(|v| *v != 0).collect(),
        Data::Bool(values) => values.to_vec(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::graph::Attribute;
    use crate::host::tests::{b, check, f, int, l, refuses, run};

    const F32: i64 = 1;
    const U8: i64 = 2;
    const I8: i64 = 3;
    const I64: i64 = 7;
    const STRING: i64 = 8;
    const BOOL: i64 = 9;
    const F16: i64 = 10;

    fn to(code: i64) -> [(&'static str, Attribute); 1] {
        [("to", int(code))]
    }

    #[test]
    fn floats_truncate_and_saturate() {
        let x = f(&[5], &[-1.9, 2.9, 300.0, f32::NEG_INFINITY, f32::NAN]);
        check("Cast", &to(I64), &[&x], &l(&[-1, 2, 300, i64::MIN, 0]));
        check("Cast", &to(I8), &[&x], &l(&[-1, 2, 127, -128, 0]));
        check("Cast", &to(U8), &[&x], &l(&[0, 2, 255, 0, 0]));
        check(
            "Cast",
            &to(BOOL),
            &[f(&[2], &[0.0, -0.1])],
            &b(&[2], &[false, true]),
        );
        check(
            "Cast",
            &to(F16),
            &[f(&[2], &[1e6, 1.0])],
            &f(&[2], &[f32::INFINITY, 1.0]),
        );
    }

    #[test]
    fn integers_wrap() {
        check("Cast", &to(I8), &[l(&[200, -129])], &l(&[-56, 127]));
        check("Cast", &to(U8), &[l(&[-1, 256])], &l(&[255, 0]));
        check("Cast", &to(F32), &[l(&[-1, 256])], &f(&[2], &[-1.0, 256.0]));
        check("Cast", &to(BOOL), &[l(&[0, 7])], &b(&[2], &[false, true]));
        check("Cast", &to(I64), &[b(&[2], &[false, true])], &l(&[0, 1]));
    }

    #[test]
    fn a_type_is_taken_from_another_value() {
        let byte = run("Cast", &to(U8), &[l(&[0])]).unwrap();
        check("CastLike", &[], &[l(&[-1]), byte], &l(&[255]));
        check(
            "CastLike",
            &[],
            &[l(&[2]), b(&[], &[true])],
            &b(&[1], &[true]),
        );
        let half = run("Cast", &to(F16), &[l(&[0])]).unwrap();
        check(
            "CastLike",
            &[],
            &[f(&[], &[0.1]), half],
            &f(&[], &[0.099_975_586]),
        );
    }

    #[test]
    fn types_that_are_not_read_are_refused() {
        refuses("Cast", &[], &[l(&[0])], "`to` is left out");
        refuses(
            "Cast",
            &to(STRING),
            &[l(&[0])],
            "conversion to string is not supported",
        );
        refuses("Cast", &to(i64::MIN), &[l(&[0])], "is not supported");
    }
}
