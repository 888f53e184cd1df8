//! The picture cut into parts that are shown or hidden together.

use std::sync::Arc;

use gradcam_map::{Grid, Size};

use super::lab::lab;
use super::slic::slic;
use crate::saliency::Subject;
use crate::seen::observation::values;
use crate::{Error, Mask, Result};

/// A part for every pixel.
pub(crate) struct Superpixels {
    size: Size,
    /// The number of each pixel's part, in reading order; each number below the count occurs.
    labels: Arc<[u32]>,
    count: usize,
}

impl Superpixels {
    /// Cuts the subject's image into about `segments` superpixels.
    pub(crate) fn of(subject: &Subject<'_>, segments: usize) -> Result<Self> {
        let (_, channels, height, width) = subject.image.dims4()?;
        let inputs = subject.inputs;
        for colour in [&inputs.black, &inputs.white] {
            if colour.len() != channels {
                return Err(Error::Inputs {
                    channels,
                    found: colour.len(),
                });
            }
        }
        let colours = lab(&values(subject.image)?, height * width, inputs);
        Ok(Superpixels::from_labels(
            slic(&colours, (height, width), segments),
            Size::new(height, width)?,
        ))
    }

    /// Makes parts from given numbers, from 0.
    pub(super) fn from_labels(labels: Vec<usize>, size: Size) -> Self {
        let count = labels.iter().max().map_or(0, |last| last + 1);
        Superpixels {
            size,
            labels: labels.into_iter().map(|label| label as u32).collect(),
            count,
        }
    }

    /// Returns the number of parts.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Returns the number of each pixel's part.
    pub(crate) fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Makes a mask that shows the parts for which `shown` is true.
    pub(super) fn mask(&self, shown: impl Fn(usize) -> bool) -> Mask {
        let open = (0..self.count).map(|part| f32::from(u8::from(shown(part))));
        Mask::Parts {
            size: self.size,
            labels: self.labels.clone(),
            values: open.collect(),
        }
    }

    /// Makes a map with a part's value at each of its pixels.
    pub(super) fn spread(&self, values: &[f64]) -> Grid {
        Grid::from_fn(self.size, |i| values[self.labels[i] as usize] as f32)
    }

    /// Sums one number per pixel over each part.
    #[cfg(test)]
    pub(super) fn sums(&self, values: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.count];
        for (&part, value) in self.labels.iter().zip(values) {
            sums[part as usize] += value;
        }
        sums
    }
}
