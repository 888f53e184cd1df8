//! Samples of a data set, prepared for a network.

use anyhow::{Context, Result, bail};
use candle_core::Tensor;
use gradcam_data::{Class, Rect, Sample};
use gradcam_eval::evaluate::Masks;
use gradcam_models::picture::{Rgb16Image, Turn};
use image::{DynamicImage, RgbImage};

use crate::reading::{Reading, remark, with_flag};

/// A sample ready for a network.
pub(crate) struct Prepared {
    /// `(1, 3, height, width)`.
    pub(crate) image: Tensor,
    /// The input's pixels that show the target, if they are annotated.
    pub(crate) mask: Option<Vec<bool>>,
    /// The picture that the network sees, before normalisation.
    pub(crate) view: RgbImage,
    /// Whether the picture lies on its side: its EXIF data would turn it, but its annotations forbid that.
    pub(crate) lies: bool,
    /// The same with all its bits, if the picture has more than 8.
    words: Option<Rgb16Image>,
    /// A remark for the user about the picture.
    pub(crate) remark: Option<String>,
}

impl Prepared {
    /// Returns the network's input, and the picture that it sees with all its bits.
    pub(crate) fn seen(self) -> (Tensor, DynamicImage) {
        let seen = match self.words {
            Some(words) => DynamicImage::ImageRgb16(words),
            None => DynamicImage::ImageRgb8(self.view),
        };
        (self.image, seen)
    }
}

/// Decodes a sample and fits its picture and mask to the network's input.
pub(crate) fn prepare(sample: &Sample, reading: &Reading<'_>) -> Result<Prepared> {
    let read = || -> Result<Prepared> {
        let options = reading.options(Turn::AsStored);
        let picture = sample.picture.load(&options).map_err(with_flags)?;
        let turn = sample.orientation()?;
        let picture = picture.turned(turn);
        let (width, height) = picture.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        if pixels > reading.limits.max_pixels {
            bail!("{pixels} pixels are more than `--max-pixels` allows");
        }
        let prepared = reading
            .preprocess
            .prepare(&picture, reading.fit, reading.device)?;
        let (_, height, width) = prepared.tensor.dims3()?;
        let region = Rect {
            x: prepared.region.x,
            y: prepared.region.y,
            width: prepared.region.width,
            height: prepared.region.height,
        };
        let mask = match sample.target_mask()? {
            Some(mask) => Some(mask.view(region, height, width)?.values),
            None => None,
        };
        Ok(Prepared {
            image: prepared.tensor.to_dtype(reading.dtype)?.unsqueeze(0)?,
            mask,
            view: prepared.view,
            lies: sample.picture.orientation()? != turn,
            words: prepared.words,
            remark: remark(&picture),
        })
    };
    read().with_context(|| format!("`{}`", sample.id))
}

/// Words the warning about pictures that lie on their sides.
pub(crate) fn lying(count: usize) -> String {
    format!(
        "{count} of the pictures are measured as stored, not turned by their EXIF orientation, since their masks or boxes refer to the stored pixels"
    )
}

/// Adds to a data set's error the flag that changes its limit.
fn with_flags(error: gradcam_data::Error) -> anyhow::Error {
    match error {
        gradcam_data::Error::Picture { path, source } => {
            with_flag(source).context(format!("cannot decode the picture `{}`", path.display()))
        }
        other => other.into(),
    }
}

/// Counts how often each pixel of the input is marked over some samples, calling `done` after each. Unreadable samples are skipped, as they
/// are reported when they are measured.
pub(crate) fn count_masks<'a>(
    samples: impl IntoIterator<Item = &'a Sample>,
    reading: &Reading<'_>,
    mut done: impl FnMut(),
) -> Masks {
    let mut masks = Masks {
        counts: Vec::new(),
        images: 0,
    };
    for sample in samples {
        if let Ok(prepared) = prepare(sample, reading)
            && let Some(mask) = prepared.mask
        {
            masks.counts.resize(mask.len(), 0);
            let counts = masks.counts.iter_mut().zip(mask);
            counts.for_each(|(count, inside)| *count += u32::from(inside));
            masks.images += 1;
        }
        done();
    }
    masks
}

/// Returns the network's index of a data set's class, by the label with the same name, ignoring case. `None` if the network lacks it.
pub(crate) fn class_of(class: &Class, labels: &[String]) -> Option<usize> {
    let name = class.name.to_lowercase();
    let mut same = labels.iter().enumerate();
    let mut same = same
        .by_ref()
        .filter(|(_, label)| label.to_lowercase() == name);
    match (same.next(), same.next()) {
        (Some((index, _)), None) => Some(index),
        // A few labels of ImageNet are not unique; its numbers are.
        (Some(_), Some(_)) => {
            let own = labels.get(class.number)?;
            (own.to_lowercase() == name).then_some(class.number)
        }
        _ => None,
    }
}

/// Whether the pointing game calls an image difficult (Zhang et al. 2016): its object covers less than a quarter of the network's view, and
/// the picture has an object of another class.
pub(crate) fn difficult(sample: &Sample, mask: Option<&[bool]>) -> bool {
    let small = mask.is_some_and(|mask| {
        let inside = mask.iter().filter(|inside| **inside).count();
        4 * inside < mask.len()
    });
    let mut others = sample.objects.iter();
    small && others.any(|object| Some(&object.class) != sample.class.as_ref())
}
