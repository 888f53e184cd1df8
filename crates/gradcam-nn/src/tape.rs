//! Gradients of a network's output with respect to its input or its activations, without candle's graph.

use std::collections::{HashMap, HashSet};
use std::fmt;

use candle_core::{Result, Tensor, TensorId, bail};

use crate::op::Op;
use crate::ops::activation::Activation;
use crate::ops::broadcast::summed_to;
use crate::ops::combine::accumulate;
use crate::ops::conv_norm_act::ConvNormAct;
use crate::ops::conv2d::before;
use crate::pass::Pass;
use crate::rules::{Backward, Gradient, Rules};

/// A pass that records the operations that depend on its sources, and propagates gradients, or the quantity of its [`Rules`], back to
/// these sources.
///
/// It serves networks whose operations all go through the pass ([`Network::passes_all`](crate::Network::passes_all)). candle's own
/// graph serves any computation, but allocates and adds zeros for every operation, and keeps feature maps in two layouts.
///
/// ```
/// use gradcam_nn::candle_core::{Device, Tensor};
/// use gradcam_nn::ops::Activation;
/// use gradcam_nn::{Kind, Module, ModuleTree, Network, Tape, Weights};
///
/// let modules = vec![Module::new("act", Kind::Activation(Activation::Relu))];
/// let network = ModuleTree::new(modules, &Weights::skeleton());
/// let x = Tensor::new(&[[[[-1.0_f32, 2.0]]]], &Device::Cpu)?;
/// let mut tape = Tape::new(&x);
/// let y = network.forward(&x, &mut tape)?;
/// let gradients = tape.backward(&y, y.ones_like()?, &[&x])?;
/// let gradient = gradients[0].as_ref().ok_or("the output depends on its input")?;
/// assert_eq!(gradient.flatten_all()?.to_vec1::<f32>()?, [0.0, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Tape {
    rules: Box<dyn Rules>,
    names: Vec<String>,
    activations: Vec<Option<Tensor>>,
    /// The sources and the tensors that depend on them.
    recorded: HashSet<TensorId>,
    steps: Vec<Step>,
}

struct Step {
    output: TensorId,
    /// The backward function to each input.
    back: Vec<(TensorId, Backward)>,
}

/// Shows the numbers of its tensors and operations, not their values.
impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape")
            .field("names", &self.names)
            .field("recorded", &self.recorded.len())
            .field("steps", &self.steps.len())
            .finish_non_exhaustive()
    }
}

impl Default for Tape {
    fn default() -> Self {
        Tape {
            rules: Box::new(Gradient),
            names: Vec::new(),
            activations: Vec::new(),
            recorded: HashSet::new(),
            steps: Vec::new(),
        }
    }
}

impl Tape {
    /// Makes a tape that begins at `input`.
    pub fn new(input: &Tensor) -> Self {
        Tape {
            recorded: HashSet::from([input.id()]),
            ..Tape::default()
        }
    }

    /// Makes a tape that begins at the first of the modules `names` that the network offers.
    pub fn at(names: &[String]) -> Self {
        Tape {
            names: names.to_vec(),
            activations: vec![None; names.len()],
            ..Tape::default()
        }
    }

    /// Replaces the rules.
    #[must_use]
    pub fn with(self, rules: impl Rules + 'static) -> Self {
        Tape {
            rules: Box::new(rules),
            ..self
        }
    }

    /// Returns the activation of each module named in [`at`](Tape::at), from its last run; `None` if the network has not offered the
    /// name.
    pub fn activations(&self) -> &[Option<Tensor>] {
        &self.activations
    }

