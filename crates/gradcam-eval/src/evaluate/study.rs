//! What is measured, and on what.

use std::fmt;

use candle_core::Tensor;
use gradcam::Explainer;
use gradcam_map::{Grid, Size};
use gradcam_nn::Network;

use super::null::Null;
use crate::{Error, Metric, Result};

/// How often each pixel of the input is marked, over all images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masks {
    /// One count a pixel.
    pub counts: Vec<u32>,
    /// Images with a mask.
    pub images: u32,
}

impl Masks {
    /// The mean of the masks without one of them, so that no image is judged by its own.
    ///
    /// # Errors
    /// [`Error::Mask`] when the counts or the mask have another number of pixels than the size.
    pub(super) fn without(&self, own: Option<&[bool]>, size: Size) -> Result<Grid> {
        let expected = size.area();
        let lengths = [Some(self.counts.len()), own.map(<[bool]>::len)];
        if let Some(found) = lengths.into_iter().flatten().find(|n| *n != expected) {
            return Err(Error::Mask { expected, found });
        }
        let images = self.images.saturating_sub(u32::from(own.is_some()));
        let inside = |i: usize| own.is_some_and(|mask| mask.get(i) == Some(&true));
        Ok(Grid::from_fn(size, |i| {
            let count = self.counts[i].saturating_sub(u32::from(inside(i)));
            (f64::from(count) / f64::from(images.max(1))) as f32
        }))
    }
}

/// What is measured.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Study<'a> {
    /// The network.
    pub network: &'a dyn Network,
    /// The same with random parameters, for [`Null::Untrained`].
    pub untrained: Option<&'a dyn Network>,
    /// The masks of all images, for [`Null::MeanMask`].
    pub masks: Option<&'a Masks>,
    /// The methods.
    pub explainers: &'a [Explainer],
    /// What they are compared with.
    pub nulls: &'a [Null],
    /// The metrics; those that compare two maps of an image are for other tests.
    pub metrics: &'a [Metric],
    /// Whether a method, by its number, is held against a null in a metric: each null that is measured costs as much as a method.
    pub compared: &'a (dyn Fn(usize, Metric, Null) -> bool + Sync),
    /// Of whatever is drawn; each image has a seed of its own.
    pub seed: u64,
}

impl<'a> Study<'a> {
    /// The metrics of some methods, without nulls to compare them with, and with the seed 0.
    pub fn new(
        network: &'a dyn Network,
        explainers: &'a [Explainer],
        metrics: &'a [Metric],
    ) -> Self {
        Study {
            network,
            untrained: None,
            masks: None,
            explainers,
            nulls: &[],
            metrics,
            compared: &|_, _, _| true,
            seed: 0,
        }
    }

    /// With the same network of random parameters, if there is one.
    pub fn with_untrained(self, untrained: Option<&'a dyn Network>) -> Self {
        Study { untrained, ..self }
    }

    /// With the masks of all images, if there are any.
    pub fn with_masks(self, masks: Option<&'a Masks>) -> Self {
        Study { masks, ..self }
    }

    /// Compared with these nulls.
    pub fn with_nulls(self, nulls: &'a [Null]) -> Self {
        Study { nulls, ..self }
    }

    /// With a choice of which method is held against which null in which metric.
    pub fn with_compared(self, compared: &'a (dyn Fn(usize, Metric, Null) -> bool + Sync)) -> Self {
        Study { compared, ..self }
    }

    /// With another seed.
    pub fn with_seed(self, seed: u64) -> Self {
        Study { seed, ..self }
    }
}

/// What is asked, without the networks and the masks.
impl fmt::Debug for Study<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Study")
            .field("explainers", &self.explainers)
            .field("nulls", &self.nulls)
            .field("metrics", &self.metrics)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// One image of a data set.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Item<'a> {
    /// Its number in the data set.
    pub index: usize,
    /// Its name there.
    pub id: &'a str,
    /// The network's input, `(1, channels, height, width)`.
    pub image: &'a Tensor,
    /// Which pixels of the input show the object.
    pub mask: Option<&'a [bool]>,
    /// The class of the object.
    pub annotated: Option<usize>,
    /// Whether the pointing game calls it difficult (Zhang et al. 2016): the object covers less than a quarter of the picture, and there is
    /// one of another class.
    pub difficult: bool,
}

impl<'a> Item<'a> {
    /// An image without annotations.
    pub fn new(index: usize, id: &'a str, image: &'a Tensor) -> Self {
        Item {
            index,
            id,
            image,
            mask: None,
            annotated: None,
            difficult: false,
        }
    }

    /// With the pixels that show the object, if they are known.
    pub fn with_mask(self, mask: Option<&'a [bool]>) -> Self {
        Item { mask, ..self }
    }

    /// With the class of the object, if it is known.
    pub fn with_class(self, annotated: Option<usize>) -> Self {
        Item { annotated, ..self }
    }

    /// Difficult for the pointing game, or not.
    pub fn with_difficult(self, difficult: bool) -> Self {
        Item { difficult, ..self }
    }
}

/// The shape in the place of the image, and the pixels of the mask.
impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("index", &self.index)
            .field("id", &self.id)
            .field("image", &self.image.shape())
            .field("mask", &self.mask.map(<[bool]>::len))
            .field("annotated", &self.annotated)
            .field("difficult", &self.difficult)
            .finish()
    }
}
