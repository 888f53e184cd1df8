//! Layer normalisation.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::parallel::fill;
use super::sum::{sum, sum_of};
use crate::dispatch::{Unary, run_unary, unary, with_values};
use crate::kernels::Element;

/// The dimension that a layer norm runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The last dimension of a tensor of any rank.
    Last,
    /// The channels of `(n, c, h, w)`: each position is normalised on its own, as in ConvNeXt.
    Channel,
}

/// `(x - mean) / √(variance + eps) · weight + bias` with the mean and the population variance over one dimension (Ba et al. 2016).
#[derive(Debug, Clone)]
pub struct LayerNorm {
    /// `(c,)`, also named gamma.
    pub weight: Tensor,
    /// `(c,)`, also named beta.
    pub bias: Tensor,
    /// Added to the variance.
    pub eps: f64,
    /// The dimension of `c` values that are normalised together.
    pub axis: Axis,
}

impl LayerNorm {
    /// Normalises `x`: any shape that ends in `c` for [`Axis::Last`], `(n, c, h, w)` for [`Axis::Channel`].
    ///
    /// # Errors
    /// When the dimension is not the `c` of the weight and bias.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let c = self.weight.dims1()?;
        let fits = match (self.axis, x.dims()) {
            (Axis::Last, [.., last]) => *last == c,
            (Axis::Channel, [_, channels, _, _]) => *channels == c,
            _ => false,
        };
        if !fits || x.elem_count() == 0 {
            let expected = match self.axis {
                Axis::Last => format!("(…, {c})"),
                Axis::Channel => format!("(n, {c}, height, width)"),
            };
            bail!(
                "layer norm expects {expected}, all at least 1, found {:?}",
                x.dims()
            );
        }
        if self.bias.dims() != [c] {
            bail!(
                "layer norm's bias must have the shape [{c}] of its weight, found {:?}",
                self.bias.dims()
            );
        }
        x.contiguous()?.apply_op1(Forward(self.clone()))
    }
}

/// Channels that are added up before their sum joins the total.
const CHANNEL_BLOCK: usize = 32;
/// Positions that are normalised together along the channels: their sums stay in the nearest cache.
const POSITIONS: usize = 256;

struct Forward(LayerNorm);
struct Backward<'a> {
    norm: &'a LayerNorm,
    x: &'a Tensor,
}

/// The mean of a row, and the factor that brings its variance to 1.
fn moments<T: Element>(x: &[T], eps: T) -> (T, T) {
    let n = T::of(x.len() as f64);
    let mean = sum(x) / n;
    let variance = sum_of(x, x, |x, _| (x - mean) * (x - mean)) / n;
    (mean, T::ONE / (variance + eps).sqrt())
}

fn rows<T: Element>(x: &[T], weight: &[T], bias: &[T], eps: T, y: &mut [T]) {
    let c = weight.len();
    fill(y, c, c, |row, y| {
        let x = &x[row * c..][..c];
        let (mean, rstd) = moments(x, eps);
        for (((y, &x), &w), &b) in y.iter_mut().zip(x).zip(weight).zip(bias) {
            *y = (x - mean) * rstd * w + b;
        }
    });
}

/// With x̂ = (x - mean) · rstd and p = g · weight: dx = rstd · (p - mean(p) - x̂ · mean(p · x̂)).
fn rows_backward<T: Element>(x: &[T], grad: &[T], weight: &[T], eps: T, dx: &mut [T]) {
    let c = weight.len();
    let n = T::of(c as f64);
    fill(dx, c, c, |row, dx| {
        let (x, grad) = (&x[row * c..][..c], &grad[row * c..][..c]);
        let (mean, rstd) = moments(x, eps);
        for ((p, &g), &w) in dx.iter_mut().zip(grad).zip(weight) {
            *p = g * w;
        }
        let mean_p = sum(dx) / n;
        let slope = sum_of(dx, x, |p, x| p * (x - mean)) * rstd * rstd / n;
        for (dx, &x) in dx.iter_mut().zip(x) {
            *dx = rstd * (*dx - mean_p - (x - mean) * slope);
        }
    });
}

/// For every position, `finish` of the sum over the channels of one image; `add(channel, first, sums)` adds a channel's terms at the
/// positions from `first` on.
fn over_channels<T: Element>(
    channels: usize,
    plane: usize,
    add: impl Fn(usize, usize, &mut [T]) + Sync,
    finish: impl Fn(T) -> T + Sync,
) -> Vec<T> {
    let mut total = vec![T::ZERO; plane];
    fill(&mut total, POSITIONS, POSITIONS * channels, |i, total| {
        // In blocks, so that the rounding error grows slowly.
        let mut sums = [T::ZERO; POSITIONS];
        let sums = &mut sums[..total.len()];
        for first in (0..channels).step_by(CHANNEL_BLOCK) {
            sums.fill(T::ZERO);
            for channel in first..(first + CHANNEL_BLOCK).min(channels) {
                add(channel, i * POSITIONS, sums);
            }
            for (total, &sum) in total.iter_mut().zip(&*sums) {
                *total += sum;
            }
        }
        for total in total {
            *total = finish(*total);
        }
    });
    total
}

