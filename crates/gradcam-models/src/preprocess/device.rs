//! Preprocessing on the network's device.
//!
//! A resize is a product with a matrix of filter weights along each axis. The weights are the whole numbers of Pillow's fixed-point
//! arithmetic, whose sums are exact in `f64`, so the bytes equal those of [`resize_rgb`](super::resize_rgb).

use candle_core::{DType, Device, Tensor};
use image::RgbImage;

use super::resize::check_size;
use super::{Fit, Interpolation, Preprocess, PreprocessError, Region};

impl Preprocess {
    /// Does the work of [`prepare`](Preprocess::prepare) on `device`. Returns the normalised input `(3, height, width)`, `f32`, and its
    /// region in the picture. Only the picture's bytes go to the device, where they take 8 bytes per sample, and nothing comes back.
    ///
    /// A picture that must be padded, or is resized without a filter, is prepared on the CPU.
    ///
    /// # Errors
    /// As [`prepare`](Preprocess::prepare).
    pub fn prepare_on(
        &self,
        picture: &RgbImage,
        fit: Fit,
        device: &Device,
    ) -> Result<(Tensor, Region), PreprocessError> {
        self.check()?;
        let plan = self.plan(picture.dimensions(), fit)?;
        let (from_width, from_height) = picture.dimensions();
        let (width, height) = plan.resized;
        let resizes = (from_width, from_height) != plan.resized;
        let Some(filter) = Filter::of(self.interpolation).filter(|_| !plan.is_padded()) else {
            let prepared = self.prepare(picture, fit, device)?;
            return Ok((prepared.tensor, prepared.region));
        };
        let (h, w) = (from_height as usize, from_width as usize);
        let bytes = Tensor::from_slice(picture.as_raw(), (h, w, 3), device)?;
        let mut x = bytes.to_dtype(DType::F64)?.transpose(1, 2)?.contiguous()?;
        let (left, top) = (
            plan.left.unsigned_abs() as usize,
            plan.top.unsigned_abs() as usize,
        );
        let (view_width, view_height) = (plan.view.0 as usize, plan.view.1 as usize);
        if resizes {
            check_size((from_width, from_height), plan.resized)?;
            let across = filter.axis(from_width, width, left..left + view_width, device)?;
            let down = filter.axis(from_height, height, top..top + view_height, device)?;
            let lines = x
                .reshape((h * 3, w))?
                .matmul(&across.weights.t()?.contiguous()?)?;
            let lines = across.bytes(&lines)?.reshape((h, 3 * view_width))?;
            x = down.bytes(&down.weights.matmul(&lines)?)?;
            x = x.reshape((view_height, 3, view_width))?;
        } else {
            x = x.narrow(0, top, view_height)?.narrow(2, left, view_width)?;
        }
        let x = x.transpose(0, 1)?.contiguous()?.to_dtype(DType::F32)?;
        let colour = |values: [f32; 3]| Tensor::new(&values, device)?.reshape((3, 1, 1));
        let x = x.broadcast_div(&colour([255.0; 3])?)?;
        let x = x.broadcast_sub(&colour(self.mean)?)?;
        Ok((x.broadcast_div(&colour(self.std)?)?, plan.region))
    }
}

/// A resize filter, and its reach on either side.
struct Filter {
    reach: f64,
    weight: fn(f64) -> f64,
}

/// The weights along one axis.
struct Axis {
    /// `(outputs, inputs)` of whole numbers.
    weights: Tensor,
    /// The number that stands for a weight of 1.
    unit: f64,
}

impl Filter {
    /// Finds the filter; `None` for the nearest pixel.
    fn of(interpolation: Interpolation) -> Option<Self> {
        let (reach, weight): (f64, fn(f64) -> f64) = match interpolation {
            Interpolation::Nearest => return None,
            Interpolation::Box => (0.5, |x| f64::from(u8::from(x > -0.5 && x <= 0.5))),
            Interpolation::Bilinear => (1.0, |x| (1.0 - x.abs()).max(0.0)),
            Interpolation::Hamming => (1.0, |x| match x.abs() {
                0.0 => 1.0,
                x if x >= 1.0 => 0.0,
                x => (0.54 + 0.46 * (x * std::f64::consts::PI).cos()) * sine_over(x),
            }),
            Interpolation::Bicubic => (2.0, |x| match x.abs() {
                x if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
                x if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5,
                _ => 0.0,
            }),
            Interpolation::Lanczos => (3.0, |x| {
                if (-3.0..3.0).contains(&x) {
                    sine_over(x) * sine_over(x / 3.0)
                } else {
                    0.0
                }
            }),
        };
        Some(Filter { reach, weight })
    }

    /// Computes the weights of the outputs `kept` of `to` with Pillow's rounding: to signed 16 bits, with as many fractional bits as the
    /// largest weight of all outputs allows.
    fn axis(
        &self,
        from: u32,
        to: u32,
        kept: std::ops::Range<usize>,
        device: &Device,
    ) -> candle_core::Result<Axis> {
        let (inputs, scale) = (from as usize, f64::from(from) / f64::from(to));
        let wide = scale.max(1.0);
        let all: Vec<(usize, Vec<f64>)> = (0..to)
            .map(|output| {
                let centre = (f64::from(output) + 0.5) * scale;
                let first = (centre - self.reach * wide).floor().max(0.0) as usize;
                let end = (centre + self.reach * wide).ceil().min(f64::from(from)) as usize;
                let weight = |input| (self.weight)((input as f64 - (centre - 0.5)) * (1.0 / wide));
                let weights: Vec<f64> = (first..end).map(weight).collect();
                let total: f64 = weights.iter().sum();
                (first, weights.into_iter().map(|w| w / total).collect())
            })
            .collect();
        let largest = all.iter().flat_map(|(_, weights)| weights);
        let largest = largest.fold(0.0_f64, |largest, &weight| largest.max(weight));
        let fits = |digits: &i32| (largest * 2.0_f64.powi(digits + 1)).round() < 32_768.0;
        let digits = (0..21)
            .take_while(fits)
            .last()
            .map_or(0, |digits| digits + 1);
        let unit = 2.0_f64.powi(digits);
        let mut matrix = vec![0.0; kept.len() * inputs];
        for (row, (first, weights)) in matrix.chunks_exact_mut(inputs).zip(&all[kept.clone()]) {
            for (value, weight) in row[*first..].iter_mut().zip(weights) {
                *value = (weight * unit).round();
            }
        }
        let weights = Tensor::from_vec(matrix, (kept.len(), inputs), device)?;
        Ok(Axis { weights, unit })
    }
}

/// Computes `sin(πx) / πx`.
fn sine_over(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x == 0.0 { 1.0 } else { x.sin() / x }
}

impl Axis {
    /// Rounds sums to bytes, 0 to 255.
    fn bytes(&self, sums: &Tensor) -> candle_core::Result<Tensor> {
        sums.affine(1.0 / self.unit, 0.5)?
            .floor()?
            .clamp(0.0, 255.0)
    }
}
