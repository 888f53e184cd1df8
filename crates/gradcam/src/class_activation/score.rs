//! Score-CAM (Wang et al. 2020, algorithm 1).

use candle_core::Tensor;
use gradcam_nn::Network;

use super::Features;
use crate::{Grid, Interpolation, Result, masked_logits};

/// The weight of each channel: the softmax, over the channels, of the score under the channel's own mask.
///
/// A mask is the channel's map brought to the size of the image and then stretched to 0…1, and multiplies the network's input: what it
/// hides takes the value 0 there, the data set's mean. The score of the hidden image, which algorithm 1 subtracts, is the same for all
/// channels, so the softmax does not see it. A constant channel hides everything.
pub(super) fn weights(
    network: &dyn Network,
    image: &Tensor,
    features: Features<'_>,
    score: impl Fn(&[f32]) -> Result<f64>,
) -> Result<Vec<f64>> {
    let (_, channels, height, width) = image.dims4()?;
    let Features {
        activation, size, ..
    } = features;
    let positions = size.0 * size.1;
    let count = activation.len() / positions;
    let mask = |channel: usize| {
        let map = Grid {
            height: size.0,
            width: size.1,
            values: activation[channel * positions..][..positions].to_vec(),
        };
        let map = Interpolation::Bilinear.resize(&map, height, width);
        let (low, high) = (map.min(), map.max());
        let range = high - low;
        map.map(|v| if range > 0.0 { (v - low) / range } else { 0.0 })
    };
    let mut scores = Vec::with_capacity(count);
    let baseline = vec![0.0; channels];
    masked_logits(network, image, &baseline, count, mask, |_, masked| {
        scores.push(score(masked));
    })?;
    let scores = scores.into_iter().collect::<Result<Vec<f64>>>()?;
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exps: Vec<f64> = scores
        .iter()
        .map(|&score| (score - largest).exp())
        .collect();
    let total: f64 = exps.iter().sum();
    Ok(exps.into_iter().map(|e| e / total).collect())
}
