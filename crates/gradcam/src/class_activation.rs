//! Signed maps from the activations of one layer and, for most methods, the gradient of the score there.
//!
//! Sums run in `f64` and in a fixed order.

mod channels;
mod eigen;
mod positions;
mod score;

use candle_core::{DType, Tensor};
use gradcam_nn::Network;

use crate::layers::pooled_linear;
use crate::target::{Target, classes, value};
use crate::{Error, Grid, Method, Result};

/// One image's activations at a layer, `(channels, height, width)`, and the gradient of its score there; the latter is empty for a method
/// that does not need it.
#[derive(Clone, Copy)]
pub(crate) struct Features<'a> {
    pub(crate) activation: &'a [f32],
    pub(crate) gradient: &'a [f32],
    /// Height and width.
    pub(crate) size: (usize, usize),
}

impl<'a> Features<'a> {
    fn positions(&self) -> usize {
        self.size.0 * self.size.1
    }

    /// The activation of each channel.
    fn channels(&self) -> impl Iterator<Item = &'a [f32]> {
        self.activation.chunks_exact(self.positions())
    }

    /// The activation and the gradient of each channel.
    fn pairs(&self) -> impl Iterator<Item = (&'a [f32], &'a [f32])> {
        self.channels()
            .zip(self.gradient.chunks_exact(self.positions()))
    }

    fn grid(&self, values: Vec<f64>) -> Grid {
        Grid {
            height: self.size.0,
            width: self.size.1,
            values: values.into_iter().map(|v| v as f32).collect(),
        }
    }

    /// The sum of the channels, each with a weight.
    pub(crate) fn weighted(&self, weights: impl IntoIterator<Item = f64>) -> Grid {
        let mut sums = vec![0.0; self.positions()];
        for (a, weight) in self.channels().zip(weights) {
            // A channel that the score ignores stays out, even if its activation is not finite elsewhere.
            if weight == 0.0 {
                continue;
            }
            for (sum, &a) in sums.iter_mut().zip(a) {
                *sum += weight * f64::from(a);
            }
        }
        self.grid(sums)
    }
}

/// What a method asks beyond the activations and the gradient at a layer.
pub(crate) struct Subject<'a> {
    pub(crate) network: &'a dyn Network,
    /// `(1, channels, height, width)`.
    pub(crate) image: &'a Tensor,
    pub(crate) target: &'a Target,
    pub(crate) logits: &'a [f32],
    pub(crate) layer: &'a str,
    /// -1 for what speaks against the target.
    pub(crate) sign: f64,
}

impl Subject<'_> {
    /// CAM's weights: those of the target's classes in the linear layer behind the global average.
    fn linear_weights(&self) -> Result<Vec<f64>> {
        let (_, channels, height, width) = self.image.dims4()?;
        let Some(linear) = pooled_linear(self.network, (channels, height, width), self.layer)?
        else {
            return Err(Error::NotPooledLinear {
                layer: self.layer.to_string(),
            });
        };
        let parts = classes(self.target, self.logits)?.ok_or(Error::NoClass)?;
        let mut weights = vec![0.0; linear.weight.dim(1)?];
        for (class, sign) in parts {
            let row = linear
                .weight
                .get(class)?
                .to_dtype(DType::F32)?
                .to_vec1::<f32>()?;
            for (sum, weight) in weights.iter_mut().zip(row) {
                *sum += self.sign * f64::from(sign) * f64::from(weight);
            }
        }
        Ok(weights)
    }

    /// Score-CAM's weights.
    fn masked_weights(&self, features: Features<'_>) -> Result<Vec<f64>> {
        let score = |logits: &[f32]| value(self.target, self.logits, logits);
        score::weights(self.network, self.image, features, |logits| {
            Ok(self.sign * f64::from(score(logits)?))
        })
    }
}

/// The signed map of one image at one layer.
pub(crate) fn signed_map(
    method: &Method,
    features: Features<'_>,
    subject: &Subject<'_>,
) -> Result<Grid> {
    Ok(match method {
        Method::Cam => features.weighted(subject.linear_weights()?),
        Method::ScoreCam => features.weighted(subject.masked_weights(features)?),
        Method::GradCam => features.weighted(features.pairs().map(|(_, g)| channels::mean(g))),
        Method::GradCamPlusPlus(options) => {
            let weight = |(a, g): (&[f32], &[f32])| channels::plus_plus(a, g, options.epsilon);
            features.weighted(features.pairs().map(weight))
        }
        Method::XGradCam(options) => {
            let weight = |(a, g): (&[f32], &[f32])| channels::axiomatic(a, g, options.epsilon);
            features.weighted(features.pairs().map(weight))
        }
        Method::Fem(options) => {
            let weight = |a: &[f32]| channels::firing(a, options.sigmas);
            features.weighted(features.channels().map(weight))
        }
        Method::HiResCam => positions::summed(features, |a, g| g * a),
        Method::LayerCam => positions::summed(features, |a, g| g.max(0.0) * a),
        Method::ElementWiseCam => positions::summed(features, |a, g| (g * a).max(0.0)),
        Method::EigenCam(options) => {
            let columns = features
                .channels()
                .map(|a| a.iter().map(|&a| f64::from(a)).collect());
            features.grid(eigen::first_component(columns.collect(), options.centered))
        }
        Method::EigenGradCam(options) => {
            let product = |(a, g): (&[f32], &[f32])| {
                let values = a.iter().zip(g);
                values.map(|(&a, &g)| f64::from(a) * f64::from(g)).collect()
            };
            let columns = features.pairs().map(product);
            features.grid(eigen::first_component(columns.collect(), options.centered))
        }
    })
}
