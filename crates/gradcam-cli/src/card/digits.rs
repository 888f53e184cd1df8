//! Small labelled pictures, and the networks that learn them.

use anyhow::{Context, Result, bail};
use candle_core::Tensor;
use gradcam_data::{Dataset, Sample, Split};
use gradcam_eval::sanity::Images;
use gradcam_nn::Network;
use gradcam_train::{Examples, Family, NetworkSpec, build, initial};

use super::sample::order;

/// The network that is trained several times, and a second one.
pub(super) const RESIDUAL: Family = Family::Residual { width: 8 };
pub(super) const CNN: Family = Family::Cnn { hidden: 64 };
/// The network of Adebayo et al. (2018).
pub(super) const PAPER: Family = Family::Cnn { hidden: 1024 };

/// The number of images that maps are made for.
const LOOKED_AT: usize = 100;

/// Small pictures with labels.
pub(crate) struct Digits {
    /// Channels, rows and columns.
    shape: [usize; 3],
    pub(super) train: Examples,
    pub(super) test: Examples,
}

impl Digits {
    /// Draws at most `count` training pictures, and the test pictures, from the seed in the proportions of their classes.
    ///
    /// # Errors
    /// When either are missing, one cannot be read or has no class, or the networks cannot be made for them.
    pub(crate) fn load(data: &Dataset, count: usize, seed: u64) -> Result<Self> {
        let of = |split: Split| -> Vec<&Sample> {
            let own = data.samples.iter().filter(|s| s.split == Some(split));
            own.collect()
        };
        let (train, test) = (of(Split::Train), of(Split::Test));
        if train.is_empty() || test.is_empty() {
            bail!("`{}` lacks training pictures or test pictures", data.name);
        }
        // The sets may be sorted by class, or cycle through the classes.
        let mut drawn = order(train.iter().copied(), seed);
        drawn.truncate(count);
        drawn.sort_unstable();
        let train: Vec<&Sample> = drawn.into_iter().map(|i| train[i]).collect();
        // The first ones are explained.
        let drawn = order(test.iter().copied(), seed);
        let test: Vec<&Sample> = drawn.into_iter().map(|i| test[i]).collect();
        let train = examples(&train)?;
        let (_, channels, height, width) = train.images.dims4()?;
        let digits = Digits {
            shape: [channels, height, width],
            train,
            test: examples(&test)?,
        };
        if digits.test.images.dims()[1..] != digits.train.images.dims()[1..] {
            bail!(
                "`{}` has test pictures of another size than its training pictures",
                data.name
            );
        }
        for family in [RESIDUAL, CNN] {
            let spec = digits.spec(family);
            let fresh = build(&spec, &initial(&spec, 0)?)?;
            let first = digits.test.images.narrow(0, 0, 1)?;
            let seen = fresh.forward(&first, &mut ());
            seen.with_context(|| {
                format!(
                    "a small network cannot learn the pictures of `{}`",
                    data.name
                )
            })?;
        }
        Ok(digits)
    }

    /// Returns the network of a family for these pictures.
    pub(super) fn spec(&self, family: Family) -> NetworkSpec {
        let labels = self.train.labels.iter().chain(&self.test.labels);
        NetworkSpec {
            input: self.shape,
            classes: labels.max().map_or(0, |class| class + 1),
            family,
        }
    }

    /// Returns the input of a test image.
    pub(super) fn image(&self, i: usize) -> gradcam_eval::Result<Tensor> {
        Ok(self.test.images.narrow(0, i, 1)?.contiguous()?)
    }

    /// Returns the images that maps are made for.
    pub(super) fn images<'a>(
        &self,
        load: &'a (dyn Fn(usize) -> gradcam_eval::Result<Tensor> + Sync),
    ) -> Images<'a> {
        Images::new(self.test.labels.len().min(LOOKED_AT), load)
    }
}

/// Reads grey pictures, 0 to 1, with their classes.
fn examples(samples: &[&Sample]) -> Result<Examples> {
    let mut pixels = Vec::new();
    let mut labels = Vec::with_capacity(samples.len());
    let mut size = None;
    for sample in samples {
        let picture = image::DynamicImage::ImageRgb8(sample.rgb()?).into_luma8();
        let found = (picture.height() as usize, picture.width() as usize);
        if *size.get_or_insert(found) != found {
            bail!("`{}` has another size than the others", sample.id);
        }
        let Some(class) = &sample.class else {
            bail!("`{}` has no class", sample.id);
        };
        pixels.extend(picture.into_raw().into_iter().map(|v| f32::from(v) / 255.0));
        labels.push(class.number);
    }
    let (height, width) = size.unwrap_or_default();
    Ok(Examples::new(&pixels, [1, height, width], labels)?)
}
