//! The logits of an image whose pixels are partly hidden: the work of every perturbation method.

mod device;
mod mask;

use std::borrow::Cow;

use candle_core::{DType, Device, Tensor};
use gradcam_map::Size;
use gradcam_nn::Network;
use rayon::prelude::*;

use crate::seen::observation::rows;
use crate::{Error, Result};

pub(crate) use mask::between;
pub use mask::{Mask, Taps};

/// Masks in flight at the same time; memory does not grow with the number of masks.
const BATCH: usize = 16;
/// The same on a device, which needs more work at a time.
const DEVICE_BATCH: usize = 64;

/// Hides parts of `image`, `(1, channels, height, width)`, and passes the logits under each mask to `visit`, in the order of the masks.
///
/// `mask(i)` makes mask number `i` of `count`, of the image's size: a [`Grid`](gradcam_map::Grid), or a [`Mask`] with a smaller
/// description. Where the mask is 1, the pixel stays; where it is 0, the pixel takes the value of `baseline`; between them, a mixture.
/// `baseline` is in the units of the image, with one number per channel, or one per pixel and channel. Since a normalised picture is an
/// affine function of the pixels, this is the same as masking the picture and normalising it. The masks are spread over the cores; the
/// result does not depend on the number of cores.
///
/// # Errors
/// If the image is not a single image, the baseline or a mask does not fit it, or the network or `visit` fails.
///
/// ```
/// use gradcam::{Mask, Size, masked_logits};
/// # use gradcam::candle_core::{Device, Result, Tensor};
/// # use gradcam::{Network, Pass};
/// # /// Each channel's sum is the logit of a class.
/// # struct Sum;
/// # impl Network for Sum {
/// #     fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
/// #         pass.tap("maps", x.clone())?.sum((2, 3))
/// #     }
/// # }
///
/// // A network whose logits are the sums of the two channels: 1 + 2, and 3 + 4.
/// let picture = Tensor::new(&[[[[1.0_f32, 2.0]], [[3.0, 4.0]]]], &Device::Cpu)?;
/// // Each of the two columns is hidden in turn.
/// let size = Size::new(1, 2)?;
/// let hide = |column: usize| Mask::Window {
///     size,
///     rows: 0..1,
///     columns: column..column + 1,
/// };
/// let mut scores = Vec::new();
/// masked_logits(&Sum, &picture, &[0.0, 0.0], 2, hide, |_, logits| {
///     scores.push(logits[1]);
///     Ok(())
/// })?;
/// assert_eq!(scores, [4.0, 3.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn masked_logits<M: Into<Mask>>(
    network: &dyn Network,
    image: &Tensor,
    baseline: &[f32],
    count: usize,
    mask: impl Fn(usize) -> M + Sync,
    mut visit: impl FnMut(usize, &[f32]) -> Result<()>,
) -> Result<()> {
    let &[1, channels, height, width] = image.dims() else {
        return Err(Error::Input(image.dims().to_vec()));
    };
    let size = Size::new(height, width)?;
    let whole = baseline.len() == channels * size.area();
    if baseline.len() != channels && !whole {
        return Err(Error::Baseline {
            channels,
            found: baseline.len(),
        });
    }
    let baseline: Cow<'_, [f32]> = if whole {
        baseline.into()
    } else {
        let plane = |&value: &f32| std::iter::repeat_n(value, size.area());
        baseline.iter().flat_map(plane).collect()
    };
    let mask = |index: usize| -> Result<Mask> {
        let mask: Mask = mask(index).into();
        let found = mask.size()?;
        if found != size {
            return Err(Error::Mask {
                expected: size,
                found,
            });
        }
        Ok(mask)
    };
    if !image.device().is_cpu() {
        return on_device(network, image, &baseline, size, count, mask, visit);
    }
    let pixels = image
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1::<f32>()?;
    let one = |index: usize| -> Result<Vec<f32>> {
        let mask = mask(index)?.into_grid()?;
        let planes = pixels.chunks_exact(size.area());
        let mut values = Vec::with_capacity(pixels.len());
        for (plane, baseline) in planes.zip(baseline.chunks_exact(size.area())) {
            let blended = plane.iter().zip(baseline).zip(mask.values());
            // A pixel that stays has the image's own number, without rounding.
            values.extend(
                blended.map(|((&x, &base), &m)| if m == 1.0 { x } else { base + m * (x - base) }),
            );
        }
        let input = Tensor::from_vec(values, (1, channels, height, width), &Device::Cpu)?;
        let logits = network.forward(&input.to_dtype(image.dtype())?, &mut ())?;
        Ok(logits.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?)
    };
    for first in (0..count).step_by(BATCH) {
        let each: Vec<_> = (first..count.min(first + BATCH))
            .into_par_iter()
            .with_max_len(1)
            .map(one)
            .collect();
        for (offset, logits) in each.into_iter().enumerate() {
            visit(first + offset, &logits?)?;
        }
    }
    Ok(())
}

/// Does the same on a device: only the descriptions of a batch's masks go there, and only its logits come back.
fn on_device(
    network: &dyn Network,
    image: &Tensor,
    baseline: &[f32],
    size: Size,
    count: usize,
    mask: impl Fn(usize) -> Result<Mask> + Sync,
    mut visit: impl FnMut(usize, &[f32]) -> Result<()>,
) -> Result<()> {
    let (place, dtype) = (image.device(), image.dtype());
    let whole = |index: usize| -> Result<Mask> {
        let mask = mask(index)?;
        mask.check()?;
        Ok(mask)
    };
    let baseline = Tensor::from_slice(baseline, image.dims(), place)?.to_dtype(dtype)?;
    for first in (0..count).step_by(DEVICE_BATCH) {
        let last = count.min(first + DEVICE_BATCH);
        let masks: Vec<Result<Mask>> = (first..last).into_par_iter().map(&whole).collect();
        let masks = masks.into_iter().collect::<Result<_>>()?;
        let masks = device::tensor(masks, size, place)?.to_dtype(dtype)?;
        // A pixel that stays has the image's own number, without rounding.
        let stays = image.broadcast_mul(&masks)?;
        let hidden = baseline.broadcast_mul(&masks.affine(-1.0, 1.0)?)?;
        let logits = network.forward(&(stays + hidden)?, &mut ())?;
        for (offset, logits) in rows(&logits, last - first)?.iter().enumerate() {
            visit(first + offset, logits)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::methods::perturbation::testing::{Linear, picture};
    use gradcam_map::Grid;

    #[test]
    fn what_stays_is_not_rounded() {
        let (image, network) = (picture(7, 5), Linear::new(7, 5));
        let whole: Vec<f32> = (0..3 * 35).map(|i| (i as f32).cos() * 100.0).collect();
        let plain = network.forward(&image, &mut ()).unwrap();
        let plain = plain.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let ones = |_| Grid::filled(Size::new(7, 5).unwrap(), 1.0);
        for baseline in [&[0.3, 1e6, -7.0], whole.as_slice()] {
            masked_logits(&network, &image, baseline, 1, ones, |_, logits| {
                assert_eq!(logits, plain);
                Ok(())
            })
            .unwrap();
        }
    }
}
