//! Baselines: the image to compare with, and the content of hidden parts.

use candle_core::{DType, Device, Tensor};
use gradcam_random::Random;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A description of the network's inputs, in their own units (after the preprocessing).
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The value of black in each channel.
    pub black: Vec<f32>,
    /// The value of white in each channel.
    pub white: Vec<f32>,
    /// Pictures to compare with, `(n, channels, height, width)`: [`Baseline::Custom`] takes the first, expected gradients draw from all.
    pub background: Option<Tensor>,
}

impl Default for Inputs {
    /// Three colours from 0 to 1, and no background.
    fn default() -> Self {
        Inputs {
            black: vec![0.0; 3],
            white: vec![1.0; 3],
            background: None,
        }
    }
}

/// The image to compare with, or the content of hidden parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Baseline {
    /// A black picture.
    #[default]
    Black,
    /// A white picture.
    White,
    /// The data set's mean: zeros after the preprocessing.
    Mean,
    /// The picture itself, blurred with a standard deviation of a tenth of its shorter side.
    Blurred,
    /// Every number drawn uniformly between black and white.
    Uniform,
    /// The first picture of the background.
    Custom,
}

impl Baseline {
    /// Makes the baseline of `image`, `(1, channels, height, width)`, in the same shape and units; `seed` is for [`Baseline::Uniform`].
    ///
    /// # Errors
    /// If `inputs` describes another number of channels, lacks the background, or has one of another size.
    pub fn of(self, image: &Tensor, inputs: &Inputs, seed: u64) -> Result<Tensor> {
        let (_, channels, height, width) = image.dims4()?;
        let one_colour = |colour: &[f32]| -> Result<Tensor> {
            check(channels, colour)?;
            let colour = Tensor::from_slice(colour, (1, channels, 1, 1), image.device())?;
            let colour = colour.to_dtype(image.dtype())?;
            Ok(colour.broadcast_as(image.shape())?.contiguous()?)
        };
        match self {
            Baseline::Black => one_colour(&inputs.black),
            Baseline::White => one_colour(&inputs.white),
            Baseline::Mean => Ok(image.zeros_like()?.contiguous()?),
            Baseline::Blurred => blurred(image, height.min(width) as f64 / 10.0),
            Baseline::Uniform => {
                check(channels, &inputs.black)?;
                check(channels, &inputs.white)?;
                // A stream that no noise uses.
                let mut random = Random::of_draw(seed, usize::MAX);
                let mut values = Vec::with_capacity(channels * height * width);
                for (&black, &white) in inputs.black.iter().zip(&inputs.white) {
                    values.extend((0..height * width).map(|_| {
                        let share = random.unit() as f32;
                        black + share * (white - black)
                    }));
                }
                let drawn = Tensor::from_vec(values, image.shape(), image.device())?;
                Ok(drawn.to_dtype(image.dtype())?)
            }
            Baseline::Custom => {
                let background = inputs.background.as_ref().ok_or(Error::NoBackground)?;
                if background.dims().get(1..) != image.dims().get(1..) || background.dim(0)? == 0 {
                    return Err(Error::Background {
                        expected: image.dims()[1..].to_vec(),
                        found: background.dims().to_vec(),
                    });
                }
                let picture = background.narrow(0, 0, 1)?;
                Ok(picture.to_device(image.device())?.to_dtype(image.dtype())?)
            }
        }
    }
}

fn check(channels: usize, colour: &[f32]) -> Result<()> {
    if colour.len() == channels {
        Ok(())
    } else {
        Err(Error::Inputs {
            channels,
            found: colour.len(),
        })
    }
}

/// Blurs the image, `(1, channels, height, width)`, by a Gaussian with a standard deviation of `sigma` pixels. Beyond the border, the
/// border's own pixels continue. A sigma of 0 changes nothing.
///
/// # Errors
/// If the image does not have that shape.
pub(crate) fn blurred(image: &Tensor, sigma: f64) -> Result<Tensor> {
    let (_, _, height, width) = image.dims4()?;
    if sigma <= 0.0 {
        return Ok(image.clone());
    }
    let found = gaussian(&exact(image)?, (height, width), sigma, Beyond::Border);
    Ok(Tensor::from_vec(found, image.shape(), &Device::Cpu)?
        .to_device(image.device())?
        .to_dtype(image.dtype())?)
}

/// Returns a tensor's values in reading order, in `f64`.
pub(crate) fn exact(tensor: &Tensor) -> Result<Vec<f64>> {
    let values = tensor.to_dtype(DType::F64)?.to_device(&Device::Cpu)?;
    Ok(values.flatten_all()?.to_vec1()?)
}

