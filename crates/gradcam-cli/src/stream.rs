//! Pictures in batches: read and prepared side by side, handed on in order, with bounded memory.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow};
use candle_core::{DType, Device, Tensor};
use gradcam_models::picture::{Picture, PictureError, Range};
use gradcam_models::preprocess::{Fit, Preprocess, Region};
use gradcam_models::{Model, picture};
use gradcam_nn::out_of_memory;
use image::RgbImage;
use rayon::prelude::*;

use crate::args::{self, Network};
use crate::console::{Console, Unit};
use crate::digest;
use crate::inputs::Input;

/// A picture that a network can take.
pub(crate) struct Loaded<'a> {
    /// Where it came from.
    pub(crate) input: &'a Input,
    /// The part of the original that the network sees, at the original's resolution; where that is not kept, at the network's.
    pub(crate) photo: RgbImage,
    /// `(3, height, width)`.
    pub(crate) tensor: Tensor,
    /// The [`half`](digest::half) digest of its file.
    pub(crate) digest: String,
    /// What the user should know of the picture.
    pub(crate) remark: Option<String>,
}

/// What stays of a picture beside the network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// What maps are painted on.
    Photo,
    /// Nothing that grows with the picture.
    View,
}

/// How pictures are read and brought to a network's input.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) preprocess: &'a Preprocess,
    pub(crate) fit: Fit,
    pub(crate) limits: picture::Limits,
    pub(crate) pictures: args::Pictures,
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
            fit: options.fit,
            limits: picture::Limits {
                max_pixels: options.max_pixels,
            },
            pictures: options.pictures,
            device: &model.device,
            dtype: model.dtype,
        }
    }

    /// How a file becomes pixels.
    pub(crate) fn options(&self, turn: picture::Turn) -> picture::Options {
        picture::Options {
            limits: self.limits,
            window: self.pictures.window,
            frame: self.pictures.frame,
            turn,
        }
    }

    /// Height and width of the network's inputs; `None` if each picture keeps its own.
    pub(crate) fn input_size(&self) -> Option<(usize, usize)> {
        let (height, width) = self.preprocess.input_size;
        match self.fit {
            Fit::None => None,
            Fit::Crop | Fit::Squash => Some((height as usize, width as usize)),
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

/// The most that the decoded pictures of a batch take in bytes; a larger one comes alone.
pub(crate) const MEMORY: u64 = 256 << 20;

/// How many of the first inputs make a batch: `most`, or fewer where they are large.
fn together(inputs: &[Input], most: usize, fit: Fit, limits: picture::Limits) -> usize {
    let mut bytes = 0_u64;
    for (count, input) in inputs.iter().take(most).enumerate() {
        bytes = bytes.saturating_add(memory(input, fit, limits));
        if count > 0 && bytes > MEMORY {
            return count;
        }
    }
    most.min(inputs.len())
}

/// The bytes that a picture takes, as its header says.
fn memory(input: &Input, fit: Fit, limits: picture::Limits) -> u64 {
    // What comes through a pipe comes once.
    let Some(path) = input.path.as_deref().filter(|path| path.is_file()) else {
        return MEMORY;
    };
    // Without a header it is refused when it is read.
    let Ok(header) = picture::header(path, limits) else {
        return 0;
    };
    // A file of many frames is held whole.
    let file = std::fs::metadata(path).map_or(0, |found| found.len());
    let held = file.saturating_add(header.unfolded);
    let decoded = match fit {
        Fit::Crop | Fit::Squash => header.bytes(),
        // The network's input is as large, in numbers of four bytes.
        Fit::None => header.bytes().saturating_mul(5),
    };
    decoded.saturating_add(held)
}

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
    keep: Keep,
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
    let mut rest = inputs;
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at(together(rest, size, reading.fit, reading.limits));
        rest = later;
        if interrupted.load(Ordering::SeqCst) {
            bar.abandon();
            anyhow::bail!(
                "interrupted after {done} of {} images; what was written is whole",
                inputs.len()
            );
        }
        let loaded: Vec<Result<Loaded<'_>>> = workers.run(|| {
            chunk
                .par_iter()
                .map(|i| prepared(i, &reading, keep))
                .collect()
        });
        let mut batch = Vec::with_capacity(loaded.len());
        for (result, input) in loaded.into_iter().zip(chunk) {
            match result {
                Ok(loaded) => {
                    if let Some(remark) = &loaded.remark {
                        bar.suspend(|| console.warn(format!("`{}`: {remark}", input.name())));
                    }
                    batch.push(loaded);
                }
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

/// Reads one picture, prepares it for the network, and says what is to be known of it.
pub(crate) fn load<'a>(
    input: &'a Input,
    reading: &Reading<'_>,
    console: &mut Console<'_>,
) -> Result<Loaded<'a>> {
    let loaded = prepared(input, reading, Keep::Photo)?;
    if let Some(remark) = &loaded.remark {
        console.warn(format!("`{}`: {remark}", input.name()));
    }
    Ok(loaded)
}

