//! Adam (Kingma and Ba 2015, algorithm 1).

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f32 = 1e-8;
/// Elements of one task.
const TASK: usize = 1 << 14;

/// The parameters and the moving averages of their gradients.
pub(crate) struct Adam {
    parameters: BTreeMap<String, Parameter>,
    steps: i32,
}

struct Parameter {
    shape: Vec<usize>,
    values: Vec<f32>,
    mean: Vec<f32>,
    square: Vec<f32>,
}

impl Adam {
    pub(crate) fn new(weights: &BTreeMap<String, Tensor>) -> Result<Self> {
        let parameter = |(name, tensor): (&String, &Tensor)| {
            let values: Vec<f32> = tensor.flatten_all()?.to_vec1()?;
            let parameter = Parameter {
                shape: tensor.dims().to_vec(),
                mean: vec![0.0; values.len()],
                square: vec![0.0; values.len()],
                values,
            };
            Ok((name.clone(), parameter))
        };
        Ok(Adam {
            parameters: weights.iter().map(parameter).collect::<Result<_>>()?,
            steps: 0,
        })
    }

    /// Returns the parameters as tensors.
    pub(crate) fn weights(&self) -> Result<BTreeMap<String, Tensor>> {
        let tensor = |(name, p): (&String, &Parameter)| {
            let tensor = Tensor::from_slice(&p.values, p.shape.as_slice(), &Device::Cpu)?;
            Ok((name.clone(), tensor))
        };
        self.parameters.iter().map(tensor).collect()
    }

    /// Takes one step along the `gradients` of the loss. The penalty `l2 / 2 · Σ w²` on all weights, but not on biases, adds `l2 · w`.
    pub(crate) fn step(
        &mut self,
        gradients: &BTreeMap<String, Tensor>,
        learning_rate: f64,
        l2: f64,
    ) -> Result<()> {
        self.steps += 1;
        let (first, second) = (1.0 - BETA1.powi(self.steps), 1.0 - BETA2.powi(self.steps));
        // Bias corrections, since both averages start at zero.
        let rate = (learning_rate / first) as f32;
        let root = (1.0 / second.sqrt()) as f32;
        let (beta1, beta2) = (BETA1 as f32, BETA2 as f32);
        for (name, p) in &mut self.parameters {
            let Some(gradient) = gradients.get(name) else {
                continue;
            };
            let gradient: Vec<f32> = gradient.flatten_all()?.to_vec1()?;
            let decay = if p.shape.len() > 1 { l2 as f32 } else { 0.0 };
            let moments = p
                .mean
                .par_chunks_mut(TASK)
                .zip(p.square.par_chunks_mut(TASK));
            let values = p.values.par_chunks_mut(TASK).zip(gradient.par_chunks(TASK));
            values
                .zip(moments)
                .for_each(|((values, gradient), (mean, square))| {
                    let moments = mean.iter_mut().zip(square);
                    for ((w, g), (m, v)) in values.iter_mut().zip(gradient).zip(moments) {
                        let g = g + decay * *w;
                        *m += (1.0 - beta1) * (g - *m);
                        *v += (1.0 - beta2) * (g * g - *v);
                        *w -= rate * *m / (v.sqrt() * root + EPSILON);
                    }
                });
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn one(name: &str, tensor: Tensor) -> BTreeMap<String, Tensor> {
        BTreeMap::from([(name.to_string(), tensor)])
    }

    fn values(adam: &Adam, name: &str) -> Vec<f32> {
        let weights = adam.weights().unwrap();
        weights[name].flatten_all().unwrap().to_vec1().unwrap()
    }

    fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
        Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
    }

    /// Checks that every step is the learning rate: for a constant gradient, the corrected averages are the gradient and its square.
    #[test]
    fn a_constant_gradient_moves_every_weight_by_the_learning_rate() {
        let mut adam = Adam::new(&one("w", tensor(&[1.0, 2.0, 3.0], &[3]))).unwrap();
        let gradient = one("w", tensor(&[0.5, -30.0, 1e-3], &[3]));
        for _ in 0..5 {
            adam.step(&gradient, 0.01, 0.0).unwrap();
        }
        for (found, expected) in values(&adam, "w").iter().zip([0.95, 2.05, 2.95]) {
            assert!((found - expected).abs() < 1e-5, "{found}, {expected}");
        }
    }

    /// Checks gradients 1, then -2: m = 0.9 · 0.1 - 0.2, v = 0.999 · 0.001 + 0.004, corrected by 0.19 and 0.001999.
    #[test]
    fn the_second_step_has_the_averages_of_the_paper() {
        let mut adam = Adam::new(&one("w", tensor(&[0.0], &[1]))).unwrap();
        adam.step(&one("w", tensor(&[1.0], &[1])), 0.1, 0.0)
            .unwrap();
        adam.step(&one("w", tensor(&[-2.0], &[1])), 0.1, 0.0)
            .unwrap();
        let expected = -0.1 - 0.1 * (-0.11 / 0.19) / (0.004999_f64 / 0.001999).sqrt();
        assert!((f64::from(values(&adam, "w")[0]) - expected).abs() < 1e-6);
    }

    #[test]
    fn the_penalty_pulls_weights_to_zero_and_leaves_biases() {
        let mut weights = one("w", tensor(&[2.0, -2.0], &[1, 2]));
        weights.extend(one("b", tensor(&[2.0], &[1])));
        let mut adam = Adam::new(&weights).unwrap();
        let mut gradient = one("w", tensor(&[0.0, 0.0], &[1, 2]));
        gradient.extend(one("b", tensor(&[0.0], &[1])));
        adam.step(&gradient, 0.25, 0.1).unwrap();
        for (found, expected) in values(&adam, "w").iter().zip([1.75, -1.75]) {
            assert!((found - expected).abs() < 1e-5, "{found}, {expected}");
        }
        assert_eq!(values(&adam, "b"), [2.0]);
    }
}
