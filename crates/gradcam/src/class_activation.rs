//! Signed maps from the activations of one layer and, for most methods, the gradient of the score there.
//!
//! Sums run in `f64` and in a fixed order.

mod ablation;
mod channels;
mod eigen;
mod finer;
mod guided;
mod positions;
mod score;
mod shapley;
mod smooth;

use candle_core::{DType, Tensor};
use gradcam_nn::Network;
use gradcam_nn::ops::Linear;

use crate::layers::pooled_linear;
use crate::saliency::{Features, SignedMap, Subject};
use crate::target::Target;
use crate::{Error, Method, Result};

impl Subject<'_> {
    /// CAM's weights: those of the target's classes in the linear layer behind the global average.
    fn linear_weights(&self) -> Result<Vec<f64>> {
        let linear = head_of_cam(self.network, self.image, self.layer)?;
        let parts = self.target.weights(self.logits)?.ok_or(Error::NoClass)?;
        let mut weights = vec![0.0; linear.weight().dim(1)?];
        for (class, sign) in parts {
            let row = linear
                .weight()
                .get(class)?
                .to_dtype(DType::F32)?
                .to_vec1::<f32>()?;
            for (sum, weight) in weights.iter_mut().zip(row) {
                *sum += self.sign * f64::from(sign) * f64::from(weight);
            }
        }
        Ok(weights)
    }
}

/// The linear layer whose weights CAM reads.
///
/// # Errors
/// [`Error::NotPooledLinear`] where another head follows the layer.
pub(crate) fn head_of_cam(network: &dyn Network, image: &Tensor, layer: &str) -> Result<Linear> {
    pooled_linear(network, image, layer)?.ok_or_else(|| Error::NotPooledLinear {
        layer: layer.to_string(),
    })
}

/// The score whose gradient `method` takes, if not the target's own.
pub(crate) fn objective(
    method: &Method,
    target: &Target,
    logits: &[f32],
) -> Result<Option<Target>> {
    match method {
        Method::FinerCam(options) => finer::objective(options, target, logits).map(Some),
        Method::ShapleyCam(options) => Ok(shapley::objective(options, target)),
        _ => Ok(None),
    }
}

/// The signed map of one image at one layer.
pub(crate) fn signed_map(method: &Method, subject: &Subject<'_>) -> Result<SignedMap> {
    let features = subject.features;
    Ok(match method {
        Method::Cam => features.weighted(subject.linear_weights()?),
        Method::ScoreCam => features.weighted(score::plain(subject)?),
        Method::SsCam(options) => features.weighted(score::smoothed(options, subject)?),
        Method::IsCam(options) => features.weighted(score::integrated(options, subject)?),
        Method::AblationCam => features.weighted(ablation::weights(subject)?),
        Method::SmoothGradCamPlusPlus(options) => smooth::map(options, subject)?,
        Method::ShapleyCam(options) => shapley::map(options, subject)?,
        Method::GuidedGradCam => guided::grad_cam_times_guided(subject)?.into(),
        Method::SmoothGradGradCam(options) => guided::smooth(options, subject)?.into(),
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
            let component = eigen::first_component(columns.collect(), options.centered);
            features.grid(component).into()
        }
        Method::EigenGradCam(options) => {
            let product = |(a, g): (&[f32], &[f32])| {
                let values = a.iter().zip(g);
                values.map(|(&a, &g)| f64::from(a) * f64::from(g)).collect()
            };
            let columns = features.pairs().map(product);
            let component = eigen::first_component(columns.collect(), options.centered);
            features.grid(component).into()
        }
        // Finer-CAM is Grad-CAM for another score.
        _ => grad_cam(features),
    })
}

/// Grad-CAM's signed map.
fn grad_cam(features: Features<'_>) -> SignedMap {
    let weights = features
        .pairs()
        .map(|(_, g)| (channels::mean(g), channels::size(g)));
    features.balanced(weights)
}
