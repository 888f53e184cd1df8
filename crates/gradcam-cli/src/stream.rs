//! Pictures in batches: read and prepared side by side, handed on in order, with bounded memory.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow};
use candle_core::{DType, Device, Tensor};
use gradcam_models::picture::PictureError;
use gradcam_models::preprocess::{Fit, Prepared, Preprocess};
use gradcam_models::{Model, picture};
use gradcam_nn::out_of_memory;
use image::RgbImage;
use rayon::prelude::*;

use crate::args::{self, Network};
use crate::console::{Console, Unit};
use crate::inputs::Input;

/// A picture that a network can take.
pub(crate) struct Loaded<'a> {
    /// Where it came from.
    pub(crate) input: &'a Input,
    /// The part of the original that the network sees, at the original's resolution.
    pub(crate) photo: RgbImage,
    /// `(3, height, width)`.
    pub(crate) tensor: Tensor,
}

/// How pictures are read and brought to a network's input.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) preprocess: &'a Preprocess,
    pub(crate) fit: Fit,
    pub(crate) limits: picture::Limits,
    /// Where the network is.
    pub(crate) device: &'a Device,
    /// The type of the network's inputs.
    pub(crate) dtype: DType,
}

impl<'a> Reading<'a> {
    /// As the network wants them and the arguments say.
    pub(crate) fn of(model: &'a Model, options: &Network) -> Self {
        Reading {
            preprocess: &model.preprocess,
            fit: match options.fit {
                args::Fit::Crop => Fit::Crop,
                args::Fit::Squash => Fit::Squash,
                args::Fit::None => Fit::None,
            },
            limits: picture::Limits {
                max_pixels: options.max_pixels,
            },
            device: &model.device,
            dtype: model.dtype,
        }
    }
}

/// The threads that work is done on.
pub(crate) struct Workers(Option<rayon::ThreadPool>);

impl Workers {
    /// As many as `--threads` says; the usual ones without it.
    pub(crate) fn new(threads: Option<u64>) -> Result<Self> {
        let pool = threads
            .map(|n| {
                rayon::ThreadPoolBuilder::new()
                    .num_threads(usize::try_from(n)?)
                    .build()
                    .context("cannot start the threads")
            })
            .transpose()?;
        Ok(Workers(pool))
    }

    /// Runs `work` on these threads.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.0 {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

/// Reports pictures that were read but that the network cannot take, most often for their size, and returns how many they are.
pub(crate) fn refuse(
    batch: &[Loaded<'_>],
    error: impl std::fmt::Display,
    console: &mut Console<'_>,
) -> usize {
    for loaded in batch {
        console.warn(format!("`{}`: {error}", loaded.input.name()));
    }
    batch.len()
}

/// What is done with a batch; pictures of one batch have one size. Returns how many of them failed. A step that fails because the memory
/// of a device is full is asked again for fewer.
pub(crate) type Step<'s> =
    dyn FnMut(&[Loaded<'_>], &Tensor, &mut Console<'_>) -> Result<usize> + 's;

/// Feeds `inputs` to `step` in batches, and returns how many failed.
///
/// A picture that cannot be read is reported and passed over. After an interruption no further batch is begun.
///
/// # Errors
/// When a step fails as a whole, or the run was interrupted.
pub(crate) fn batches(
    inputs: &[Input],
    model: &Model,
    options: &Network,
    workers: &Workers,
    console: &mut Console<'_>,
    interrupted: &AtomicBool,
    step: &mut Step<'_>,
) -> Result<usize> {
    let size = usize::try_from(options.batch.unwrap_or(8))?;
    let reading = Reading::of(model, options);
    let mut most = size;
    let bar = console.bar(inputs.len() as u64, Unit::Images);
    let mut failed = 0;
    let mut done = 0;
    for chunk in inputs.chunks(size) {
        if interrupted.load(Ordering::SeqCst) {
            bar.abandon();
            anyhow::bail!(
                "interrupted after {done} of {} images; what was written is whole",
                inputs.len()
            );
        }
        let loaded: Vec<Result<Loaded<'_>>> =
            workers.run(|| chunk.par_iter().map(|i| load(i, &reading)).collect());
        let mut batch = Vec::with_capacity(loaded.len());
        for (result, input) in loaded.into_iter().zip(chunk) {
            match result {
                Ok(loaded) => batch.push(loaded),
                Err(error) => {
                    bar.suspend(|| console.warn(format!("`{}`: {error:#}", input.name())));
                    failed += 1;
                }
            }
        }
        // Pictures that keep their own size form batches of equals; runs keep the order.
        for group in batch.chunk_by(|a, b| a.tensor.dims() == b.tensor.dims()) {
            failed += bar.suspend(|| fitting(group, &mut most, step, console))?;
        }
        done += chunk.len();
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(failed)
}

/// Hands `group` to `step`, `most` pictures at once, and halves that where a device's memory does not hold so many.
fn fitting(
    group: &[Loaded<'_>],
    most: &mut usize,
    step: &mut Step<'_>,
    console: &mut Console<'_>,
) -> Result<usize> {
    let (mut failed, mut rest) = (0, group);
    while !rest.is_empty() {
        let part = &rest[..rest.len().min(*most)];
        let tensors: Vec<&Tensor> = part.iter().map(|loaded| &loaded.tensor).collect();
        let done = Tensor::stack(&tensors, 0)
            .map_err(Into::into)
            .and_then(|x| step(part, &x, console));
        match done {
            Err(error) if part.len() > 1 && out_of_memory(error.as_ref()) => {
                *most = part.len() / 2;
                console.warn(format!(
                    "the device's memory does not hold {} pictures at once; going on with {most} (`--batch {most}`)",
                    part.len()
                ));
            }
            done => {
                failed += done?;
                rest = &rest[part.len()..];
            }
        }
    }
    Ok(failed)
}

/// Reads one picture and prepares it for the network.
pub(crate) fn load<'a>(input: &'a Input, reading: &Reading<'_>) -> Result<Loaded<'a>> {
    let original =
        picture::decode(&input.read()?, reading.limits).map_err(|error| match error {
            PictureError::TooLarge { .. } => anyhow!("{error} (`--max-pixels` changes it)"),
            other => other.into(),
        })?;
    let prepared = reading
        .preprocess
        .prepare(&original, reading.fit, reading.device)?;
    Ok(Loaded {
        input,
        photo: seen(original, &prepared),
        tensor: prepared.tensor.to_dtype(reading.dtype)?,
    })
}

/// The part of the original that the network sees; what the network got where that reaches beyond the picture.
fn seen(original: RgbImage, prepared: &Prepared) -> RgbImage {
    let region = prepared.region;
    let (width, height) = (f64::from(original.width()), f64::from(original.height()));
    let inside = region.x >= -0.5
        && region.y >= -0.5
        && region.x + region.width <= width + 0.5
        && region.y + region.height <= height + 0.5;
    if !inside {
        return prepared.view.clone();
    }
    let round = |v: f64| v.round().max(0.0) as u32;
    let (x, y) = (round(region.x), round(region.y));
    let width = (round(region.x + region.width).min(original.width()) - x).max(1);
    let height = (round(region.y + region.height).min(original.height()) - y).max(1);
    image::imageops::crop_imm(&original, x, y, width, height).to_image()
}
