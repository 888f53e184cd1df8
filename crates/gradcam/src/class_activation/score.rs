//! Score-CAM (Wang et al. 2020, algorithm 1) and its two averages.

use gradcam_nn::ops::{ResizeMode, resize_taps};

use super::Subject;
use crate::method::{IsCam, SsCam};
use crate::noise::{generator, normal};
use crate::{Grid, Mask, Result, Taps, masked_logits};

/// The weight of each channel: the softmax, over the channels, of the score under the channel's own mask.
///
/// A mask is the channel's map brought to the size of the image and then stretched to 0…1, and multiplies the network's input: what it
/// hides takes the value 0 there, the data set's mean. The score of the hidden image, which algorithm 1 subtracts, is the same for all
/// channels, so the softmax does not see it. A constant channel hides everything.
pub(super) fn plain(subject: &Subject<'_>) -> Result<Vec<f64>> {
    weights(subject, (1, false), |channel, _| {
        mask(subject, channel, &[], 1.0)
    })
}

/// SS-CAM: the score is the mean over masks of the channel with normal noise added, in the units of the activation (its equation 7).
/// torch-cam adds it to the stretched mask.
pub(super) fn smoothed(options: &SsCam, subject: &Subject<'_>) -> Result<Vec<f64>> {
    let (samples, positions) = (options.samples.max(1), subject.features.positions());
    weights(
        subject,
        (samples, options.sigma != 0.0),
        |channel, sample| {
            let mut random = generator(options.seed, channel * samples + sample);
            mask(
                subject,
                channel,
                &normal(&mut random, positions, options.sigma),
                1.0,
            )
        },
    )
}

/// IS-CAM: the score is the mean over the steps in which the mask fades in (its equation 6).
pub(super) fn integrated(options: &IsCam, subject: &Subject<'_>) -> Result<Vec<f64>> {
    let steps = options.steps.max(1);
    weights(subject, (steps, false), |channel, step| {
        let share = (step + 1) as f32 / steps as f32;
        mask(subject, channel, &[], share)
    })
}

/// The channel's map, with `noise` added if there is any, enlarged, stretched to 0…1 and multiplied by `share`.
fn mask(subject: &Subject<'_>, channel: usize, noise: &[f64], share: f32) -> Mask {
    let features = subject.features;
    let positions = features.positions();
    let mut values = features.activation[channel * positions..][..positions].to_vec();
    for (value, noise) in values.iter_mut().zip(noise) {
        *value += *noise as f32;
    }
    let (height, width) = subject.input_size();
    let cells = Grid {
        height: features.size.0,
        width: features.size.1,
        values,
    };
    let (rows, columns) = (bilinear(cells.height, height), bilinear(cells.width, width));
    let enlarged = Mask::Cells {
        cells: cells.clone(),
        rows: rows.clone(),
        columns: columns.clone(),
    };
    let enlarged = enlarged.into_grid();
    let (low, range) = (enlarged.min(), enlarged.max() - enlarged.min());
    // The same stretch before the enlargement, whose shares add up to 1.
    let stretched = |v: f32| match range > 0.0 {
        true => (v - low) / range * share,
        false => 0.0,
    };
    Mask::Cells {
        cells: cells.map(stretched),
        rows,
        columns,
    }
}

/// Between the centres of `from` samples, at the centres of `to` pixels.
fn bilinear(from: usize, to: usize) -> Vec<Taps> {
    let taps = resize_taps(from, to, ResizeMode::Bilinear, false);
    let pair = |taps: Vec<(usize, f64)>| (taps[0].0, taps[1].0, taps[1].1 as f32);
    taps.into_iter().map(pair).collect()
}

/// The softmax over the channels of their mean scores under `samples` masks each.
///
/// A constant channel hides everything, so that all of them have the score of one hidden image; `noisy` masks are never constant.
fn weights(
    subject: &Subject<'_>,
    (samples, noisy): (usize, bool),
    mask: impl Fn(usize, usize) -> Mask + Sync,
) -> Result<Vec<f64>> {
    let constant = |channel: &[f32]| !noisy && channel.iter().all(|&v| v == channel[0]);
    let constant: Vec<bool> = subject.features.channels().map(constant).collect();
    let varied: Vec<usize> = (0..constant.len()).filter(|&c| !constant[c]).collect();
    let first_constant = constant.iter().position(|&constant| constant);
    // The masks of the varied channels, and one of those that hide everything.
    let masks = varied.len() * samples;
    let baseline = vec![0.0; subject.image.dim(1)?];
    let mut scores = vec![0.0; constant.len()];
    let mut hidden = 0.0;
    masked_logits(
        subject.network,
        subject.image,
        &baseline,
        masks + usize::from(first_constant.is_some()),
        |index| match varied.get(index / samples) {
            Some(&channel) => mask(channel, index % samples),
            None => mask(first_constant.unwrap_or(0), 0),
        },
        |index, logits| {
            let score = subject.score(logits)?;
            match varied.get(index / samples) {
                Some(&channel) => scores[channel] += score / samples as f64,
                None => hidden = score,
            }
            Ok(())
        },
    )?;
    for (score, constant) in scores.iter_mut().zip(constant) {
        if constant {
            *score = hidden;
        }
    }
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exps: Vec<f64> = scores
        .iter()
        .map(|&score| (score - largest).exp())
        .collect();
    let total: f64 = exps.iter().sum();
    Ok(exps.into_iter().map(|e| e / total).collect())
}
