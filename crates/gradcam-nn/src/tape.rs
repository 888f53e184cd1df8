//! Gradients of a network's output with regard to its input or its activations, without candle's graph.

use std::collections::{HashMap, HashSet};

use candle_core::{Result, Tensor, TensorId, bail};

use crate::ops::combine::accumulate;
use crate::ops::conv2d::before;
use crate::ops::{
    Activation, AdaptiveAvgPool2d, AvgPool2d, BatchNorm, Conv2d, LayerNorm, Linear, MaxPool2d,
    Rearrange, add, concat, matmul, multiply, softmax,
};
use crate::rules::{Backward, Gradient, Rules};
use crate::{ConvNormAct, Pass};

/// A pass that writes down what follows from some tensors, its sources, and takes gradients back to them, or what else its [`Rules`] make
/// of them.
///
/// It serves networks whose operations all go through the pass ([`Network::passes_all`](crate::Network::passes_all)). candle's own graph
/// does the same for any computation, but allocates and adds zeros for every operation, and keeps feature maps in two layouts.
pub struct Tape {
    rules: Box<dyn Rules>,
    names: Vec<String>,
    activations: Vec<Option<Tensor>>,
    /// The sources and what depends on them.
    recorded: HashSet<TensorId>,
    steps: Vec<Step>,
}

struct Step {
    output: TensorId,
    /// What goes back to each input.
    back: Vec<(TensorId, Backward)>,
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
    /// A tape that begins at `input`.
    pub fn new(input: &Tensor) -> Self {
        Tape {
            recorded: HashSet::from([input.id()]),
            ..Tape::default()
        }
    }

    /// A tape that begins at the first of the modules `names` that the network offers.
    pub fn at(names: &[String]) -> Self {
        Tape {
            names: names.to_vec(),
            activations: vec![None; names.len()],
            ..Tape::default()
        }
    }

    /// The same tape with other rules for what it takes back.
    #[must_use]
    pub fn with(self, rules: impl Rules + 'static) -> Self {
        Tape {
            rules: Box::new(rules),
            ..self
        }
    }

    /// The activation of each module that the tape was made [`at`](Tape::at), of its last call where it ran more than once; none for a
    /// name that the network has not offered.
    pub fn activations(&self) -> &[Option<Tensor>] {
        &self.activations
    }

