//! Gradients of a network's output with regard to its input or its activations, without candle's graph.

use std::collections::{HashMap, HashSet};

use candle_core::{Result, Tensor, TensorId, bail};

use crate::ops::combine::{accumulate, gate_backward, multiply_backward};
use crate::ops::conv2d::before;
use crate::ops::matmul::{left_backward, right_backward};
use crate::ops::softmax::softmax_backward;
use crate::ops::{
    Activation, AdaptiveAvgPool2d, AvgPool2d, BatchNorm, Conv2d, LayerNorm, Linear, MaxPool2d,
    Rearrange, add, concat, matmul, multiply, softmax,
};
use crate::{ConvNormAct, Pass};

/// A pass that writes down what follows from some tensors, its sources, and takes gradients back to them.
///
/// It serves networks whose operations all go through the pass ([`Network::passes_all`](crate::Network::passes_all)). candle's own graph
/// does the same for any computation, but allocates and adds zeros for every operation, and keeps feature maps in two layouts.
#[derive(Default)]
pub struct Tape {
    names: Vec<String>,
    activations: Vec<Option<Tensor>>,
    /// The sources and what depends on them.
    recorded: HashSet<TensorId>,
    steps: Vec<Step>,
}

/// From the gradient at an output to those at some inputs.
type Back = Box<dyn Fn(&Tensor) -> Result<Vec<(TensorId, Tensor)>> + Send + Sync>;

