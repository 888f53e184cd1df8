//! A node on small values, and every operator on hostile ones.

#![allow(clippy::unwrap_used)]

mod vectors;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::registry::OPERATORS;
use super::{Data, Host, evaluate};
use crate::element::ElementType;
use crate::graph::{Attribute, Node};
use crate::tensor::{Tensor, Values};

/// Makes a node with attributes and as many outputs as asked for.
pub(crate) fn node(op: &str, outputs: usize, attributes: &[(&str, Attribute)]) -> Node {
    let attributes = attributes.iter();
    Node {
        name: String::new(),
        op: op.to_string(),
        domain: String::new(),
        opset: Some(17),
        inputs: Vec::new(),
        outputs: (0..outputs).map(|n| Some(n.to_string().into())).collect(),
        attributes: attributes
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect(),
        metadata: BTreeMap::new(),
    }
}

pub(crate) fn int(value: i64) -> Attribute {
    Attribute::Int(value)
}

pub(crate) fn ints(values: &[i64]) -> Attribute {
    Attribute::Ints(values.into())
}

pub(crate) fn float(value: f32) -> Attribute {
    Attribute::Float(value)
}

pub(crate) fn text(value: &str) -> Attribute {
    Attribute::String(value.as_bytes().into())
}

/// Makes an attribute of a tensor.
pub(crate) fn tensor(dims: &[usize], values: Values) -> Attribute {
    let element = match values {
        Values::I32(_) => ElementType::I32,
        _ => ElementType::I64,
    };
    Attribute::Tensor(Tensor::new("".into(), dims.to_vec(), element, Some(values)))
}

/// Makes floats in a shape.
pub(crate) fn f(dims: &[usize], values: &[f32]) -> Host {
    Host::of(dims.to_vec(), values.to_vec()).unwrap()
}

/// Makes integers in a shape.
pub(crate) fn i(dims: &[usize], values: &[i64]) -> Host {
    Host::of(dims.to_vec(), values.to_vec()).unwrap()
}

/// Makes a list of integers.
pub(crate) fn l(values: &[i64]) -> Host {
    i(&[values.len()], values)
}

/// Makes Booleans in a shape.
pub(crate) fn b(dims: &[usize], values: &[bool]) -> Host {
    Host::of(dims.to_vec(), values.to_vec()).unwrap()
}

/// The inputs of an operator without inputs.
pub(crate) const NONE: &[Host] = &[];

/// Computes the first output of an operator that is in the registry.
pub(crate) fn run(
    op: &str,
    attributes: &[(&str, Attribute)],
    inputs: &[impl Borrow<Host>],
) -> Result<Host, String> {
    let inputs = inputs.iter().map(|host| Some(host.borrow().clone()));
    let inputs: Vec<Option<Host>> = inputs.collect();
    let outputs = evaluate(&node(op, 1, attributes), &inputs)?.unwrap();
    Ok(outputs[0].clone().unwrap())
}

/// Asserts the first output of an operator.
pub(crate) fn check(
    op: &str,
    attributes: &[(&str, Attribute)],
    inputs: &[impl Borrow<Host>],
    expected: &Host,
) {
    let found = run(op, attributes, inputs).unwrap_or_else(|reason| panic!("{op}: {reason}"));
    assert_same(op, &found, expected);
}