/// The values beyond the border for a blur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// The border's own pixels.
    Border,
    /// Zeros.
    Zeros,
}

/// Blurs planes of this height and width by a Gaussian with a standard deviation of `sigma` pixels, cut off at four standard deviations.
pub(crate) fn gaussian(
    planes: &[f64],
    (height, width): (usize, usize),
    sigma: f64,
    beyond: Beyond,
) -> Vec<f64> {
    let radius = (4.0 * sigma + 0.5) as usize;
    if radius == 0 {
        return planes.to_vec();
    }
    let mut kernel: Vec<f64> = (0..=2 * radius)
        .map(|i| (-(i as f64 - radius as f64).powi(2) / (2.0 * sigma * sigma)).exp())
        .collect();
    let total: f64 = kernel.iter().sum();
    kernel.iter_mut().for_each(|v| *v /= total);
    let mut result = Vec::with_capacity(planes.len());
    for plane in planes.chunks_exact(height * width) {
        let across = down(&transposed(plane, width), height, &kernel, beyond);
        result.extend(down(&transposed(&across, height), width, &kernel, beyond));
    }
    result
}

/// Filters a plane, whose rows have `width` values, from row to row: all columns together, since they are adjacent.
fn down(plane: &[f64], width: usize, kernel: &[f64], beyond: Beyond) -> Vec<f64> {
    let (height, radius) = (plane.len() / width, kernel.len() / 2);
    let mut result = vec![0.0; plane.len()];
    for (y, sums) in result.chunks_exact_mut(width).enumerate() {
        for (tap, weight) in kernel.iter().enumerate() {
            let within = (radius..radius + height).contains(&(y + tap));
            if beyond == Beyond::Zeros && !within {
                continue;
            }
            let from = (y + tap).saturating_sub(radius).min(height - 1);
            for (sum, value) in sums.iter_mut().zip(&plane[from * width..]) {
                *sum += weight * value;
            }
        }
    }
    result
}

/// Transposes a plane whose rows have `width` values.
fn transposed(plane: &[f64], width: usize) -> Vec<f64> {
    let column = |x| plane[x..].iter().step_by(width).copied();
    (0..width).flat_map(column).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_blur_keeps_constants_and_the_sum_of_a_dot() {
        let mut values = vec![0.0_f32; 41 * 43];
        values[20 * 43 + 21] = 1.0;
        let dot = Tensor::from_vec(values, (1, 1, 41, 43), &Device::Cpu).unwrap();
        let found = blurred(&dot, 2.0).unwrap();
        let sum = found.sum_all().unwrap().to_scalar::<f32>().unwrap();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        // The peak of a two-dimensional Gaussian.
        let peak = found.max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(
            (peak - 1.0 / (8.0 * std::f32::consts::PI)).abs() < 1e-4,
            "{peak}"
        );
        let ones = Tensor::ones((1, 2, 9, 5), DType::F32, &Device::Cpu).unwrap();
        let found = blurred(&ones, 3.0).unwrap();
        let most = (found - 1.0).unwrap().abs().unwrap().max_all().unwrap();
        assert!(most.to_scalar::<f32>().unwrap() < 1e-6);
        // Zeros beyond the border darken the pixels near it: a corner of a picture of ones keeps the weight of its quarter.
        let found = gaussian(&[1.0; 41 * 43], (41, 43), 2.0, Beyond::Zeros);
        assert!((found[20 * 43 + 21] - 1.0).abs() < 1e-9);
        assert!((found[0] - 0.36).abs() < 0.01, "{}", found[0]);
    }

    #[test]
    fn baselines_have_the_image_s_shape_and_units() {
        let image = Tensor::ones((1, 3, 8, 6), DType::F32, &Device::Cpu).unwrap();
        let inputs = Inputs {
            black: vec![-2.0, -1.0, 0.0],
            white: vec![2.0, 3.0, 4.0],
            background: None,
        };
        let values = |baseline: Baseline| {
            let found = baseline.of(&image, &inputs, 3).unwrap();
            assert_eq!(found.dims(), image.dims());
            found.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        assert_eq!(values(Baseline::Black)[48..50], [-1.0, -1.0]);
        assert_eq!(values(Baseline::White)[0], 2.0);
        assert!(values(Baseline::Mean).iter().all(|&v| v == 0.0));
        let drawn = values(Baseline::Uniform);
        assert!(drawn[..48].iter().all(|v| (-2.0..=2.0).contains(v)));
        assert_eq!(drawn, values(Baseline::Uniform));
        let error = Baseline::Custom.of(&image, &inputs, 0);
        assert!(matches!(error, Err(Error::NoBackground)), "{error:?}");
    }
}
