//! Score-CAM (Wang et al. 2020, algorithm 1) and its two averages.

use super::Subject;
use crate::method::{IsCam, SsCam};
use crate::noise::{generator, normal};
use crate::{Grid, Interpolation, Result, masked_logits};

/// The weight of each channel: the softmax, over the channels, of the score under the channel's own mask.
///
/// A mask is the channel's map brought to the size of the image and then stretched to 0…1, and multiplies the network's input: what it
/// hides takes the value 0 there, the data set's mean. The score of the hidden image, which algorithm 1 subtracts, is the same for all
/// channels, so the softmax does not see it. A constant channel hides everything.
pub(super) fn plain(subject: &Subject<'_>) -> Result<Vec<f64>> {
    weights(subject, 1, |channel, _| mask(subject, channel, &[]))
}

/// SS-CAM: the score is the mean over masks of the channel with normal noise added, in the units of the activation (its equation 7).
/// torch-cam adds it to the stretched mask.
pub(super) fn smoothed(options: &SsCam, subject: &Subject<'_>) -> Result<Vec<f64>> {
    let (samples, positions) = (options.samples.max(1), subject.features.positions());
    weights(subject, samples, |channel, sample| {
        let mut random = generator(options.seed, channel * samples + sample);
        mask(
            subject,
            channel,
            &normal(&mut random, positions, options.sigma),
        )
    })
}

/// IS-CAM: the score is the mean over the steps in which the mask fades in (its equation 6).
pub(super) fn integrated(options: &IsCam, subject: &Subject<'_>) -> Result<Vec<f64>> {
    let steps = options.steps.max(1);
    weights(subject, steps, |channel, step| {
        let share = (step + 1) as f32 / steps as f32;
        mask(subject, channel, &[]).map(|v| v * share)
    })
}

/// The channel's map, with `noise` added if there is any, enlarged and stretched to 0…1.
fn mask(subject: &Subject<'_>, channel: usize, noise: &[f64]) -> Grid {
    let features = subject.features;
    let positions = features.positions();
    let mut values = features.activation[channel * positions..][..positions].to_vec();
    for (value, noise) in values.iter_mut().zip(noise) {
        *value += *noise as f32;
    }
    let map = Grid {
        height: features.size.0,
        width: features.size.1,
        values,
    };
    let (height, width) = subject.input_size();
    let map = Interpolation::Bilinear.resize(&map, height, width);
    let (low, high) = (map.min(), map.max());
    let range = high - low;
    map.map(|v| if range > 0.0 { (v - low) / range } else { 0.0 })
}

/// The softmax over the channels of their mean scores under `samples` masks each.
fn weights(
    subject: &Subject<'_>,
    samples: usize,
    mask: impl Fn(usize, usize) -> Grid + Sync,
) -> Result<Vec<f64>> {
    let count = subject.features.activation.len() / subject.features.positions();
    let baseline = vec![0.0; subject.image.dim(1)?];
    let mut scores = vec![0.0; count];
    masked_logits(
        subject.network,
        subject.image,
        &baseline,
        count * samples,
        |index| mask(index / samples, index % samples),
        |index, logits| {
            scores[index / samples] += subject.score(logits)? / samples as f64;
            Ok(())
        },
    )?;
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exps: Vec<f64> = scores
        .iter()
        .map(|&score| (score - largest).exp())
        .collect();
    let total: f64 = exps.iter().sum();
    Ok(exps.into_iter().map(|e| e / total).collect())
}
