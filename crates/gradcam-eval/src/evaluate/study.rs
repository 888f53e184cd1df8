//! The methods, metrics and images of a study.

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
    /// One count per pixel.
    pub counts: Vec<u32>,
    /// The number of images with a mask.
    pub images: u32,
}

impl Masks {
    /// Returns the mean of the masks without one of them, so that no image is judged by its own mask.
    ///
    /// # Errors
    /// [`Error::Mask`] if the number of pixels of the counts or the mask differs from the size.
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

/// The methods to measure, their nulls and metrics.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Study<'a> {
    /// The network.
    pub network: &'a dyn Network,
    /// The same network with random parameters, for [`Null::Untrained`].
    pub untrained: Option<&'a dyn Network>,
    /// The masks of all images, for [`Null::MeanMask`].
    pub masks: Option<&'a Masks>,
    /// The methods.
    pub explainers: &'a [Explainer],
    /// The nulls that they are compared with.
    pub nulls: &'a [Null],
    /// The metrics; those that compare two maps of an image belong to other tests.
    pub metrics: &'a [Metric],
    /// Whether a method, given by its index, is compared with a null in a metric: each measured null costs as much as a method.
    pub compared: &'a (dyn Fn(usize, Metric, Null) -> bool + Sync),
    /// The seed of all random numbers; each image derives its own.
    pub seed: u64,
}

impl<'a> Study<'a> {
    /// Takes the methods and metrics, without nulls to compare them with, and with the seed 0.
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

    /// Adds the same network with random parameters, if there is one.
    pub fn with_untrained(self, untrained: Option<&'a dyn Network>) -> Self {
        Study { untrained, ..self }
    }

    /// Adds the masks of all images, if there are any.
    pub fn with_masks(self, masks: Option<&'a Masks>) -> Self {
        Study { masks, ..self }
    }

    /// Adds the nulls to compare with.
    pub fn with_nulls(self, nulls: &'a [Null]) -> Self {
        Study { nulls, ..self }
    }

    /// Selects which method is compared with which null in which metric.
    pub fn with_compared(self, compared: &'a (dyn Fn(usize, Metric, Null) -> bool + Sync)) -> Self {
        Study { compared, ..self }
    }

    /// Sets the seed.
    pub fn with_seed(self, seed: u64) -> Self {
        Study { seed, ..self }
    }
}

/// Shows the settings, without the networks and the masks.
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
    /// The image's index in the data set.
    pub index: usize,
    /// The image's name in the data set.
    pub id: &'a str,
    /// The network's input, `(1, channels, height, width)`.
    pub image: &'a Tensor,
    /// Marks the pixels of the input that show the object.
    pub mask: Option<&'a [bool]>,
    /// The class of the object.
    pub annotated: Option<usize>,
    /// Whether the pointing game calls it difficult (Zhang et al. 2016): the object covers less than a quarter of the picture, and there is
    /// another object of another class.
    pub difficult: bool,
}

impl<'a> Item<'a> {
    /// Takes an image without annotations.
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

    /// Adds the pixels that show the object, if they are known.
    pub fn with_mask(self, mask: Option<&'a [bool]>) -> Self {
        Item { mask, ..self }
    }

    /// Adds the class of the object, if it is known.
    pub fn with_class(self, annotated: Option<usize>) -> Self {
        Item { annotated, ..self }
    }

    /// Sets whether the image is difficult for the pointing game.
    pub fn with_difficult(self, difficult: bool) -> Self {
        Item { difficult, ..self }
    }
}

/// Shows the shape of the image and the number of pixels of the mask.
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
