//! Gradients of the loss with respect to the parameters.
//!
//! A [`Tape`] propagates gradients back to a network's input by [`Rules`], one for each operation. The rules here do the same, and
//! record the gradients of each layer's weight and bias on the way. The trained network is therefore the very tree that is explained
//! later, and there is no second forward pass to maintain.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Result, Tensor, TensorId};
use gradcam_nn::ops::{Conv2d, Linear, matmul};
use gradcam_nn::{Backward, ConvNormAct, ModuleTree, Network, Rules, Tape};

use crate::kernel_gradient::kernel_gradient;

/// The results of one batch.
pub(crate) struct Batch {
    /// The mean cross-entropy.
    pub(crate) loss: f64,
    /// The number of pictures classified as their labels say.
    pub(crate) correct: usize,
    /// The loss's gradient with respect to each parameter.
    pub(crate) gradients: BTreeMap<String, Tensor>,
}

/// Computes the loss of `network`, whose parameters are `weights`, on pictures `x` with their labels, and its gradients.
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
        input: x.id(),
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

/// Returns the mean of `-log softmax(logits)[label]` over the rows, the number of rows whose largest logit is their label's, and the
/// gradient with respect to the logits.
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

/// Returns the index of the largest value, the first of several equal ones.
pub(crate) fn largest(row: &[f64]) -> Option<usize> {
    let indexed = row.iter().enumerate().rev();
    indexed.max_by(|a, b| a.1.total_cmp(b.1)).map(|(i, _)| i)
}

/// The gradient's rules, which also record the gradients of the parameters.
#[derive(Clone)]
struct Noted {
    names: Arc<HashMap<TensorId, String>>,
    gradients: Arc<Mutex<BTreeMap<String, Tensor>>>,
    /// The pictures, whose own gradient is not needed.
    input: TensorId,
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
        self.conv2d(group.conv().1, x, y)
    }
    fn conv2d(&self, layer: &Conv2d, x: &Tensor, _y: &Tensor) -> Backward {
        let (noted, layer, x) = (self.clone(), layer.clone(), x.clone());
        Box::new(move |grad| {
            noted.note(Some(layer.weight()), kernel_gradient(&layer, &x, grad)?);
            noted.note(layer.bias(), channel_sums(grad)?);
            if x.id() == noted.input {
                x.zeros_like()
            } else {
                layer.backward(x.dims(), grad)
            }
        })
    }
    fn linear(&self, layer: &Linear, x: &Tensor, _y: &Tensor) -> Backward {
        let (noted, layer, x) = (self.clone(), layer.clone(), x.clone());
        Box::new(move |grad| {
            noted.note(Some(layer.weight()), matmul(&grad.t()?, &x)?);
            noted.note(layer.bias(), grad.sum(0)?);
            layer.backward(grad)
        })
    }
}