/// Asserts that two values are the same but for rounding.
pub(crate) fn assert_same(op: &str, found: &Host, expected: &Host) {
    assert_eq!(found.dims(), expected.dims(), "{op}");
    match (found.data(), expected.data()) {
        (Data::Float(a), Data::Float(b)) => {
            for (a, b) in a.iter().zip(b.iter()) {
                let same =
                    (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= 1e-6 + 1e-5 * b.abs();
                assert!(same, "{op}: {a} instead of {b}");
            }
        }
        (Data::Int(a), Data::Int(b)) => assert_eq!(a, b, "{op}"),
        (Data::Bool(a), Data::Bool(b)) => assert_eq!(a, b, "{op}"),
        _ => panic!("{op}: {found:?} instead of {expected:?}"),
    }
}

/// Asserts that an operator refuses its inputs for a reason.
pub(crate) fn refuses(
    op: &str,
    attributes: &[(&str, Attribute)],
    inputs: &[impl Borrow<Host>],
    reason: &str,
) {
    let found = run(op, attributes, inputs).unwrap_err();
    assert!(found.contains(reason), "{op}: {found}");
}

#[test]
fn the_registry_is_sorted() {
    assert!(OPERATORS.is_sorted_by(|a, b| a.0 < b.0));
}

#[test]
fn other_operators_and_domains_have_no_arithmetic() {
    assert!(evaluate(&node("Conv", 1, &[]), &[]).unwrap().is_none());
    let mut other = node("Add", 1, &[]);
    other.domain = "com.microsoft".to_string();
    assert!(evaluate(&other, &[]).unwrap().is_none());
}

#[test]
fn an_output_that_is_left_out_is_none() {
    let mut split = node("Split", 2, &[]);
    split.outputs[0] = None;
    let outputs = evaluate(&split, &[Some(l(&[1, 2]))]).unwrap().unwrap();
    assert!(outputs[0].is_none());
    assert_eq!(outputs[1].as_ref().unwrap().ints().unwrap(), [2]);
}

/// A small generator of numbers, so that the sweep is the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())].clone()
    }
}

const INTS: [i64; 14] = [
    0,
    1,
    -1,
    2,
    3,
    -2,
    4,
    7,
    -7,
    1 << 40,
    i64::MAX,
    i64::MIN,
    i64::MIN + 1,
    255,
];
const FLOATS: [f32; 9] = [
    0.0,
    1.0,
    -1.5,
    0.5,
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    3e38,
    -2.0,
];
const DIMS: [usize; 8] = [0, 1, 1, 2, 2, 3, 4, 4];

fn hostile(dice: &mut Dice) -> Host {
    let rank = dice.roll(5);
    let dims: Vec<usize> = (0..rank).map(|_| dice.pick(&DIMS)).collect();
    let count = dims.iter().product();
    // Small integers half of the time, so that some inputs are accepted.
    let range = dice.pick(&[4, INTS.len()]);
    match dice.roll(3) {
        0 => f(
            &dims,
            &(0..count).map(|_| dice.pick(&FLOATS)).collect::<Vec<_>>(),
        ),
        1 => i(
            &dims,
            &(0..count)
                .map(|_| dice.pick(&INTS[..range]))
                .collect::<Vec<_>>(),
        ),
        _ => b(
            &dims,
            &(0..count).map(|_| dice.roll(2) == 1).collect::<Vec<_>>(),
        ),
    }
}

fn hostile_attribute(dice: &mut Dice, name: &str) -> Attribute {
    const TEXTS: [&str; 20] = [
        "edge",
        "reflect",
        "wrap",
        "constant",
        "add",
        "mul",
        "max",
        "min",
        "none",
        "DCR",
        "CRD",
        "ij,jk->ik",
        "ii->i",
        "ij->",
        "i,j",
        "...i->i",
        "bij,bjk",
        "a->b",
        "->",
        ",,,",
    ];
    if dice.roll(12) == 0 {
        return float(f32::NAN);
    }
    match name {
        "axes" | "perm" | "pads" | "starts" | "ends" | "split" | "value_ints" => {
            let length = dice.roll(5);
            ints(&(0..length).map(|_| dice.pick(&INTS)).collect::<Vec<_>>())
        }
        "mode" | "reduction" | "equation" => text(dice.pick(&TEXTS)),
        "alpha" | "beta" | "min" | "max" | "value_float" | "epsilon" => float(dice.pick(&FLOATS)),
        _ => int(dice.pick(&INTS)),
    }
}

