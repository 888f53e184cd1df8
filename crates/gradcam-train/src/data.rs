//! Pictures with labels.

use candle_core::{DType, Tensor};
use gradcam_random::Random;

use crate::{NetworkSpec, TrainError};

/// Pictures with one label each.
#[derive(Debug, Clone)]
pub struct Examples {
    /// `(n, channels, height, width)` of `f32`; the paper divides bytes by 255.
    pub images: Tensor,
    /// The class of each picture, counted from 0.
    pub labels: Vec<usize>,
}

impl Examples {
    /// Makes examples from pixel values, image by image, then channel by channel and row by row; `shape` is
    /// `[channels, height, width]`.
    ///
    /// # Errors
    /// When the number of values differs from that given by the labels and the shape.
    pub fn new(values: &[f32], shape: [usize; 3], labels: Vec<usize>) -> Result<Self, TrainError> {
        let [channels, height, width] = shape;
        let shape = (labels.len(), channels, height, width);
        let images = Tensor::from_slice(values, shape, &candle_core::Device::Cpu)?;
        Ok(Examples { images, labels })
    }

    /// Checks that a network can be trained on these examples.
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

/// Returns the labels in a random order, the same for the same `seed`: a network can only memorise them (Adebayo et al. 2018, section
/// 4). Class frequencies are unchanged.
pub fn permuted_labels(labels: &[usize], seed: u64) -> Vec<usize> {
    let mut labels = labels.to_vec();
    Random::new(seed, 0).shuffle(&mut labels);
    labels
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Family;

    #[test]
    fn permuted_labels_are_the_same_labels_elsewhere() {
        let labels: Vec<usize> = (0..1000).map(|i| i % 10).collect();
        let permuted = permuted_labels(&labels, 4);
        assert_eq!(permuted, permuted_labels(&labels, 4));
        assert_ne!(permuted, permuted_labels(&labels, 5));
        let (mut a, mut b) = (labels.clone(), permuted.clone());
        a.sort_unstable();
        b.sort_unstable();
        assert_eq!(a, b);
        // By chance 100 of 1,000 stay, give or take four times the standard deviation of 9.5.
        let same = labels.iter().zip(&permuted).filter(|(a, b)| a == b).count();
        assert!((62..=138).contains(&same), "{same}");
    }

    #[test]
    fn examples_that_do_not_fit_say_so() {
        let spec = NetworkSpec {
            input: [1, 2, 2],
            classes: 3,
            family: Family::Cnn { hidden: 1 },
        };
        let message = |values: &[f32], shape, labels: Vec<usize>| {
            let examples = Examples::new(values, shape, labels).unwrap();
            examples.check(&spec).unwrap_err().to_string()
        };
        assert_eq!(
            message(&[0.0; 8], [1, 2, 2], vec![0, 3]),
            "picture 1 has the label 3, but the network has 3 classes, counted from 0"
        );
        assert_eq!(
            message(&[0.0; 4], [1, 4, 1], vec![0]),
            "the network takes pictures `(n, 1, 2, 2)` of f32, found [1, 1, 4, 1] of f32"
        );
        let mut few = Examples::new(&[0.0; 8], [1, 2, 2], vec![0, 1]).unwrap();
        few.labels.pop();
        let found = few.check(&spec).unwrap_err();
        assert!(matches!(
            found,
            TrainError::Count {
                images: 2,
                labels: 1
            }
        ));
        assert!(Examples::new(&[0.0; 3], [1, 2, 2], vec![0]).is_err());
    }
}
