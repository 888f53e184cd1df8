//! Pictures with labels.

use std::ops::RangeInclusive;

use candle_core::{DType, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::{NetworkSpec, TrainError};

/// Pictures with a label each.
#[derive(Debug, Clone)]
pub struct Examples {
    /// `(n, channels, height, width)` of `f32`; the paper divides bytes by 255.
    pub images: Tensor,
    /// The class of each picture, counted from 0.
    pub labels: Vec<usize>,
}

impl Examples {
    /// Pictures from their values, image by image, then channel by channel and row by row; `shape` is `[channels, height, width]`.
    ///
    /// # Errors
    /// When the values are not as many as the labels and the shape say.
    pub fn new(values: &[f32], shape: [usize; 3], labels: Vec<usize>) -> Result<Self, TrainError> {
        let [channels, height, width] = shape;
        let shape = (labels.len(), channels, height, width);
        let images = Tensor::from_slice(values, shape, &candle_core::Device::Cpu)?;
        Ok(Examples { images, labels })
    }

    /// Whether a network can be trained with these.
    pub(crate) fn check(&self, spec: &NetworkSpec) -> Result<(), TrainError> {
        let fits = self.images.dtype() == DType::F32
            && matches!(self.images.dims(), [_, image @ ..] if *image == spec.input);
        if !fits {
            let (shape, dtype) = (self.images.dims(), self.images.dtype());
            return Err(TrainError::Images {
                expected: spec.input,
                found: format!("{shape:?} of {}", dtype.as_str()),
            });
        }
        let (images, labels) = (self.images.dim(0)?, self.labels.len());
        if images != labels || images == 0 {
            return Err(TrainError::Count { images, labels });
        }
        let classes = spec.classes;
        match self.labels.iter().position(|label| *label >= classes) {
            None => Ok(()),
            Some(index) => Err(TrainError::Label {
                index,
                label: self.labels[index],
                classes,
            }),
        }
    }
}

/// The labels in a random order, the same for the same `seed`: what a network can only memorise (Adebayo et al. 2018, section 4). Every
/// class stays as frequent as it was.
pub fn permuted_labels(labels: &[usize], seed: u64) -> Vec<usize> {
    let mut labels = labels.to_vec();
    shuffle(&mut labels, &mut ChaCha8Rng::seed_from_u64(seed));
    labels
}

/// Puts the items into a random order (Fisher and Yates).
pub(crate) fn shuffle<T>(items: &mut [T], generator: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last as u64 + 1, generator) as usize);
    }
}

/// A whole number below `bound`, each as likely as the others: numbers of the last, partial run of `bound` are drawn again.
fn below(bound: u64, generator: &mut ChaCha8Rng) -> u64 {
    let whole: RangeInclusive<u64> = 0..=u64::MAX - (u64::MAX % bound + 1) % bound;
    loop {
        let value = generator.next_u64();
        if whole.contains(&value) {
            return value % bound;
        }
    }
}
