//! Convolutions with what follows them.

use std::sync::Arc;

use gradcam_nn::ops::{Activation, BatchNorm, Conv2d, ConvNormAct};

use crate::plan::layer::{Closing, Layer};
use crate::plan::step::Step;
use crate::plan::value::Source;
use crate::reason::Reason;
use crate::reason::reason;

/// The reader of the output.
const CALLER: usize = usize::MAX;

/// Joins each convolution with its norm, its residual and its activation, if nobody else reads the values between. The parts become
/// steps that nobody reads.
pub(crate) fn convolutions(steps: &mut [Step], output: &Source) -> Result<(), Reason> {
    let users = users(steps, output);
    // From the end, so that the last convolution of a block takes the residual.
    for first in (0..steps.len()).rev() {
        if users[first].is_empty() {
            continue;
        }
        let Layer::Conv(conv) = steps[first].layer.clone() else {
            continue;
        };
        group(steps, &users, first, conv)?;
    }
    Ok(())
}

/// The only step that reads the output of step `index`.
fn only(users: &[Vec<usize>], index: usize) -> Option<usize> {
    match users[index].as_slice() {
        &[user] if user != CALLER => Some(user),
        _ => None,
    }
}

fn group(
    steps: &mut [Step],
    users: &[Vec<usize>],
    first: usize,
    conv: Conv2d,
) -> Result<(), Reason> {
    let mut last = first;
    let conv_names = steps[first].names.clone();
    let mut norm: Option<(Vec<String>, BatchNorm)> = None;
    let mut activation: Option<(Vec<String>, Activation)> = None;
    let mut closing: Option<(Source, Closing)> = None;
    while let Some(next) = only(users, last) {
        let step = &steps[next];
        match &step.layer {
            Layer::BatchNorm(found) if last == first => {
                norm = Some((step.names.clone(), found.clone()));
            }
            Layer::Activation(f) => {
                match &mut closing {
                    Some((_, closing)) => closing.activation = *f,
                    None => activation = Some((step.names.clone(), *f)),
                }
                last = next;
                break;
            }
            Layer::Add if step.dims == steps[last].dims => {
                let Some(shortcut) = shortcut(steps, next, last) else {
                    break;
                };
                let sum = Closing {
                    sum: step.names.clone(),
                    activation: Activation::Identity,
                };
                closing = Some((shortcut, sum));
            }
            _ => break,
        }
        last = next;
    }
    // The group offers the names of its last part, unless a shortcut is added.
    let names = match &mut closing {
        Some((_, closing)) => {
            if closing.sum == steps[last].names {
                closing.sum.clear();
            }
            std::mem::take(&mut steps[last].names)
        }
        None => Vec::new(),
    };
    let mut inputs = steps[first].inputs.clone();
    let group = ConvNormAct::new((conv_names, conv), norm, activation).map_err(reason)?;
    let closing = closing.map(|(shortcut, closing)| {
        inputs.push(shortcut);
        closing
    });
    steps[last] = Step {
        layer: Layer::Group(Arc::new(group), closing.map(Arc::new)),
        inputs,
        names,
        dims: steps[last].dims.clone(),
        batch: steps[last].batch,
    };
    Ok(())
}

/// Returns the other summand of the sum `sum`, if it has the same shape and depends on the image.
fn shortcut(steps: &[Step], sum: usize, branch: usize) -> Option<Source> {
    let [a, b] = steps[sum].inputs.as_slice() else {
        return None;
    };
    let other = match (a, b) {
        (Source::Step(a), Source::Step(b)) if a == b => return None,
        (Source::Step(a), other) if *a == branch => other,
        (other, Source::Step(b)) if *b == branch => other,
        _ => return None,
    };
    match other {
        Source::Step(index) => (steps[*index].dims == steps[sum].dims).then(|| other.clone()),
        Source::Image | Source::Constant(_) => None,
    }
}

/// Returns the steps that read each step, of those that the output needs.
fn users(steps: &[Step], output: &Source) -> Vec<Vec<usize>> {
    let mut users = vec![Vec::new(); steps.len()];
    if let Source::Step(index) = output {
        users[*index].push(CALLER);
    }
    for index in (0..steps.len()).rev() {
        if users[index].is_empty() {
            continue;
        }
        for input in &steps[index].inputs {
            if let Source::Step(input) = input {
                users[*input].push(index);
            }
        }
    }
    users
}
