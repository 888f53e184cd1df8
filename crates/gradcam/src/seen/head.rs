//! The part of a network after a layer, rerun with other activations there.

use std::collections::HashSet;

use candle_core::{Device, Result, Shape, Tensor, TensorId, Var, WithDType};
use gradcam_nn::ops::Activation;
use gradcam_nn::{Network, Op, Pass, Tape};
use rayon::prelude::*;

use crate::seen::observation::values;
use crate::seen::record::in_pool;
use crate::seen::tokens;

/// The part of a network after a layer.
///
/// The layer's values are a feature map, `(channels, height, width)`, as methods see it. In a transformer, the map is the patches, and the
/// tokens before them keep their own values.
///
/// Operations before the layer are not computed again. Their outputs are kept if an operation after the layer reads them (the shortcut of a
/// residual block); otherwise, only their shapes. A network whose operations do not all go through the pass runs as a whole.
pub(crate) struct Head<'a> {
    network: &'a dyn Network,
    image: &'a Tensor,
    layer: &'a str,
    /// The layer's own activation.
    activation: Tensor,
    /// The shape of its feature map.
    shape: Shape,
    /// The outputs of the operations before the layer, in their order.
    before: Vec<Tensor>,
    /// Whether all operations after the layer are piecewise linear.
    piecewise_linear: bool,
}

impl<'a> Head<'a> {
    /// Runs the network, to which the layer belongs, once for `image`.
    pub(crate) fn new(network: &'a dyn Network, image: &'a Tensor, layer: &'a str) -> Result<Self> {
        let mut pass = Recording {
            layer,
            activation: image.clone(),
            keeps: network.passes_all(),
            outputs: Vec::new(),
            cut: 0,
            used: HashSet::new(),
            bent: false,
        };
        network.forward(image, &mut pass)?;
        let mut before = Vec::new();
        pass.outputs.truncate(pass.cut);
        for output in pass.outputs {
            before.push(if pass.used.contains(&output.id()) {
                output
            } else {
                Tensor::zeros((), output.dtype(), output.device())?.broadcast_as(output.shape())?
            });
        }
        let (_, _, height, width) = image.dims4()?;
        let map = tokens::map(&pass.activation, network.tokens(), (height, width))?;
        Ok(Head {
            network,
            image,
            layer,
            activation: pass.activation,
            shape: map.shape().clone(),
            before,
            piecewise_linear: network.passes_all() && !pass.bent,
        })
    }

    /// Whether all operations after the layer are known to be piecewise linear.
    pub(crate) fn is_piecewise_linear(&self) -> bool {
        self.piecewise_linear
    }

    /// Returns the layer's own values.
    pub(crate) fn map(&self) -> crate::Result<Vec<f64>> {
        let (_, _, height, width) = self.image.dims4()?;
        let map = tokens::map(&self.activation, self.network.tokens(), (height, width))?;
        crate::methods::baseline::exact(&map)
    }

    /// Returns the network's output with these values at the layer.
    pub(crate) fn output<T: WithDType>(&self, values: Vec<T>) -> Result<Tensor> {
        self.run(&self.at_layer(values)?, &mut ())
    }

    /// Computes a number from the network's output for each of `count` sets of values at the layer, in their order.
    ///
    /// On the processor, the sets are spread over the cores; the numbers do not depend on how many cores there are.
    pub(crate) fn scores(
        &self,
        count: usize,
        at_layer: impl Fn(usize) -> Vec<f32> + Sync,
        score: impl Fn(&[f32]) -> crate::Result<f64> + Sync,
    ) -> crate::Result<Vec<f64>> {
        let one = |index: usize| score(&values(&self.output(at_layer(index))?)?);
        let found: Vec<crate::Result<f64>> = if self.image.device().is_cpu() {
            (0..count)
                .into_par_iter()
                .with_max_len(1)
                .map(one)
                .collect()
        } else {
            (0..count).map(one).collect()
        };
        found.into_iter().collect()
    }

    /// Returns the gradient, at these values of the layer, of a number computed from the network's output.
    pub(crate) fn gradient<T: WithDType>(
        &self,
        values: Vec<T>,
        score: impl FnOnce(&Tensor) -> crate::Result<Tensor>,
    ) -> crate::Result<Vec<f32>> {
        let activation = self.at_layer(values)?;
        let gradient = if self.network.passes_all() {
            self.by_tape(&activation, score)?
        } else {
            let variable = Var::from_tensor(&activation)?;
            let output = self.run(variable.as_tensor(), &mut ())?;
            score(&output)?.backward()?.remove(variable.as_tensor())
        };
        let gradient = gradient.map_or_else(|| activation.zeros_like(), Ok)?;
        let (_, _, height, width) = self.image.dims4()?;
        let tokens = self.network.tokens();
        self::values(&tokens::map(&gradient, tokens, (height, width))?)
    }

