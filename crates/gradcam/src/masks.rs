//! What a network says of an image whose pixels are partly hidden: the work of every perturbation method.

use candle_core::{Device, Tensor};
use gradcam_nn::Network;
use rayon::prelude::*;

use crate::{Error, Grid, Result};

/// Masks that are in flight at the same time: memory does not grow with their number.
const BATCH: usize = 16;

/// Hides parts of `image`, `(1, channels, height, width)`, and hands the logits under each mask to `visit`, in the order of the masks.
///
/// `mask(i)` makes the mask number `i` of `count`, a grid of the image's size: where it is 1 the pixel stays, where it is 0 it takes the
/// value of `baseline`, one number a channel in the units of the image, and between them a mixture. Since a normalised picture is an
/// affine function of the pixels, this is the same as masking the picture and normalising it. The masks are spread over the cores; the
/// result does not depend on their number.
///
/// # Errors
/// When the image is not one image, the baseline or a mask does not fit it, or the network fails.
pub fn masked_logits(
    network: &dyn Network,
    image: &Tensor,
    baseline: &[f32],
    count: usize,
    mask: impl Fn(usize) -> Grid + Sync,
    mut visit: impl FnMut(usize, &[f32]),
) -> Result<()> {
    let &[1, channels, height, width] = image.dims() else {
        return Err(Error::Input(image.dims().to_vec()));
    };
    if baseline.len() != channels {
        return Err(Error::Baseline {
            channels,
            found: baseline.len(),
        });
    }
    let device = image.device();
    let pixels = image
        .to_device(&Device::Cpu)?
        .to_dtype(candle_core::DType::F32)?
        .flatten_all()?
        .to_vec1::<f32>()?;
    let one = |index: usize| -> Result<Vec<f32>> {
        let mask = mask(index);
        if (mask.height, mask.width) != (height, width) {
            return Err(Error::Mask {
                expected: (height, width),
                found: (mask.height, mask.width),
            });
        }
        let mut values = Vec::with_capacity(pixels.len());
        for (plane, &base) in pixels.chunks_exact(height * width).zip(baseline) {
            let blended = plane.iter().zip(&mask.values);
            values.extend(blended.map(|(&x, &m)| base + m * (x - base)));
        }
        let input = Tensor::from_vec(values, (1, channels, height, width), device)?;
        let logits = network.forward(&input.to_dtype(image.dtype())?, &mut ())?;
        Ok(logits
            .flatten_all()?
            .to_dtype(candle_core::DType::F32)?
            .to_vec1()?)
    };
    for first in (0..count).step_by(BATCH) {
        let each: Vec<_> = (first..count.min(first + BATCH))
            .into_par_iter()
            .with_max_len(1)
            .map(one)
            .collect();
        for (offset, logits) in each.into_iter().enumerate() {
            visit(first + offset, &logits?);
        }
    }
    Ok(())
}