    /// The gradient at each of the `sources`, or none where the output does not depend on it, from `grad`, the one at `output`. A source is
    /// the tape's input or an activation.
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
                "the gradient at an output of {:?} has the shape {:?}",
                output.dims(),
                grad.dims()
            );
        }
        let mut grads = HashMap::from([(output.id(), grad)]);
        let kept: HashSet<TensorId> = sources.iter().map(|source| source.id()).collect();
        for step in self.steps.iter().rev() {
            let found = match kept.contains(&step.output) {
                true => grads.get(&step.output).cloned(),
                false => grads.remove(&step.output),
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

    /// What goes back to one of several inputs of an operation: to a constant only what the rules want to know of it.
    fn part(&self, x: &Tensor, back: Backward) -> Option<(TensorId, Backward)> {
        if self.has(x) {
            return Some((x.id(), back));
        }
        let sink = self.rules.constant(x)?;
        Some((x.id(), Box::new(move |grad| sink(&back(grad)?))))
    }

    /// Records an operation of one tensor, if that depends on a source.
    fn one(
        &mut self,
        x: &Tensor,
        y: Tensor,
        rule: impl FnOnce(&dyn Rules, &Tensor) -> Backward,
    ) -> Tensor {
        // An operation that hands its input on has nothing to record.
        if self.has(x) && y.id() != x.id() {
            let back = rule(&*self.rules, &y);
            self.record(&y, vec![(x.id(), back)]);
        }
        y
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
    fn contiguous(&mut self, x: &Tensor) -> Result<Tensor> {
        let y = x.contiguous()?;
        Ok(self.one(x, y, |_, _| Box::new(|grad| Ok(grad.clone()))))
    }
    fn conv2d(&mut self, layer: &Conv2d, x: &Tensor) -> Result<Tensor> {
        let y = layer.forward(x)?;
        Ok(self.one(x, y, |rules, y| rules.conv2d(layer, x, y)))
    }
    fn linear(&mut self, layer: &Linear, x: &Tensor) -> Result<Tensor> {
        let y = layer.forward(x)?;
        Ok(self.one(x, y, |rules, y| rules.linear(layer, x, y)))
    }
    fn batch_norm(&mut self, layer: &BatchNorm, x: &Tensor) -> Result<Tensor> {
        let y = layer.forward(x)?;
        Ok(self.one(x, y, |rules, y| rules.batch_norm(layer, x, y)))
    }
    fn layer_norm(&mut self, layer: &LayerNorm, x: &Tensor) -> Result<Tensor> {
        let y = layer.forward(x)?;
        Ok(self.one(x, y, |rules, y| rules.layer_norm(layer, x, y)))
    }
    fn activation(&mut self, f: Activation, x: &Tensor) -> Result<Tensor> {
        let y = f.forward(x)?;
        Ok(self.one(x, y, |rules, y| rules.activation(f, x, y)))
    }
    fn max_pool(&mut self, pool: &MaxPool2d, x: &Tensor) -> Result<Tensor> {
        let y = pool.forward(x)?;
        Ok(self.one(x, y, |rules, y| rules.max_pool(pool, x, y)))
    }
    fn avg_pool(&mut self, pool: &AvgPool2d, x: &Tensor) -> Result<Tensor> {
        let y = pool.forward(x)?;
        Ok(self.one(x, y, |rules, y| rules.avg_pool(pool, x, y)))
    }
    fn adaptive_avg_pool(&mut self, pool: &AdaptiveAvgPool2d, x: &Tensor) -> Result<Tensor> {
        let y = pool.forward(x)?;
        Ok(self.one(x, y, |rules, y| rules.adaptive_avg_pool(pool, x, y)))
    }
    fn add(&mut self, branch: &Tensor, shortcut: &Tensor) -> Result<Tensor> {
        let y = add(branch, shortcut)?;
        if self.has(branch) || self.has(shortcut) {
            let summands = [branch, shortcut].into_iter();
            let back = summands.filter_map(|x| self.part(x, self.rules.add(x, &y)));
            let back = back.collect();
            self.record(&y, back);
        }
        Ok(y)
    }
    fn multiply(&mut self, x: &Tensor, gate: &Tensor) -> Result<Tensor> {
        let y = multiply(x, gate)?;
        let mut back = Vec::new();
        if self.has(x) {
            back.push((x.id(), self.rules.gated(x, gate, &y)));
        }
        if self.has(gate) {
            back.push((gate.id(), self.rules.gate(x, gate, &y)));
        }
        if !back.is_empty() {
            self.record(&y, back);
        }
        Ok(y)
    }
    fn concat(&mut self, parts: &[Tensor]) -> Result<Tensor> {
        let y = concat(parts)?;
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
    fn softmax(&mut self, x: &Tensor) -> Result<Tensor> {
        let y = softmax(x, x.rank().saturating_sub(1))?;
        Ok(self.one(x, y, |rules, y| rules.softmax(x, y)))
    }
    fn matmul(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let y = matmul(a, b)?;
        let mut back = Vec::new();
        if self.has(a) {
            back.push((a.id(), self.rules.left_factor(a, b, &y)));
        }
        if self.has(b) {
            back.push((b.id(), self.rules.right_factor(a, b, &y)));
        }
        if !back.is_empty() {
            self.record(&y, back);
        }
        Ok(y)
    }
    fn rearrange(&mut self, op: &Rearrange, x: &Tensor) -> Result<Tensor> {
        let (y, op, dims) = (op.forward(x)?, *op, x.dims().to_vec());
        Ok(self.one(x, y, |_, _| Box::new(move |grad| op.backward(&dims, grad))))
    }
    fn flatten(&mut self, x: &Tensor) -> Result<Tensor> {
        let y = x.flatten_from(1)?;
        let dims = x.dims().to_vec();
        Ok(self.one(x, y, |_, _| {
            Box::new(move |grad| grad.reshape(dims.as_slice()))
        }))
    }
    fn conv_norm_act(
        &mut self,
        group: &ConvNormAct,
        x: &Tensor,
        residual: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        let to_x = self.has(x);
        let to_residual = residual.filter(|residual| self.has(residual));
        let recorded = to_x || to_residual.is_some();
        if recorded && !self.rules.fuses() {
            let mut y = group.fused(x, None, Activation::Identity)?;
            y = self.one(x, y, |rules, y| rules.conv_norm(group, x, y));
            if let Some(residual) = residual {
                y = self.add(&y, residual)?;
            }
            return self.activation(activation, &y);
        }
        if recorded && !activation.is_idempotent() {
            // The derivative needs the activation's input.
            let y = self.conv_norm_act(group, x, residual, Activation::Identity)?;
            return self.activation(activation, &y);
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
                let (conv, scale) = (group.conv.clone(), group.folded().0.cloned());
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