    fn by_tape(
        &self,
        activation: &Tensor,
        score: impl FnOnce(&Tensor) -> crate::Result<Tensor>,
    ) -> crate::Result<Option<Tensor>> {
        let mut tape = Tape::new(activation);
        let output = self.run(activation, &mut tape)?;
        let variable = Var::from_tensor(&output)?;
        let graph = score(variable.as_tensor())?.backward()?;
        let Some(grad) = graph.get(variable.as_tensor()) else {
            return Ok(None);
        };
        let mut found = in_pool(activation.device(), || {
            tape.backward(&output, grad.clone(), &[activation])
        })?;
        Ok(found.pop().flatten())
    }

    /// Returns the layer's activation with these values in its map.
    fn at_layer<T: WithDType>(&self, values: Vec<T>) -> Result<Tensor> {
        let map = Tensor::from_vec(values, &self.shape, &Device::Cpu)?
            .to_device(self.image.device())?
            .to_dtype(self.activation.dtype())?;
        tokens::unmap(&map, &self.activation)
    }

    fn run(&self, activation: &Tensor, inner: &mut dyn Pass) -> Result<Tensor> {
        let mut pass = Replay {
            head: self,
            next: 0,
            activation,
            inner,
        };
        self.network.forward(self.image, &mut pass)
    }
}

/// A pass that records the outputs before the layer and the tensors that are read after it.
struct Recording<'a> {
    layer: &'a str,
    /// The result of the layer's last call.
    activation: Tensor,
    /// Whether outputs are useful: all operations go through the pass.
    keeps: bool,
    outputs: Vec<Tensor>,
    /// Number of operations before the layer's last call.
    cut: usize,
    /// The tensors that are read after this call.
    used: HashSet<TensorId>,
    /// Whether an operation after this call is not piecewise linear.
    bent: bool,
}

impl Pass for Recording<'_> {
    fn wants(&self, name: &str) -> bool {
        self.layer == name
    }
    fn tap(&mut self, name: &str, x: Tensor) -> Result<Tensor> {
        if self.layer == name {
            self.activation = x.clone();
            self.cut = self.outputs.len();
            self.used.clear();
            self.bent = false;
        }
        Ok(x)
    }
    fn operation(&mut self, op: Op<'_>, inputs: &[&Tensor]) -> Result<Tensor> {
        self.bent |= bends(op);
        let y = op.forward(inputs)?;
        if self.keeps {
            self.used.extend(inputs.iter().map(|x| x.id()));
            self.outputs.push(y.clone());
        }
        Ok(y)
    }
}

/// A pass that computes only the part after the layer, from another activation.
struct Replay<'a> {
    head: &'a Head<'a>,
    next: usize,
    activation: &'a Tensor,
    /// How operations after the layer run.
    inner: &'a mut dyn Pass,
}

impl Pass for Replay<'_> {
    fn wants(&self, name: &str) -> bool {
        self.head.layer == name
    }
    fn tap(&mut self, name: &str, x: Tensor) -> Result<Tensor> {
        if self.head.layer == name && self.next >= self.head.before.len() {
            Ok(self.activation.clone())
        } else {
            Ok(x)
        }
    }
    fn operation(&mut self, op: Op<'_>, inputs: &[&Tensor]) -> Result<Tensor> {
        if let Some(known) = self.head.before.get(self.next) {
            self.next += 1;
            return Ok(known.clone());
        }
        self.inner.operation(op, inputs)
    }
}

/// Whether an operation is not known to be piecewise linear.
fn bends(op: Op<'_>) -> bool {
    match op {
        Op::Conv2d(_)
        | Op::Linear(_)
        | Op::BatchNorm(_)
        | Op::MaxPool(_)
        | Op::LinearMap(_)
        | Op::Add
        | Op::Concat => false,
        Op::LayerNorm(_) | Op::Softmax | Op::Multiply | Op::Matmul => true,
        Op::Activation(f) | Op::ConvNormAct(_, f) => match f {
            Activation::Identity
            | Activation::Relu
            | Activation::Clip { .. }
            | Activation::LeakyRelu { .. }
            | Activation::HardSigmoid { .. }
            | Activation::Abs
            | Activation::Round { .. } => false,
            Activation::Silu
            | Activation::Gelu
            | Activation::GeluTanh
            | Activation::QuickGelu
            | Activation::HardSwish
            | Activation::Sigmoid
            | Activation::Tanh
            | Activation::Exp
            | Activation::Log
            | Activation::Erf
            | Activation::Softplus
            | Activation::Mish
            | Activation::Softsign
            | Activation::Sin
            | Activation::Cos
            | Activation::Elu { .. }
            | Activation::Power { .. } => true,
        },
    }
}
