//! What is measured, and on what.

use candle_core::Tensor;
use gradcam::{Explainer, Grid};
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
    /// [`Error::Mask`] when the counts or the mask have not `height * width` pixels.
    pub(super) fn without(
        &self,
        own: Option<&[bool]>,
        (height, width): (usize, usize),
    ) -> Result<Grid> {
        let expected = height * width;
        let lengths = [Some(self.counts.len()), own.map(<[bool]>::len)];
        if let Some(found) = lengths.into_iter().flatten().find(|n| *n != expected) {
            return Err(Error::Mask { expected, found });
        }
        let images = self.images.saturating_sub(u32::from(own.is_some()));
        let inside = |i: usize| own.is_some_and(|mask| mask.get(i) == Some(&true));
        let mean = |(i, &count): (usize, &u32)| {
            let count = count.saturating_sub(u32::from(inside(i)));
            (f64::from(count) / f64::from(images.max(1))) as f32
        };
        Ok(Grid {
            height,
            width,
            values: self.counts.iter().enumerate().map(mean).collect(),
        })
    }
}

/// What is measured.
#[derive(Clone, Copy)]
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

/// One image of a data set.
#[derive(Clone, Copy)]
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