struct Step {
    output: TensorId,
    back: Back,
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
            for (input, grad) in (step.back)(&grad)? {
                let grad = match grads.remove(&input) {
                    None => grad,
                    Some(other) => accumulate(&other, &grad)?,
                };
                grads.insert(input, grad);
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

    fn record(
        &mut self,
        output: &Tensor,
        back: impl Fn(&Tensor) -> Result<Vec<(TensorId, Tensor)>> + Send + Sync + 'static,
    ) {
        self.recorded.insert(output.id());
        self.steps.push(Step {
            output: output.id(),
            back: Box::new(back),
        });
    }

    /// Records an operation of one tensor, if that depends on the input.
    fn one(
        &mut self,
        x: &Tensor,
        y: Tensor,
        back: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
    ) -> Tensor {
        // An operation that hands its input on has nothing to record.
        if self.has(x) && y.id() != x.id() {
            let x = x.id();
            self.record(&y, move |grad| Ok(vec![(x, back(grad)?)]));
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
        Ok(self.one(x, y, |grad| Ok(grad.clone())))
    }
    fn conv2d(&mut self, layer: &Conv2d, x: &Tensor) -> Result<Tensor> {
        let y = layer.forward(x)?;
        let (layer, dims) = (layer.clone(), x.dims().to_vec());
        Ok(self.one(x, y, move |grad| layer.backward(&dims, grad)))
    }
    fn linear(&mut self, layer: &Linear, x: &Tensor) -> Result<Tensor> {
        let y = layer.forward(x)?;
        let layer = layer.clone();
        Ok(self.one(x, y, move |grad| layer.backward(grad)))
    }
    fn batch_norm(&mut self, layer: &BatchNorm, x: &Tensor) -> Result<Tensor> {
        let y = layer.forward(x)?;
        let layer = layer.clone();
        Ok(self.one(x, y, move |grad| layer.backward(grad)))
    }
    fn layer_norm(&mut self, layer: &LayerNorm, x: &Tensor) -> Result<Tensor> {
        let y = layer.forward(x)?;
        let (layer, kept) = (layer.clone(), x.clone());
        Ok(self.one(x, y, move |grad| layer.backward(&kept, grad)))
    }
    fn activation(&mut self, f: Activation, x: &Tensor) -> Result<Tensor> {
        let (y, kept) = (f.forward(x)?, x.clone());
        Ok(self.one(x, y, move |grad| f.backward(&kept, grad)))
    }
    fn max_pool(&mut self, pool: &MaxPool2d, x: &Tensor) -> Result<Tensor> {
        let (y, pool, kept) = (pool.forward(x)?, *pool, x.clone());
        Ok(self.one(x, y, move |grad| pool.backward(&kept, grad)))
    }
    fn avg_pool(&mut self, pool: &AvgPool2d, x: &Tensor) -> Result<Tensor> {
        let (y, pool, kept) = (pool.forward(x)?, *pool, x.clone());
        Ok(self.one(x, y, move |grad| pool.backward(&kept, grad)))
    }
    fn adaptive_avg_pool(&mut self, pool: &AdaptiveAvgPool2d, x: &Tensor) -> Result<Tensor> {
        let (y, pool, kept) = (pool.forward(x)?, *pool, x.clone());
        Ok(self.one(x, y, move |grad| pool.backward(&kept, grad)))
    }
    fn add(&mut self, branch: &Tensor, shortcut: &Tensor) -> Result<Tensor> {
        let y = add(branch, shortcut)?;
        let inputs: Vec<TensorId> = [branch, shortcut]
            .into_iter()
            .filter(|x| self.has(x))
            .map(Tensor::id)
            .collect();
        if !inputs.is_empty() {
            self.record(&y, move |grad| {
                Ok(inputs.iter().map(|&id| (id, grad.clone())).collect())
            });
        }
        Ok(y)
    }
    fn multiply(&mut self, x: &Tensor, gate: &Tensor) -> Result<Tensor> {
        let y = multiply(x, gate)?;
        let (to_x, to_gate) = (self.has(x), self.has(gate));
        if to_x || to_gate {
            let (of, dims, gate) = (x.id(), x.dims().to_vec(), gate.clone());
            // The gate's gradient alone needs the values.
            let kept = to_gate.then(|| x.clone());
            self.record(&y, move |grad| {
                let mut grads = Vec::new();
                if to_x {
                    grads.push((of, multiply_backward(&dims, &gate, grad)?));
                }
                if let Some(x) = &kept {
                    grads.push((gate.id(), gate_backward(x, &gate, grad)?));
                }
                Ok(grads)
            });
        }
        Ok(y)
    }
    fn concat(&mut self, parts: &[Tensor]) -> Result<Tensor> {
        let y = concat(parts)?;
        let mut inputs = Vec::new();
        let mut first = 0;
        for part in parts {
            let channels = part.dim(1)?;
            if self.has(part) {
                inputs.push((part.id(), first, channels));
            }
            first += channels;
        }
        if !inputs.is_empty() {
            self.record(&y, move |grad| {
                inputs
                    .iter()
                    .map(|&(id, first, channels)| Ok((id, grad.narrow(1, first, channels)?)))
                    .collect()
            });
        }
        Ok(y)
    }
    fn softmax(&mut self, x: &Tensor) -> Result<Tensor> {
        let y = softmax(x, x.rank().saturating_sub(1))?;
        let kept = y.clone();
        Ok(self.one(x, y, move |grad| softmax_backward(&kept, grad)))
    }
    fn matmul(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        let y = matmul(a, b)?;
        let (to_a, to_b) = (self.has(a), self.has(b));
        if to_a || to_b {
            let (a, b) = (a.clone(), b.clone());
            self.record(&y, move |grad| {
                let mut grads = Vec::new();
                if to_a {
                    grads.push((a.id(), left_backward(&b, grad)?));
                }
                if to_b {
                    grads.push((b.id(), right_backward(&a, grad)?));
                }
                Ok(grads)
            });
        }
        Ok(y)
    }
    fn rearrange(&mut self, op: &Rearrange, x: &Tensor) -> Result<Tensor> {
        let (y, op, dims) = (op.forward(x)?, *op, x.dims().to_vec());
        Ok(self.one(x, y, move |grad| op.backward(&dims, grad)))
    }
    fn flatten(&mut self, x: &Tensor) -> Result<Tensor> {
        let y = x.flatten_from(1)?;
        let dims = x.dims().to_vec();
        Ok(self.one(x, y, move |grad| grad.reshape(dims.as_slice())))
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
        if recorded && !activation.is_idempotent() {
            // The derivative needs the activation's input.
            let y = self.conv_norm_act(group, x, residual, Activation::Identity)?;
            return self.activation(activation, &y);
        }
        let y = group.fused(x, residual, activation)?;
        if recorded {
            let (kept, of, dims) = (y.clone(), x.id(), x.dims().to_vec());
            let to_residual = to_residual.map(Tensor::id);
            let (conv, scale) = (group.conv.clone(), group.folded().0.cloned());
            self.record(&y, move |grad| {
                let mut grads = Vec::new();
                if let Some(id) = to_residual {
                    grads.push((id, before(activation, &kept, grad)?));
                }
                if to_x {
                    let scale = scale.as_ref();
                    let grad = conv.fused_backward(&dims, &kept, grad, scale, activation)?;
                    grads.push((of, grad));
                }
                Ok(grads)
            });
        }
        Ok(y)
    }
}