const NAMES: &[&str] = &[
    "axes",
    "perm",
    "pads",
    "starts",
    "ends",
    "split",
    "value_ints",
    "mode",
    "reduction",
    "equation",
    "alpha",
    "beta",
    "min",
    "max",
    "value_float",
    "epsilon",
    "axis",
    "keepdims",
    "noop_with_empty_axes",
    "allowzero",
    "start",
    "end",
    "to",
    "fmod",
    "k",
    "upper",
    "blocksize",
    "batch_dims",
    "num_outputs",
    "largest",
    "sorted",
    "exclusive",
    "reverse",
    "select_last_index",
    "transA",
    "transB",
    "dtype",
    "output_dtype",
    "block_size",
];

/// Names the attribute without which an operator does nothing.
fn required(op: &str) -> Option<&'static str> {
    match op {
        "Cast" => Some("to"),
        "Concat" => Some("axis"),
        "Constant" => Some("value_ints"),
        "DepthToSpace" | "SpaceToDepth" => Some("blocksize"),
        "Einsum" => Some("equation"),
        _ => None,
    }
}

/// Runs each operator on thousands of inputs, most of them wrong.
#[test]
fn nothing_panics() {
    let mut dice = Dice(1);
    for (op, _) in OPERATORS {
        let mut accepted = 0;
        for _ in 0..3000 {
            let some = dice.roll(4);
            let mut names: Vec<&str> = (0..some).map(|_| dice.pick(NAMES)).collect();
            names.extend(required(op));
            let attributes: Vec<(&str, Attribute)> = names
                .iter()
                .map(|name| (*name, hostile_attribute(&mut dice, name)))
                .collect();
            let count = dice.roll(6);
            let first = hostile(&mut dice);
            let mut inputs: Vec<Option<Host>> = Vec::new();
            for n in 0..count {
                inputs.push(match dice.roll(8) {
                    0 if n > 0 => None,
                    1..=3 => Some(first.clone()),
                    4 => Some(l(&[dice.pick(&INTS)])),
                    _ => Some(hostile(&mut dice)),
                });
            }
            let outputs = dice.pick(&[1, 1, 2, 3]);
            let mut node = node(op, outputs, &attributes);
            node.opset = Some(dice.pick(&[9, 12, 13, 18, 23]));
            let result = evaluate(&node, &inputs);
            if let Ok(values) = result {
                accepted += 1;
                for host in values.unwrap().into_iter().flatten() {
                    assert_eq!(host.dims().iter().product::<usize>(), host.len(), "{op}");
                }
            }
        }
        assert!(accepted > 0, "{op} accepted none");
    }
}

#[test]
fn a_value_shares_its_numbers() {
    let host = f(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let Data::Float(numbers) = host.data() else {
        panic!("{host:?}");
    };
    let numbers = Arc::as_ptr(numbers);
    let reshaped = host.reshaped(vec![4]).unwrap();
    let Data::Float(shared) = reshaped.data() else {
        panic!("{host:?}");
    };
    assert_eq!(Arc::as_ptr(shared), numbers);
    drop(host);
    assert_eq!(reshaped.floats().unwrap(), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn a_value_has_as_many_numbers_as_its_shape() {
    let data = |count| Data::Int(Arc::new(vec![0; count]));
    assert!(Host::new(vec![2, 3], data(6)).is_ok());
    assert!(Host::new(vec![2, 3], data(5)).is_err());
    assert!(Host::new(vec![], data(1)).is_ok());
    assert!(Host::new(vec![0, 9], data(0)).is_ok());
    assert!(Host::new(vec![0, 1 << 40], data(0)).is_err());
    assert!(Host::new(vec![1; 65], data(1)).is_err());
    assert_eq!(l(&[2, 3]).as_usizes().unwrap(), [2, 3]);
    assert!(l(&[2, -3]).as_usizes().is_err());
    assert!(i(&[1, 1], &[0]).as_ints().is_err());
}