/// Reads one picture and prepares it for the network.
fn prepared<'a>(input: &'a Input, reading: &Reading<'_>, keep: Keep) -> Result<Loaded<'a>> {
    let options = reading.options(picture::Turn::Upright);
    let bytes = input.read(reading.limits)?;
    let original = picture::load(&bytes, &options).map_err(with_flag)?;
    let prepared = reading
        .preprocess
        .prepare(&original, reading.fit, reading.device)?;
    let remark = remark(&original);
    let tensor = prepared.tensor.to_dtype(reading.dtype)?;
    Ok(Loaded {
        input,
        photo: match keep {
            Keep::Photo => seen(original.into_rgb8(), prepared.view, prepared.region),
            Keep::View => prepared.view,
        },
        tensor,
        digest: digest::half(&bytes),
        remark,
    })
}

/// The error with the flag that changes a limit.
pub(crate) fn with_flag(error: PictureError) -> anyhow::Error {
    match error {
        PictureError::TooLarge { .. } | PictureError::TooLong { .. } => {
            anyhow!("{error} (`--max-pixels` changes it)")
        }
        PictureError::NoFrame { .. } => anyhow!("`--frame`: {error}"),
        other => other.into(),
    }
}

/// What to say of a picture whose values lie close together: the network would see next to nothing of it.
pub(crate) fn remark(picture: &Picture) -> Option<String> {
    let narrow = picture.range.filter(Range::is_narrow)?;
    Some(format!(
        "{narrow}: the network sees little contrast; `--window auto` or `--window LO:HI` changes what is shown"
    ))
}

/// The part of the original that the network sees; what the network got where that reaches beyond the picture.
fn seen(original: RgbImage, view: RgbImage, region: Region) -> RgbImage {
    let (width, height) = (f64::from(original.width()), f64::from(original.height()));
    let inside = region.x >= -0.5
        && region.y >= -0.5
        && region.x + region.width <= width + 0.5
        && region.y + region.height <= height + 0.5;
    if !inside {
        return view;
    }
    let round = |v: f64| v.round().max(0.0) as u32;
    let (x, y) = (round(region.x), round(region.y));
    let width = (round(region.x + region.width).min(original.width()) - x).max(1);
    let height = (round(region.y + region.height).min(original.height()) - y).max(1);
    cropped(original, (x, y), (width, height)).unwrap_or(view)
}

/// The rectangle of a picture, in the picture's own memory: a large one does not take it twice. None where it does not lie inside.
fn cropped(
    original: RgbImage,
    (x, y): (u32, u32),
    (width, height): (u32, u32),
) -> Option<RgbImage> {
    let bytes = |pixels: u32| 3 * pixels as usize;
    let (row, length) = (bytes(original.width()), bytes(width));
    if x + width > original.width() || y + height > original.height() {
        return None;
    }
    let mut raw = original.into_raw();
    for line in 0..height as usize {
        let from = (y as usize + line) * row + bytes(x);
        raw.copy_within(from..from + length, line * length);
    }
    raw.truncate(height as usize * length);
    raw.shrink_to_fit();
    RgbImage::from_raw(width, height, raw)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use gradcam_models::picture::Limits;

    use super::*;
    use crate::inputs;

    /// The beginning of a PNG that claims a size.
    fn claim(path: &std::path::Path, width: u32, height: u32) {
        let mut bytes = Vec::new();
        let picture = RgbImage::new(1, 1);
        let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
        picture.write_with_encoder(encoder).unwrap();
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let crc = bytes[12..29].iter().fold(!0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |c, _| {
                (c >> 1) ^ (0xedb8_8320 * (c & 1))
            })
        });
        bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_batch_is_limited_by_bytes() {
        let folder = tempfile::tempdir().unwrap();
        // 243 MB, then three of 36 MB, one of 324 MB, and one that is no picture.
        let sides = [
            (9000, 9000),
            (4000, 3000),
            (4000, 3000),
            (4000, 3000),
            (12000, 9000),
        ];
        for (i, (width, height)) in sides.into_iter().enumerate() {
            claim(&folder.path().join(format!("{i}.png")), width, height);
        }
        std::fs::write(folder.path().join("5.png"), "text").unwrap();
        let inputs = inputs::resolve(&[folder.path().display().to_string()]).unwrap();
        let batches = |most: usize, fit: Fit| {
            let (mut rest, mut sizes) = (&inputs[..], Vec::new());
            while !rest.is_empty() {
                let size = together(rest, most, fit, Limits::default());
                sizes.push(size);
                rest = &rest[size..];
            }
            sizes
        };
        assert_eq!(batches(8, Fit::Crop), [1, 3, 1, 1]);
        assert_eq!(batches(2, Fit::Squash), [1, 2, 1, 1, 1]);
        assert_eq!(batches(8, Fit::None), [1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn a_picture_is_cut_in_its_own_memory() {
        let picture = RgbImage::from_fn(7, 5, |x, y| image::Rgb([x as u8, y as u8, 9]));
        for (at, size) in [((0, 0), (7, 5)), ((2, 1), (3, 4)), ((6, 4), (1, 1))] {
            let expected =
                image::imageops::crop_imm(&picture, at.0, at.1, size.0, size.1).to_image();
            assert_eq!(cropped(picture.clone(), at, size), Some(expected));
        }
        assert_eq!(cropped(picture, (3, 0), (5, 5)), None);
    }
}
