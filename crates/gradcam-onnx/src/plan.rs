//! The steps of a network for images of one size.
//!
//! A plan is made from the graph for a concrete size: whatever does not depend on the image is a number then. It is made for one image, and
//! runs any number of them.

mod batch;
pub(crate) mod builder;
pub(crate) mod fuse;
pub(crate) mod layer;
mod layout;
pub(crate) mod shared;
mod step;
pub(crate) mod value;

use candle_core::{Result, Tensor, bail};
use gradcam_nn::ops::{LinearMap, Rearrange};
use gradcam_nn::{Pass, Tokens};

use crate::plan::builder::Builder;
use crate::plan::layer::Layer;
use crate::plan::layout::Shown;
use crate::plan::step::Step;
use crate::plan::value::{Map, Source, Value};
use crate::reason::Reason;

/// The steps of a network for images of one size.
#[derive(Debug)]
pub(crate) struct Plan {
    steps: Vec<Step>,
    shown: Vec<Option<Shown>>,
    /// For each step, the steps whose outputs nobody reads after it.
    last: Vec<Vec<usize>>,
    output: Source,
    output_dims: Vec<usize>,
    tokens: Option<Tokens>,
    /// Whether some step merges the images of a batch.
    merges: bool,
}

impl Plan {
    /// Finishes a plan: names the steps, joins convolutions with what follows, and drops steps that nobody reads.
    pub(crate) fn finish<'n>(
        b: Builder<'_>,
        output_map: &Map,
        named: impl Iterator<Item = (&'n Value, &'n [String])>,
        image: (usize, usize),
    ) -> std::result::Result<Plan, Reason> {
        let mut steps = b.steps;
        for (value, names) in named {
            if let Value::Map(map) = value
                && let Source::Step(index) = map.source
            {
                let index = unpermuted(&steps, index);
                for name in names {
                    if !steps[index].names.contains(name) {
                        steps[index].names.push(name.clone());
                    }
                }
            }
        }
        fuse::group::convolutions(&mut steps, &output_map.source)?;
        let (steps, output) = alive(steps, &output_map.source);
        let layouts = layout::layouts(&steps, image);
        let (tokens, shown) = layout::shown(&layouts, image);
        Ok(Plan {
            last: last(&steps, &output),
            merges: steps.iter().any(|step| step.batch.is_none()),
            tokens,
            shown,
            output,
            output_dims: output_map.dims.clone(),
            steps,
        })
    }

    pub(crate) fn tokens(&self) -> Option<Tokens> {
        self.tokens
    }

    pub(crate) fn output_dims(&self) -> &[usize] {
        &self.output_dims
    }

    /// Returns the number of operations.
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Runs the steps on images `(n, c, h, w)`.
    pub(crate) fn run(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let n = x.dim(0)?;
        if n != 1 && self.merges {
            bail!(
                "this graph merges the images of a batch, so it takes one image at a time; found {n}"
            );
        }
        let mut values: Vec<Option<Tensor>> = vec![None; self.steps.len()];
        let read = |values: &[Option<Tensor>], source: &Source| match source {
            Source::Image => Ok(x.clone()),
            Source::Constant(tensor) => Ok(tensor.clone()),
            Source::Step(index) => match values.get(*index) {
                Some(Some(tensor)) => Ok(tensor.clone()),
                _ => bail!("step {index} has not run"),
            },
        };
        for (index, step) in self.steps.iter().enumerate() {
            let inputs = step.inputs.iter().map(|source| {
                let tensor = read(&values, source)?;
                match source {
                    Source::Constant(_) if n > 1 => for_images(step, tensor, n),
                    _ => Ok(tensor),
                }
            });
            let inputs = inputs.collect::<Result<Vec<_>>>()?;
            let inputs: Vec<&Tensor> = inputs.iter().collect();
            let y = match (&step.layer, step.batch) {
                (Layer::LinearMap(map), Some(batch)) if n > 1 => {
                    match batch::scaled(map, batch, n) {
                        Some(map) => Layer::LinearMap(map).run(&inputs, pass)?,
                        None => step.layer.run(&inputs, pass)?,
                    }
                }
                _ => step.layer.run(&inputs, pass)?,
            };
            drop(inputs);
            values[index] = Some(self.offer(index, y, pass)?);
            for &unread in &self.last[index] {
                values[unread] = None;
            }
        }
        read(&values, &self.output)
    }

    /// Offers the output of a step to the pass, a feature map as `(n, c, h, w)`.
    fn offer(&self, index: usize, y: Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let names = &self.steps[index].names;
        if names.is_empty() {
            return Ok(y);
        }
        match self.shown[index] {
            None => pass.tap_all(names, y),
            Some(Shown::Permuted) => {
                let y = pass.linear_map(&LinearMap::Permute(vec![0, 3, 1, 2]), &y)?;
                let y = pass.tap_all(names, y)?;
                pass.linear_map(&LinearMap::Permute(vec![0, 2, 3, 1]), &y)
            }
            Some(Shown::Map { rows, columns }) => {
                let y = pass.rearrange(&Rearrange::Map { rows, columns }, &y)?;
                let y = pass.tap_all(names, y)?;
                pass.rearrange(&Rearrange::Tokens, &y)
            }
        }
    }
}