    /// Propagates `grad`, the gradient at `output`, back to each of the `sources`; `None` if the output does not depend on a source. A
    /// source is the tape's input or an activation.
    ///
    /// # Errors
    /// When `grad` does not have the output's shape.
    pub fn backward(
        &self,
        output: &Tensor,
        grad: Tensor,
        sources: &[&Tensor],
    ) -> Result<Vec<Option<Tensor>>> {
        if grad.dims() != output.dims() {
            bail!(
                "the gradient needs the output's shape {:?}, found {:?}",
                output.dims(),
                grad.dims()
            );
        }
        let mut grads = HashMap::from([(output.id(), grad)]);
        let kept: HashSet<TensorId> = sources.iter().map(|source| source.id()).collect();
        for step in self.steps.iter().rev() {
            let found = if kept.contains(&step.output) {
                grads.get(&step.output).cloned()
            } else {
                grads.remove(&step.output)
            };
            let Some(grad) = found else { continue };
            for (input, back) in &step.back {
                let grad = back(&grad)?;
                let grad = match grads.remove(input) {
                    None => grad,
                    Some(other) => accumulate(&other, &grad)?,
                };
                grads.insert(*input, grad);
            }
        }
        Ok(sources
            .iter()
            .map(|source| grads.get(&source.id()).cloned())
            .collect())
    }

    fn has(&self, x: &Tensor) -> bool {
        self.recorded.contains(&x.id())
    }

    fn record(&mut self, output: &Tensor, back: Vec<(TensorId, Backward)>) {
        self.recorded.insert(output.id());
        self.steps.push(Step {
            output: output.id(),
            back,
        });
    }

    /// Makes the backward function to one of several inputs of an operation. A constant has one only if the rules use it.
    fn part(&self, x: &Tensor, back: Backward) -> Option<(TensorId, Backward)> {
        if self.has(x) {
            return Some((x.id(), back));
        }
        let sink = self.rules.constant(x)?;
        Some((x.id(), Box::new(move |grad| sink(&back(grad)?))))
    }

    /// Runs and records an operation of one input.
    fn one(
        &mut self,
        op: Op<'_>,
        inputs: &[&Tensor],
        rule: impl FnOnce(&dyn Rules, &Tensor, &Tensor) -> Backward,
    ) -> Result<Tensor> {
        let (x, y) = (op.input(inputs)?, op.forward(inputs)?);
        // An operation that returns its input has nothing to record.
        if self.has(x) && y.id() != x.id() {
            let back = rule(&*self.rules, x, &y);
            self.record(&y, vec![(x.id(), back)]);
        }
        Ok(y)
    }

    /// Runs and records a product of two factors, with a rule for each.
    fn product(
        &mut self,
        op: Op<'_>,
        inputs: &[&Tensor],
        to_a: impl FnOnce(&dyn Rules, &Tensor, &Tensor, &Tensor) -> Backward,
        to_b: impl FnOnce(&dyn Rules, &Tensor, &Tensor, &Tensor) -> Backward,
    ) -> Result<Tensor> {
        let ([a, b], y) = (op.inputs(inputs)?, op.forward(inputs)?);
        let mut back = Vec::new();
        if self.has(a) {
            back.push((a.id(), to_a(&*self.rules, a, b, &y)));
        }
        if self.has(b) {
            back.push((b.id(), to_b(&*self.rules, a, b, &y)));
        }
        if !back.is_empty() {
            self.record(&y, back);
        }
        Ok(y)
    }

    fn sum(&mut self, inputs: &[&Tensor]) -> Result<Tensor> {
        let y = Op::Add.forward(inputs)?;
        if inputs.iter().any(|x| self.has(x)) {
            let back = inputs.iter().filter_map(|x| {
                let back = self.rules.add(x, &y);
                if x.dims() == y.dims() {
                    return self.part(x, back);
                }
                // A summand that was broadcast.
                let dims = x.dims().to_vec();
                self.part(x, Box::new(move |grad| summed_to(back(grad)?, &dims)))
            });
            let back = back.collect();
            self.record(&y, back);
        }
        Ok(y)
    }

    fn joined(&mut self, parts: &[&Tensor]) -> Result<Tensor> {
        let y = Op::Concat.forward(parts)?;
        if !parts.iter().any(|part| self.has(part)) {
            return Ok(y);
        }
        let mut back = Vec::new();
        let mut first = 0;
        for part in parts {
            let (start, count) = (first, part.dim(1)?);
            let narrow = move |grad: &Tensor| grad.narrow(1, start, count);
            back.extend(self.part(part, Box::new(narrow)));
            first += count;
        }
        self.record(&y, back);
        Ok(y)
    }

