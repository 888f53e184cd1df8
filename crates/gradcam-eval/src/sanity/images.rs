//! The pictures of a test, one at a time.

use std::fmt;

use candle_core::Tensor;
use gradcam::ranking;
use gradcam_map::Grid;
use gradcam_nn::Network;
use rayon::prelude::*;

use crate::faithfulness::logits;
use crate::{Result, Undefined};

/// Makes a map of a class of an input `(1, channels, height, width)`, at the input's resolution: a method with its layer and its options.
///
/// Whether the map is signed is the method's affair. A ReLU leaves many maps of a randomised network empty, for a class that it has never
/// learned (of the default model up to half of them), and a test with more than a fifth of such maps is not graded: the signed map is the
/// safer choice. Without negative values [`spearman`](crate::metrics::spearman) and
/// [`spearman_absolute`](crate::metrics::spearman_absolute) are the same.
pub type ExplainClass<'a> = dyn Fn(&dyn Network, &Tensor, usize) -> Result<Grid> + Sync + 'a;

/// The pictures of a test by their numbers, loaded when they are looked at.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Images<'a> {
    /// How many.
    pub count: usize,
    /// The input `(1, channels, height, width)` of number 0 to below `count`.
    pub load: &'a (dyn Fn(usize) -> Result<Tensor> + Sync),
}

impl<'a> Images<'a> {
    /// As many pictures as `count`, which `load` loads by their numbers.
    pub fn new(count: usize, load: &'a (dyn Fn(usize) -> Result<Tensor> + Sync)) -> Self {
        Images { count, load }
    }
}

impl fmt::Debug for Images<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Images")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl Images<'_> {
    /// `look` at each picture, several at a time; the results in the order of the pictures.
    pub(crate) fn each<T: Send>(
        &self,
        look: impl Fn(usize, Tensor) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        each(self.count, |i| look(i, (self.load)(i)?))
    }
}

/// `work` on each number, several at a time; the results in their order, or the first error.
pub(crate) fn each<T: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let all: Vec<Result<T>> = (0..count)
        .into_par_iter()
        .with_max_len(1)
        .map(&work)
        .collect();
    all.into_iter().collect()
}

/// The class with the largest logit for an input `(1, channels, height, width)`, the first of equal ones; NaN counts as the smallest.
///
/// # Errors
/// When the network fails; [`Undefined::Empty`] without classes.
pub fn predicted(network: &dyn Network, image: &Tensor) -> Result<usize> {
    let best = ranking(&logits(network, image)?).first().copied();
    best.ok_or_else(|| Undefined::Empty.into())
}