/// Returns the step before a permutation of a feature map's channels to the end: a value `(n, h, w, c)` is offered as `(n, c, h, w)`.
fn unpermuted(steps: &[Step], index: usize) -> usize {
    match (&steps[index].layer, steps[index].inputs.as_slice()) {
        (Layer::LinearMap(LinearMap::Permute(order)), &[Source::Step(inner)])
            if order == &[0, 2, 3, 1] =>
        {
            inner
        }
        _ => index,
    }
}

/// Repeats a constant for `n` images, where it has an entry for each part of one image's dimension.
fn for_images(step: &Step, constant: Tensor, n: usize) -> Result<Tensor> {
    let Some(batch) = step.batch else {
        return Ok(constant);
    };
    let rank = constant.rank();
    let Some(dim) = (batch + rank).checked_sub(step.dims.len()) else {
        return Ok(constant);
    };
    let each = match step.layer {
        // These broadcast a size of 1 themselves.
        Layer::Add | Layer::Multiply => constant.dim(dim)? > 1,
        Layer::Concat | Layer::Matmul => true,
        _ => false,
    };
    if !each {
        return Ok(constant);
    }
    let mut times = vec![1; rank];
    times[dim] = n;
    constant.repeat(times)
}

/// Keeps the steps that the output needs.
fn alive(steps: Vec<Step>, output: &Source) -> (Vec<Step>, Source) {
    let mut needed = vec![false; steps.len()];
    if let Source::Step(index) = output {
        needed[*index] = true;
    }
    for index in (0..steps.len()).rev() {
        if needed[index] {
            for input in &steps[index].inputs {
                if let Source::Step(input) = input {
                    needed[*input] = true;
                }
            }
        }
    }
    let mut place = vec![0; steps.len()];
    let mut kept = Vec::new();
    for (index, mut step) in steps.into_iter().enumerate() {
        if needed[index] {
            for input in &mut step.inputs {
                if let Source::Step(input) = input {
                    *input = place[*input];
                }
            }
            place[index] = kept.len();
            kept.push(step);
        }
    }
    let output = match output {
        Source::Step(index) => Source::Step(place[*index]),
        other => other.clone(),
    };
    (kept, output)
}

/// Lists, for each step, the steps whose outputs it reads last.
fn last(steps: &[Step], output: &Source) -> Vec<Vec<usize>> {
    let mut seen = vec![false; steps.len()];
    if let Source::Step(index) = output {
        seen[*index] = true;
    }
    let mut last = vec![Vec::new(); steps.len()];
    for (index, step) in steps.iter().enumerate().rev() {
        for input in &step.inputs {
            if let Source::Step(input) = input
                && !std::mem::replace(&mut seen[*input], true)
            {
                last[index].push(*input);
            }
        }
    }
    last
}