/// The mean of every position over the channels of one image, and the factor that brings its variance to 1.
fn channel_moments<T: Element>(x: &[T], channels: usize, eps: T) -> (Vec<T>, Vec<T>) {
    let plane = x.len() / channels;
    let n = T::of(channels as f64);
    let mean = over_channels(
        channels,
        plane,
        |channel, first, sums: &mut [T]| {
            for (sum, &x) in sums.iter_mut().zip(&x[channel * plane + first..]) {
                *sum += x;
            }
        },
        |sum| sum / n,
    );
    let rstd = over_channels(
        channels,
        plane,
        |channel, first, sums: &mut [T]| {
            let x = &x[channel * plane + first..];
            for ((sum, &x), &mean) in sums.iter_mut().zip(x).zip(&mean[first..]) {
                *sum += (x - mean) * (x - mean);
            }
        },
        |sum| T::ONE / (sum / n + eps).sqrt(),
    );
    (mean, rstd)
}

fn image<T: Element>(x: &[T], weight: &[T], bias: &[T], eps: T, y: &mut [T]) {
    let plane = x.len() / weight.len();
    let (mean, rstd) = channel_moments(x, weight.len(), eps);
    fill(y, plane, plane, |channel, y| {
        let (w, b) = (weight[channel], bias[channel]);
        let x = &x[channel * plane..][..plane];
        for (((y, &x), &mean), &rstd) in y.iter_mut().zip(x).zip(&mean).zip(&rstd) {
            *y = (x - mean) * rstd * w + b;
        }
    });
}

/// As [`rows_backward`], with one row a position.
fn image_backward<T: Element>(x: &[T], grad: &[T], weight: &[T], eps: T, dx: &mut [T]) {
    let channels = weight.len();
    let plane = x.len() / channels;
    let n = T::of(channels as f64);
    let (mean, rstd) = channel_moments(x, channels, eps);
    let mean_p = over_channels(
        channels,
        plane,
        |channel, first, sums: &mut [T]| {
            let w = weight[channel];
            for (sum, &g) in sums.iter_mut().zip(&grad[channel * plane + first..]) {
                *sum += g * w;
            }
        },
        |sum| sum / n,
    );
    let mean_px = over_channels(
        channels,
        plane,
        |channel, first, sums: &mut [T]| {
            let w = weight[channel];
            let (x, g) = (
                &x[channel * plane + first..],
                &grad[channel * plane + first..],
            );
            for (((sum, &x), &g), &mean) in sums.iter_mut().zip(x).zip(g).zip(&mean[first..]) {
                *sum += g * w * (x - mean);
            }
        },
        |sum| sum / n,
    );
    fill(dx, plane, plane, |channel, dx| {
        let w = weight[channel];
        let (x, g) = (
            &x[channel * plane..][..plane],
            &grad[channel * plane..][..plane],
        );
        for (i, ((dx, &x), &g)) in dx.iter_mut().zip(x).zip(g).enumerate() {
            let centred = (x - mean[i]) * rstd[i] * rstd[i];
            *dx = rstd[i] * (g * w - mean_p[i] - centred * mean_px[i]);
        }
    });
}

/// The values of one image of `dims`.
fn image_len(dims: &[usize]) -> usize {
    dims[1..].iter().product()
}

impl Unary for Forward {
    const NAME: &'static str = "layer_norm";
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let LayerNorm {
            weight,
            bias,
            eps,
            axis,
        } = &self.0;
        let eps = T::of(*eps);
        let mut y = vec![T::ZERO; x.len()];
        with_values(weight, |weight| {
            with_values(bias, |bias| {
                match axis {
                    Axis::Last => rows(x, weight, bias, eps, &mut y),
                    Axis::Channel => {
                        let len = image_len(dims);
                        for (x, y) in x.chunks(len).zip(y.chunks_mut(len)) {
                            image(x, weight, bias, eps, y);
                        }
                    }
                }
                Ok(())
            })
        })?;
        Ok((y, Shape::from(dims)))
    }
}

impl Unary for Backward<'_> {
    const NAME: &'static str = "layer_norm backward";
    fn run<T: Element>(&self, grad: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let LayerNorm {
            weight, eps, axis, ..
        } = self.norm;
        let eps = T::of(*eps);
        let mut dx = vec![T::ZERO; grad.len()];
        with_values(self.x, |x| {
            with_values(weight, |weight| {
                match axis {
                    Axis::Last => rows_backward(x, grad, weight, eps, &mut dx),
                    Axis::Channel => {
                        let len = image_len(dims);
                        for ((x, grad), dx) in
                            x.chunks(len).zip(grad.chunks(len)).zip(dx.chunks_mut(len))
                        {
                            image_backward(x, grad, weight, eps, dx);
                        }
                    }
                }
                Ok(())
            })
        })?;
        Ok((dx, Shape::from(dims)))
    }
}

impl CustomOp1 for Forward {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        run_unary(self, storage, layout)
    }
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        unary(&Backward { norm: &self.0, x }, grad).map(Some)
    }
}
