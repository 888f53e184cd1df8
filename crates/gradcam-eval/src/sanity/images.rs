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
/// The method decides whether the map is signed. For a class that a randomised network has not learned, a ReLU leaves many maps empty (up
/// to half of them for the default model). A test with more than a fifth of such maps is not graded, so the signed map is the safer choice.
/// Without negative values [`spearman`](crate::metrics::spearman) and [`spearman_absolute`](crate::metrics::spearman_absolute) are equal.
pub type ExplainClass<'a> = dyn Fn(&dyn Network, &Tensor, usize) -> Result<Grid> + Sync + 'a;

/// The pictures of a test by their indices, loaded on demand.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Images<'a> {
    /// The number of pictures.
    pub count: usize,
    /// Loads the input `(1, channels, height, width)` with an index below `count`.
    pub load: &'a (dyn Fn(usize) -> Result<Tensor> + Sync),
}

impl<'a> Images<'a> {
    /// Takes `count` pictures, which `load` loads by their indices.
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
    /// Applies `look` to each picture, several at a time, and returns the results in the order of the pictures.
    pub(crate) fn each<T: Send>(
        &self,
        look: impl Fn(usize, Tensor) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        each(self.count, |i| look(i, (self.load)(i)?))
    }
}

/// Applies `work` to each index, several at a time. Returns the results in order, or the first error.
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

/// Returns the class with the largest logit for an input `(1, channels, height, width)`, the first of equal ones; NaN counts as the
/// smallest.
///
/// # Errors
/// If the network fails; [`Undefined::Empty`] if there are no classes.
pub fn predicted(network: &dyn Network, image: &Tensor) -> Result<usize> {
    let best = ranking(&logits(network, image)?).first().copied();
    best.ok_or_else(|| Undefined::Empty.into())
}