    fn group(
        &mut self,
        group: &ConvNormAct,
        activation: Activation,
        x: &Tensor,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        let to_x = self.has(x);
        let to_residual = residual.filter(|residual| self.has(residual));
        let recorded = to_x || to_residual.is_some();
        if recorded && !self.rules.fuses() {
            let op = Op::ConvNormAct(group, Activation::Identity);
            let mut y = self.one(op, &[x], |rules, x, y| rules.conv_norm(group, x, y))?;
            if let Some(residual) = residual {
                y = self.sum(&[&y, residual])?;
            }
            return self.operation(Op::Activation(activation), &[&y]);
        }
        if recorded && !activation.is_idempotent() {
            // The activation's derivative needs its input.
            let y = self.group(group, Activation::Identity, x, residual)?;
            return self.operation(Op::Activation(activation), &[&y]);
        }
        let y = group.fused(x, residual, activation)?;
        if recorded {
            let mut back: Vec<(TensorId, Backward)> = Vec::new();
            if let Some(residual) = to_residual {
                let kept = y.clone();
                let back_to = move |grad: &Tensor| before(activation, &kept, grad);
                back.push((residual.id(), Box::new(back_to)));
            }
            if to_x {
                let (kept, dims) = (y.clone(), x.dims().to_vec());
                let (conv, scale) = (group.conv().1.clone(), group.folded().0.cloned());
                let back_to = move |grad: &Tensor| {
                    conv.fused_backward(&dims, &kept, grad, scale.as_ref(), activation)
                };
                back.push((x.id(), Box::new(back_to)));
            }
            self.record(&y, back);
        }
        Ok(y)
    }
}

impl Pass for Tape {
    fn wants(&self, name: &str) -> bool {
        self.names.iter().any(|wanted| wanted == name)
    }
    fn tap(&mut self, name: &str, x: Tensor) -> Result<Tensor> {
        if let Some(index) = self.names.iter().position(|wanted| wanted == name) {
            self.recorded.insert(x.id());
            self.activations[index] = Some(x.clone());
        }
        Ok(x)
    }
    fn operation(&mut self, op: Op<'_>, inputs: &[&Tensor]) -> Result<Tensor> {
        match op {
            Op::Conv2d(layer) => self.one(op, inputs, |rules, x, y| rules.conv2d(layer, x, y)),
            Op::ConvNormAct(group, activation) => {
                let (x, residual) = op.with_residual(inputs)?;
                self.group(group, activation, x, residual)
            }
            Op::Linear(layer) => self.one(op, inputs, |rules, x, y| rules.linear(layer, x, y)),
            Op::BatchNorm(norm) => self.one(op, inputs, |rules, x, y| rules.batch_norm(norm, x, y)),
            Op::LayerNorm(norm) => self.one(op, inputs, |rules, x, y| rules.layer_norm(norm, x, y)),
            Op::Activation(f) => self.one(op, inputs, |rules, x, y| rules.activation(f, x, y)),
            Op::MaxPool(pool) => self.one(op, inputs, |rules, x, y| rules.max_pool(pool, x, y)),
            Op::Softmax => self.one(op, inputs, |rules, x, y| rules.softmax(x, y)),
            Op::LinearMap(map) => self.one(op, inputs, |rules, x, y| rules.linear_map(map, x, y)),
            Op::Add => self.sum(inputs),
            Op::Multiply => self.product(
                op,
                inputs,
                |rules, x, gate, y| rules.gated(x, gate, y),
                |rules, x, gate, y| rules.gate(x, gate, y),
            ),
            Op::Matmul => self.product(
                op,
                inputs,
                |rules, a, b, y| rules.left_factor(a, b, y),
                |rules, a, b, y| rules.right_factor(a, b, y),
            ),
            Op::Concat => self.joined(inputs),
        }
    }
}
