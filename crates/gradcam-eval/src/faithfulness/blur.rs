//! The blurred images that insertion starts from.

use candle_core::{DType, Device, Tensor};

use crate::Result;

/// Returns the weights of RISE's blur along one axis; the kernel is their outer product (Petsiuk et al. 2018, the published evaluation
/// code).
///
/// It is an impulse in a box of 11, blurred with a standard deviation of 5 and reflected at the walls of the box. The weights sum to 1 and
/// are nearly equal: not a Gaussian of that width cut off at 11.
pub fn rise_kernel() -> [f64; 11] {
    let gaussian = |i: i32| (-f64::from(i * i) / 50.0).exp();
    // SciPy truncates the Gaussian at four standard deviations.
    let total: f64 = (-20..=20).map(gaussian).sum();
    let mut kernel = [0.0; 11];
    for offset in -20..=20 {
        // The impulse at 5, shifted, and reflected by walls at -½ and 10½.
        let place = (5 + offset + 22 * 2) % 22;
        let place = if place < 11 { place } else { 21 - place };
        if let Some(weight) = kernel.get_mut(place as usize) {
            *weight += gaussian(offset) / total;
        }
    }
    kernel
}

/// Applies RISE's blur to an image `(1, channels, height, width)`, with zeros beyond the border.
///
/// # Errors
/// If the image has another shape.
pub fn rise_blurred(image: &Tensor) -> Result<Vec<f32>> {
    blurred(image, &rise_kernel())
}

/// Applies a box blur of `side` pixels, an odd number, with zeros beyond the border (Gomez et al. 2022).
///
/// # Errors
/// If the image's shape is not `(1, channels, height, width)`, or the side is even.
pub fn box_blurred(image: &Tensor, side: usize) -> Result<Vec<f32>> {
    if side.is_multiple_of(2) {
        return Err(crate::Error::option("side", "odd", side));
    }
    blurred(image, &vec![1.0 / side as f64; side])
}

fn blurred(image: &Tensor, kernel: &[f64]) -> Result<Vec<f32>> {
    let (_, _, height, width) = image.dims4()?;
    let values = image.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
    let values: Vec<f64> = values.flatten_all()?.to_vec1()?;
    let mut result = Vec::with_capacity(values.len());
    for plane in values.chunks_exact((height * width).max(1)) {
        let rows = along(plane, |i| (i % width, width, 1), kernel);
        let plane = along(&rows, |i| (i / width, height, width), kernel);
        result.extend(plane.into_iter().map(|v| v as f32));
    }
    Ok(result)
}

/// Filters a plane along one axis: `place` returns a pixel's index on the axis, the axis's length, and the stride between its pixels.
fn along(
    plane: &[f64],
    place: impl Fn(usize) -> (usize, usize, usize),
    kernel: &[f64],
) -> Vec<f64> {
    let radius = kernel.len() / 2;
    let one = |i: usize| -> f64 {
        let (at, length, step) = place(i);
        let first = i - at * step;
        let from = at.saturating_sub(radius);
        let to = (at + radius + 1).min(length);
        (from..to)
            .map(|j| plane[first + j * step] * kernel[j + radius - at])
            .sum()
    };
    (0..plane.len()).map(one).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{golden, list};

    #[test]
    fn the_kernel_is_that_of_rise() {
        let kernel = rise_kernel();
        assert!((kernel.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        for (found, expected) in kernel.iter().zip(list(&golden()["blur"])) {
            assert!((found * kernel[5] - expected).abs() < 1e-11);
        }
        assert!((kernel[5] * kernel[5] - 0.008_832_628_216).abs() < 1e-12);
        assert!((kernel[0] * kernel[0] - 0.007_736_635_409).abs() < 1e-12);
        let row = [0.08796, 0.08890, 0.09047, 0.09219, 0.09349, 0.09398];
        for (found, expected) in kernel.iter().zip(row) {
            assert!((found - expected).abs() < 5e-6);
        }
    }

    #[test]
    fn beyond_the_border_there_are_zeros() {
        let mut values = vec![0.0_f32; 2 * 14 * 13];
        values[14 * 13 + 6 * 13 + 7] = 1.0;
        let image = Tensor::from_vec(values, (1, 2, 14, 13), &Device::Cpu).unwrap();
        let (found, kernel) = (rise_blurred(&image).unwrap(), rise_kernel());
        for (i, &v) in found.iter().enumerate() {
            let (row, column) = (i / 13 % 14, i % 13);
            let weight =
                |a: usize, b: usize| kernel.get((a + 5).wrapping_sub(b)).copied().unwrap_or(0.0);
            let expected = weight(row, 6) * weight(column, 7) * f64::from(u8::from(i >= 14 * 13));
            assert!((f64::from(v) - expected).abs() < 1e-9, "{i}");
        }
        let ones = Tensor::ones((1, 1, 4, 5), DType::F32, &Device::Cpu).unwrap();
        let found = box_blurred(&ones, 3).unwrap();
        assert!((found[0] - 4.0 / 9.0).abs() < 1e-6 && (found[6] - 1.0).abs() < 1e-6);
        assert!(box_blurred(&ones, 4).is_err());
    }
}
