//! Adam (Kingma and Ba 2015, algorithm 1).

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f32 = 1e-8;
/// Elements of one task.
const TASK: usize = 1 << 14;

/// The parameters, and the averages of their gradients.
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

    /// The parameters as tensors.
    pub(crate) fn weights(&self) -> Result<BTreeMap<String, Tensor>> {
        let tensor = |(name, p): (&String, &Parameter)| {
            let tensor = Tensor::from_slice(&p.values, p.shape.as_slice(), &Device::Cpu)?;
            Ok((name.clone(), tensor))
        };
        self.parameters.iter().map(tensor).collect()
    }

    /// One step down the `gradients` of the loss, to which the penalty `l2 / 2 · Σ w²` of all weights, not of the biases, adds `l2 · w`.
    pub(crate) fn step(
        &mut self,
        gradients: &BTreeMap<String, Tensor>,
        learning_rate: f64,
        l2: f64,
    ) -> Result<()> {
        self.steps += 1;
        let (first, second) = (1.0 - BETA1.powi(self.steps), 1.0 - BETA2.powi(self.steps));
        // The corrections of both averages' start at zero.
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
