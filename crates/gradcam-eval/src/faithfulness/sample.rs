//! A network, an image and the class in question, and the network's scores for changed images.

use std::fmt;

use candle_core::{DType, Device, Tensor};
use gradcam::{Mask, masked_logits, probabilities};
use gradcam_map::{Grid, Size};
use gradcam_nn::Network;
use rayon::prelude::*;

use crate::degenerate::check;
use crate::{Error, Result, Undefined};

/// Inputs computed at the same time: memory does not grow with their number.
const BATCH: usize = 16;

/// Makes a map of an input `(1, channels, height, width)`: a method with its options and its target.
pub type Explain<'a> = dyn Fn(&dyn Network, &Tensor) -> Result<Grid> + Sync + 'a;

/// The score of the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Its logit.
    Logit,
    /// Its probability after a softmax over all logits.
    Probability,
}

/// Returns the logits of one input.
pub(crate) fn logits(network: &dyn Network, image: &Tensor) -> Result<Vec<f32>> {
    let logits = network.forward(image, &mut ())?.flatten_all()?;
    Ok(logits.to_dtype(DType::F32)?.to_vec1()?)
}

/// The network, image and class that a map is evaluated on.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Sample<'a> {
    /// The network.
    pub network: &'a dyn Network,
    /// Its input after the preprocessing, `(1, channels, height, width)`; 0 is the data set's mean.
    pub image: &'a Tensor,
    /// The class in question; for most protocols the network's top class for the whole image.
    pub target: usize,
}

impl<'a> Sample<'a> {
    /// Takes a network, its input and the class in question.
    pub fn new(network: &'a dyn Network, image: &'a Tensor, target: usize) -> Self {
        Sample {
            network,
            image,
            target,
        }
    }
}

/// Shows the shape instead of the image.
impl fmt::Debug for Sample<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sample")
            .field("image", &self.image.shape())
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl Sample<'_> {
    /// Returns the image's channels, rows and columns.
    pub(super) fn shape(&self) -> Result<(usize, usize, usize)> {
        match *self.image.dims() {
            [1, channels, height, width] if channels * height * width > 0 => {
                Ok((channels, height, width))
            }
            ref other => Err(gradcam::Error::Input(other.to_vec()).into()),
        }
    }

    /// Checks that a map at the input's resolution fits and is informative.
    pub(super) fn check(&self, map: &Grid) -> Result<()> {
        let (_, height, width) = self.shape()?;
        check(map)?;
        let (expected, found) = (Size::new(height, width)?, map.size());
        if expected == found {
            Ok(())
        } else {
            Err(Error::Size { expected, found })
        }
    }

    /// Returns the image's values, channel after channel.
    pub(super) fn pixels(&self) -> Result<Vec<f32>> {
        let image = self.image.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
        Ok(image.flatten_all()?.to_vec1()?)
    }

    /// Returns the class's score from the logits.
    fn score(&self, logits: &[f32], output: Output) -> Result<f64> {
        let score = match output {
            Output::Logit => logits.get(self.target).copied(),
            Output::Probability => probabilities(logits).get(self.target).copied(),
        };
        match score {
            None => Err(gradcam::Error::ClassOutOfRange {
                index: self.target,
                classes: logits.len(),
            }
            .into()),
            Some(score) if score.is_finite() => Ok(f64::from(score)),
            Some(_) => Err(Undefined::NonFinite.into()),
        }
    }

    /// Returns the scores of the image under `count` masks, as defined by [`masked_logits`].
    pub(super) fn masked<M: Into<Mask>>(
        &self,
        output: Output,
        baseline: &[f32],
        count: usize,
        mask: impl Fn(usize) -> M + Sync,
    ) -> Result<Vec<f64>> {
        let mut scores = Vec::with_capacity(count);
        masked_logits(
            self.network,
            self.image,
            baseline,
            count,
            mask,
            |_, logits| {
                scores.push(self.score(logits, output));
                Ok(())
            },
        )?;
        scores.into_iter().collect()
    }

    /// Returns the scores of `count` other inputs of the image's shape, computed in parallel.
    pub(super) fn scores(
        &self,
        output: Output,
        count: usize,
        input: impl Fn(usize) -> Result<Vec<f32>> + Sync,
    ) -> Result<Vec<f64>> {
        let one = |index: usize| -> Result<f64> {
            let image = Tensor::from_vec(input(index)?, self.image.shape(), self.image.device())?;
            let image = image.to_dtype(self.image.dtype())?;
            self.score(&logits(self.network, &image)?, output)
        };
        let mut scores = Vec::with_capacity(count);
        for first in (0..count).step_by(BATCH) {
            let each = (first..count.min(first + BATCH))
                .into_par_iter()
                .with_max_len(1);
            let each: Vec<_> = each.map(one).collect();
            for score in each {
                scores.push(score?);
            }
        }
        Ok(scores)
    }

    /// Returns the score of the image itself.
    #[cfg(test)]
    pub(super) fn whole(&self, output: Output) -> Result<f64> {
        let pixels = self.pixels()?;
        let scores = self.scores(output, 1, |_| Ok(pixels.clone()))?;
        scores
            .first()
            .copied()
            .ok_or_else(|| Undefined::Empty.into())
    }
}
