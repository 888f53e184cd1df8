//! Average pooling.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::parallel::fill;
use super::sum::sum;
use super::window::{Run, Sliding, Window, across, feature_map, runs};
use crate::dispatch::{Unary, run_unary, unary};
use crate::kernels::Element;

/// The mean of each window. Pairs are `(rows, columns)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvgPool2d {
    /// The window's size.
    pub kernel: (usize, usize),
    /// The distance of neighbouring windows.
    pub stride: (usize, usize),
    /// Zeros around the input; at most half the kernel.
    pub padding: (usize, usize),
    /// Whether a last, partial window counts.
    pub ceil_mode: bool,
    /// Whether the zeros of the padding count in the mean.
    pub count_include_pad: bool,
}

impl AvgPool2d {
    /// A square window that rounds the output's size down and counts the padding, PyTorch's defaults.
    pub fn new(kernel: usize, stride: usize, padding: usize) -> Self {
        AvgPool2d {
            kernel: (kernel, kernel),
            stride: (stride, stride),
            padding: (padding, padding),
            ceil_mode: false,
            count_include_pad: true,
        }
    }

    fn axes(&self) -> (Sliding, Sliding) {
        let axis = |kernel, stride, padding| Sliding {
            kernel,
            stride,
            padding,
            dilation: 1,
            ceil_mode: self.ceil_mode,
        };
        (
            axis(self.kernel.0, self.stride.0, self.padding.0),
            axis(self.kernel.1, self.stride.1, self.padding.1),
        )
    }

    /// Rows and columns of the output for an input of `(height, width)`.
    ///
    /// # Errors
    /// When a size is zero, the padding exceeds half the kernel, or the window is larger than the padded input.
    pub fn output_size(&self, size: (usize, usize)) -> Result<(usize, usize)> {
        let (rows, columns) = self.axes();
        Ok((rows.output_size(size.0)?, columns.output_size(size.1)?))
    }

    /// Pools `(n, c, h, w)` to `(n, c, oh, ow)`.
    ///
    /// # Errors
    /// As [`output_size`](Self::output_size), and when `x` is not a feature map.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [_, _, h, w] = feature_map("avg_pool2d", x.dims())?;
        let (rows, columns) = self.axes();
        MeanWindows {
            rows: rows.windows(h, self.count_include_pad)?,
            columns: columns.windows(w, self.count_include_pad)?,
        }
        .apply(x)
    }
}

/// The mean over every pair of a row window and a column window.
pub(super) struct MeanWindows {
    pub(super) rows: Vec<Window>,
    pub(super) columns: Vec<Window>,
}

impl MeanWindows {
    pub(super) fn apply(self, x: &Tensor) -> Result<Tensor> {
        x.contiguous()?.apply_op1(self)
    }

    /// One plane: the sum down the rows of a window, which runs over whole rows, then across its columns.
    fn plane<T: Element>(&self, x: &[T], width: usize, column_runs: &[Run], y: &mut [T]) {
        if let ([rows], [columns]) = (&*self.rows, &*self.columns)
            && (rows.end - rows.start) * (columns.end - columns.start) == x.len()
        {
            y[0] = sum(x) / count(rows, columns);
            return;
        }
        let mut sums = vec![T::ZERO; width];
        for (rows, y) in self.rows.iter().zip(y.chunks_mut(self.columns.len())) {
            sums.fill(T::ZERO);
            for x in x[rows.start * width..rows.end * width].chunks(width) {
                for (sum, &v) in sums.iter_mut().zip(x) {
                    *sum += v;
                }
            }
            across(column_runs, 1, &sums, y, |sum, v| sum + v);
            for (y, columns) in y.iter_mut().zip(&self.columns) {
                *y /= count(rows, columns);
            }
        }
    }

    /// Hands the gradient of one plane back to the positions of its windows.
    fn plane_backward<T: Element>(&self, grad: &[T], width: usize, dx: &mut [T]) {
        let mut shares = vec![T::ZERO; width];
        for (rows, grad) in self.rows.iter().zip(grad.chunks(self.columns.len())) {
            shares.fill(T::ZERO);
            for (columns, &g) in self.columns.iter().zip(grad) {
                let share = g / count(rows, columns);
                for s in &mut shares[columns.start..columns.end] {
                    *s += share;
                }
            }
            for dx in dx[rows.start * width..rows.end * width].chunks_mut(width) {
                for (dx, &share) in dx.iter_mut().zip(&shares) {
                    *dx += share;
                }
            }
        }
    }
}

fn count<T: Element>(rows: &Window, columns: &Window) -> T {
    T::of((rows.size * columns.size) as f64)
}

struct Backward<'a> {
    windows: &'a MeanWindows,
    /// The input's height and width.
    size: (usize, usize),
}

impl Unary for MeanWindows {
    const NAME: &'static str = "avg_pool2d";
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let [n, c, h, w] = feature_map(Self::NAME, dims)?;
        let (oh, ow) = (self.rows.len(), self.columns.len());
        let mut y = vec![T::ZERO; n * c * oh * ow];
        let columns = runs(&self.columns);
        fill(&mut y, oh * ow, h * w, |plane, y| {
            self.plane(&x[plane * h * w..][..h * w], w, &columns, y);
        });
        Ok((y, Shape::from((n, c, oh, ow))))
    }
}

impl Unary for Backward<'_> {
    const NAME: &'static str = "avg_pool2d backward";
    fn run<T: Element>(&self, grad: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let [n, c, oh, ow] = feature_map(Self::NAME, dims)?;
        let (h, w) = self.size;
        let mut dx = vec![T::ZERO; n * c * h * w];
        fill(&mut dx, h * w, h * w, |plane, dx| {
            self.windows
                .plane_backward(&grad[plane * oh * ow..][..oh * ow], w, dx);
        });
        Ok((dx, Shape::from((n, c, h, w))))
    }
}

impl CustomOp1 for MeanWindows {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        run_unary(self, storage, layout)
    }
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let [_, _, h, w] = feature_map(Self::NAME, x.dims())?;
        unary(
            &Backward {
                windows: self,
                size: (h, w),
            },
            grad,
        )
        .map(Some)
    }
}
