//! Class activation mapping (Zhou et al. 2016).

use candle_core::{DType, Tensor};
use gradcam_nn::Network;
use gradcam_nn::ops::Linear;

use crate::methods::about::{About, LAYER};
use crate::methods::recipe::{Recipe, Setting};
use crate::saliency::{SignedMap, Subject};
use crate::seen::layers::pooled_linear;
use crate::{Error, Result};

/// CAM: channels weighted by the linear layer after the global average (equation 2).
pub(crate) struct Cam;

impl Recipe for Cam {
    fn about(&self) -> About {
        About {
            paper: "Zhou et al. 2016, Learning Deep Features for Discriminative Localization",
            cost: "1 forward",
            needs: "a head of global average pooling and one linear layer",
            gradient: false,
            backward: false,
            ..LAYER
        }
    }

    fn suits(&self, setting: &Setting<'_>) -> Result<()> {
        let head = |layer: &&str| head(setting.network, setting.image, layer).map(drop);
        setting.layers.iter().try_for_each(head)
    }

    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        Ok(subject.features.weighted(linear_weights(subject)?))
    }
}

/// Returns CAM's weights: those of the target's classes in the linear layer after the global average.
fn linear_weights(subject: &Subject<'_>) -> Result<Vec<f64>> {
    let linear = head(subject.network, subject.image, subject.layer)?;
    let parts = subject
        .target
        .weights(subject.logits)?
        .ok_or(Error::NoClass)?;
    let mut weights = vec![0.0; linear.weight().dim(1)?];
    for (class, sign) in parts {
        let row = linear
            .weight()
            .get(class)?
            .to_dtype(DType::F32)?
            .to_vec1::<f32>()?;
        for (sum, weight) in weights.iter_mut().zip(row) {
            *sum += subject.sign * f64::from(sign) * f64::from(weight);
        }
    }
    Ok(weights)
}

/// Finds the linear layer whose weights CAM reads.
///
/// # Errors
/// [`Error::NotPooledLinear`] if another head follows the layer.
fn head(network: &dyn Network, image: &Tensor, layer: &str) -> Result<Linear> {
    pooled_linear(network, image, layer)?.ok_or_else(|| Error::NotPooledLinear {
        layer: layer.to_string(),
    })
}