/// Sums `(n, c, h, w)` over pictures and positions to `(c,)`.
fn channel_sums(x: &Tensor) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    let rows = x.permute((0, 2, 3, 1))?.reshape((n, h * w, c))?;
    let ones = Tensor::ones((1, 1), x.dtype(), x.device())?.broadcast_as((n, 1, h * w))?;
    matmul(&ones, &rows)?.sum((0, 1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{DType, Device};
    use gradcam_random::Random;

    use super::*;
    use crate::{Family, NetworkSpec, build, initial};

    /// A network with its parameters, pictures and labels, in f64.
    struct Case {
        spec: NetworkSpec,
        weights: BTreeMap<String, Tensor>,
        x: Tensor,
        labels: Vec<usize>,
    }

    impl Case {
        fn new(family: Family) -> Self {
            let spec = NetworkSpec {
                input: [2, 7, 6],
                classes: 3,
                family,
            };
            let mut random = Random::new(5, 0);
            let mut weights = BTreeMap::new();
            for (name, tensor) in initial(&spec, 3).unwrap() {
                // With zero biases, many ReLUs would be exactly at their kink.
                let tensor = match tensor.dims() {
                    &[len] => {
                        let values = (0..len).map(|_| random.unit() - 0.5);
                        Tensor::from_iter(values, &Device::Cpu).unwrap()
                    }
                    _ => tensor.to_dtype(DType::F64).unwrap(),
                };
                weights.insert(name, tensor);
            }
            let pixels = (0..3 * 2 * 7 * 6).map(|_| random.unit());
            let pixels: Vec<f64> = pixels.collect();
            Case {
                spec,
                weights,
                x: Tensor::from_vec(pixels, (3, 2, 7, 6), &Device::Cpu).unwrap(),
                labels: vec![2, 0, 1],
            }
        }

        fn gradients(&self) -> BTreeMap<String, Tensor> {
            let network = build(&self.spec, &self.weights).unwrap();
            let found = batch(&network, &self.weights, &self.x, &self.labels).unwrap();
            found.gradients
        }

        /// Computes the derivative of the loss along `direction` of the parameter `name`, by central differences.
        fn slope(&self, name: &str, direction: &Tensor) -> f64 {
            let step = 1e-6;
            let loss = |step: f64| {
                let mut weights = self.weights.clone();
                let moved = (&weights[name] + (direction * step).unwrap()).unwrap();
                weights.insert(name.to_string(), moved);
                let network = build(&self.spec, &weights).unwrap();
                let logits = network.forward(&self.x, &mut ()).unwrap();
                cross_entropy(&logits, &self.labels).unwrap().0
            };
            (loss(step) - loss(-step)) / (2.0 * step)
        }
    }

    fn flat(x: &Tensor) -> Vec<f64> {
        x.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn every_gradient_of_the_residual_network_is_that_of_finite_differences() {
        let case = Case::new(Family::Residual { width: 2 });
        let gradients = case.gradients();
        assert!(gradients.keys().eq(case.weights.keys()));
        for (name, gradient) in &gradients {
            assert_eq!(gradient.dims(), case.weights[name].dims(), "{name}");
            let gradient = flat(gradient);
            assert!(gradient.iter().any(|g| g.abs() > 1e-4), "{name}");
            for (index, &g) in gradient.iter().enumerate() {
                let mut direction = vec![0.0; gradient.len()];
                direction[index] = 1.0;
                let direction =
                    Tensor::from_vec(direction, case.weights[name].dims(), &Device::Cpu).unwrap();
                let slope = case.slope(name, &direction);
                assert!((g - slope).abs() < 1e-7, "{name}[{index}]: {g}, {slope}");
            }
        }
    }

    /// Moves each parameter along random directions, in which all elements take part, and along some single elements: the second
    /// convolution alone has 51,200 weights.
    #[test]
    fn the_gradients_of_the_paper_network_are_those_of_finite_differences() {
        let case = Case::new(Family::Cnn { hidden: 5 });
        let gradients = case.gradients();
        assert!(gradients.keys().eq(case.weights.keys()));
        let mut random = Random::new(9, 0);
        for (name, gradient) in &gradients {
            assert_eq!(gradient.dims(), case.weights[name].dims(), "{name}");
            let gradient = flat(gradient);
            let len = gradient.len();
            assert!(gradient.iter().any(|g| g.abs() > 1e-4), "{name}");
            for trial in 0..20 {
                let mut direction = vec![0.0; len];
                if trial < 6 {
                    let size = 1.0 / (len as f64).sqrt();
                    direction.fill_with(|| size * random.between(-1.0, 1.0));
                } else {
                    direction[random.part(len)] = 1.0;
                }
                let expected: f64 = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
                let direction =
                    Tensor::from_vec(direction, case.weights[name].dims(), &Device::Cpu).unwrap();
                let slope = case.slope(name, &direction);
                let error = (expected - slope).abs();
                assert!(
                    error < 1e-7 * (1.0 + slope.abs()),
                    "{name}: {expected}, {slope}"
                );
            }
        }
    }

    #[test]
    fn cross_entropy_of_known_rows() {
        let ln = f64::ln;
        let logits = Tensor::new(
            &[[0.0, 0.0, 0.0], [ln(1.0), ln(2.0), ln(5.0)]],
            &Device::Cpu,
        );
        let (loss, correct, gradient) = cross_entropy(&logits.unwrap(), &[1, 2]).unwrap();
        // -log(1/3) and -log(5/8); of equal logits the first counts, so the first row is wrong.
        assert!((loss - (ln(3.0) + ln(8.0 / 5.0)) / 2.0).abs() < 1e-15);
        assert_eq!(correct, 1);
        let expected = [
            1.0 / 6.0,
            -1.0 / 3.0,
            1.0 / 6.0,
            1.0 / 16.0,
            1.0 / 8.0,
            -3.0 / 16.0,
        ];
        for (g, e) in flat(&gradient).iter().zip(expected) {
            assert!((g - e).abs() < 1e-15, "{g}, {e}");
        }
    }
}
