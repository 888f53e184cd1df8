//! Gradients of the loss by the parameters.
//!
//! A [`Tape`] takes gradients back to a network's input by [`Rules`], one for each operation. The rules here do the same, and on the way
//! note what each layer's weight and bias get. So the network that is trained is the very tree that is explained afterwards, and no
//! second forward pass is written anywhere.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Result, Tensor, TensorId};
use gradcam_nn::ops::{Conv2d, ConvOptions, Linear, matmul};
use gradcam_nn::{Backward, ConvNormAct, ModuleTree, Network, Rules, Tape};

/// What one batch gives.
pub(crate) struct Batch {
    /// The mean cross-entropy.
    pub(crate) loss: f64,
    /// How many pictures were classified as their label says.
    pub(crate) correct: usize,
    /// The loss's gradient by each parameter.
    pub(crate) gradients: BTreeMap<String, Tensor>,
}

/// The loss of `network`, whose parameters are `weights`, for pictures `x` with their labels, and its gradients.
pub(crate) fn batch(
    network: &ModuleTree,
    weights: &BTreeMap<String, Tensor>,
    x: &Tensor,
    labels: &[usize],
) -> Result<Batch> {
    let ids = weights.iter().map(|(name, t)| (t.id(), name.clone()));
    let noted = Noted {
        names: Arc::new(ids.collect()),
        gradients: Arc::default(),
    };
    let mut tape = Tape::new(x).with(noted.clone());
    let logits = network.forward(x, &mut tape)?;
    let (loss, correct, grad) = cross_entropy(&logits, labels)?;
    tape.backward(&logits, grad, &[])?;
    let mut gradients = noted
        .gradients
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(Batch {
        loss,
        correct,
        gradients: std::mem::take(&mut gradients),
    })
}

/// The mean of `-log softmax(logits)[label]` over the rows, the number of rows whose largest logit is their label's, and the gradient at
/// the logits.
pub(crate) fn cross_entropy(logits: &Tensor, labels: &[usize]) -> Result<(f64, usize, Tensor)> {
    let rows: Vec<Vec<f64>> = logits.to_dtype(candle_core::DType::F64)?.to_vec2()?;
    let (mut loss, mut correct) = (0.0, 0);
    let mut gradient = Vec::with_capacity(logits.elem_count());
    let share = 1.0 / labels.len() as f64;
    for (row, &label) in rows.iter().zip(labels) {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = row.iter().map(|v| (v - max).exp()).sum();
        let log = max + total.ln();
        for (class, v) in row.iter().enumerate() {
            let wanted = if class == label { 1.0 } else { 0.0 };
            gradient.push(((v - log).exp() - wanted) * share);
        }
        loss += row.get(label).map_or(f64::NAN, |v| (log - v) * share);
        correct += usize::from(largest(row) == Some(label));
    }
    let gradient = Tensor::from_vec(gradient, logits.shape(), logits.device())?;
    Ok((loss, correct, gradient.to_dtype(logits.dtype())?))
}

/// The first of the largest values.
pub(crate) fn largest(row: &[f64]) -> Option<usize> {
    let indexed = row.iter().enumerate().rev();
    indexed.max_by(|a, b| a.1.total_cmp(b.1)).map(|(i, _)| i)
}

/// The gradient, and on the way those of the parameters.
#[derive(Clone)]
struct Noted {
    names: Arc<HashMap<TensorId, String>>,
    gradients: Arc<Mutex<BTreeMap<String, Tensor>>>,
}

impl Noted {
    fn note(&self, parameter: Option<&Tensor>, gradient: Tensor) {
        if let Some(name) = parameter.and_then(|p| self.names.get(&p.id())) {
            let mut gradients = self
                .gradients
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            gradients.insert(name.clone(), gradient);
        }
    }
}

impl Rules for Noted {
    // The layers here have no norm.
    fn conv_norm(&self, group: &ConvNormAct, x: &Tensor, y: &Tensor) -> Backward {
        self.conv2d(&group.conv, x, y)
    }
    fn conv2d(&self, layer: &Conv2d, x: &Tensor, _y: &Tensor) -> Backward {
        let (noted, layer, x) = (self.clone(), layer.clone(), x.clone());
        Box::new(move |grad| {
            noted.note(Some(layer.weight()), kernel_gradient(&layer, &x, grad)?);
            noted.note(layer.bias(), channel_sums(grad)?);
            layer.backward(x.dims(), grad)
        })
    }
    fn linear(&self, layer: &Linear, x: &Tensor, _y: &Tensor) -> Backward {
        let (noted, layer, x) = (self.clone(), layer.clone(), x.clone());
        Box::new(move |grad| {
            noted.note(Some(&layer.weight), matmul(&grad.t()?, &x)?);
            noted.note(layer.bias.as_ref(), grad.sum(0)?);
            layer.backward(grad)
        })
    }
}

/// The gradient by a kernel `(out, in, kh, kw)`: itself a convolution, of the input by the output's gradient, in which pictures and
/// channels change places and the stride becomes a dilation.
fn kernel_gradient(layer: &Conv2d, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let options = layer.options();
    let over = ConvOptions {
        stride: options.dilation,
        dilation: options.stride,
        ..options
    };
    let (_, _, rows, columns) = layer.weight().dims4()?;
    let kernel = Conv2d::new(grad.transpose(0, 1)?.contiguous()?, None, over);
    let swapped = kernel.forward(&x.transpose(0, 1)?)?;
    // A stride that leaves over some rows or columns at the end would have made a larger kernel.
    let swapped = swapped.narrow(2, 0, rows)?.narrow(3, 0, columns)?;
    swapped.transpose(0, 1)?.contiguous()
}

/// The sums over pictures and positions of `(n, c, h, w)`, `(c,)`.
fn channel_sums(x: &Tensor) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    let rows = x.permute((0, 2, 3, 1))?.reshape((n, h * w, c))?;
    let ones = Tensor::ones((1, 1), x.dtype(), x.device())?.broadcast_as((n, 1, h * w))?;
    matmul(&ones, &rows)?.sum((0, 1))
}
