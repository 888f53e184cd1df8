//! Pictures in batches: read and prepared in parallel, handed on in order, with bounded memory.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use candle_core::Tensor;
use gradcam_models::preprocess::Fit;
use gradcam_models::{Model, picture};
use gradcam_nn::out_of_memory;
use rayon::prelude::*;

use crate::args::Network;
use crate::console::{Console, Unit};
use crate::inputs::Input;
use crate::reading::{Keep, Loaded, Reading, prepared};
use crate::workers::Workers;

/// Reports pictures that were read but that the network cannot take, mostly because of their size. Returns their number.
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

/// Processes a batch of pictures of one size, and returns how many of them failed. If it fails because a device's memory is full, it is
/// called again with fewer.
pub(crate) type Step<'s> =
    dyn FnMut(&[Loaded<'_>], &Tensor, &mut Console<'_>) -> Result<usize> + 's;

/// The most bytes that the decoded pictures of a batch take; a larger picture comes alone.
pub(crate) const MEMORY: u64 = 256 << 20;

/// Returns how many of the first inputs make a batch: `most`, or fewer if they are large.
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

/// Returns the bytes that a picture takes, according to its header.
fn memory(input: &Input, fit: Fit, limits: picture::Limits) -> u64 {
    // A pipe can be read only once.
    let Some(path) = input.path.as_deref().filter(|path| path.is_file()) else {
        return MEMORY;
    };
    // A picture without a header is refused when it is read.
    let Ok(header) = picture::header(path, limits) else {
        return 0;
    };
    // A file of many frames is held in full.
    let file = std::fs::metadata(path).map_or(0, |found| found.len());
    let held = file.saturating_add(header.unfolded);
    let decoded = match fit {
        Fit::Crop | Fit::Squash => header.bytes(),
        // The network's input is just as large, in numbers of four bytes.
        Fit::None => header.bytes().saturating_mul(5),
    };
    decoded.saturating_add(held)
}

/// Feeds `inputs` to `step` in batches, and returns how many failed.
///
/// A picture that cannot be read is reported and skipped. After an interruption no further batch begins.
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
                "interrupted after {done} of {} images; the written files are complete",
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
        // Pictures that keep their own size form batches of equal size; consecutive groups keep the order.
        for group in batch.chunk_by(|a, b| a.tensor.dims() == b.tensor.dims()) {
            failed += bar.suspend(|| fitting(group, &mut most, step, console))?;
        }
        done += chunk.len();
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(failed)
}

/// Hands `group` to `step` in parts of `most` pictures, and halves that number if a device's memory is too small.
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
                    "the device's memory does not hold {} pictures at once; continuing with {most} (`--batch {most}`)",
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use gradcam_models::picture::Limits;
    use image::RgbImage;

    use super::*;
    use crate::inputs;

    /// Writes the beginning of a PNG that claims a size.
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
        // 243 MB, then three of 36 MB, one of 324 MB, and one that is not a picture.
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
}
