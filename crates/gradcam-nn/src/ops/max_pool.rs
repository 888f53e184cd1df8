//! Max pooling.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::parallel::fill;
use super::window::{Run, Sliding, Window, across, feature_map, runs};
use crate::dispatch::{Unary, run_unary, unary, with_values};
use crate::kernels::Element;

/// The maximum of each window; its first maximum takes the gradient. Pairs are `(rows, columns)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool2d {
    /// The window's size.
    pub kernel: (usize, usize),
    /// The distance of neighbouring windows.
    pub stride: (usize, usize),
    /// Positions around the input that never are the maximum; at most half the kernel.
    pub padding: (usize, usize),
    /// The distance of neighbouring positions in a window.
    pub dilation: (usize, usize),
    /// Whether a last, partial window counts.
    pub ceil_mode: bool,
}

impl MaxPool2d {
    /// A square window without dilation that rounds the output's size down.
    pub fn new(kernel: usize, stride: usize, padding: usize) -> Self {
        MaxPool2d {
            kernel: (kernel, kernel),
            stride: (stride, stride),
            padding: (padding, padding),
            dilation: (1, 1),
            ceil_mode: false,
        }
    }

    fn axes(&self) -> (Sliding, Sliding) {
        let axis = |kernel, stride, padding, dilation| Sliding {
            kernel,
            stride,
            padding,
            dilation,
            ceil_mode: self.ceil_mode,
        };
        (
            axis(
                self.kernel.0,
                self.stride.0,
                self.padding.0,
                self.dilation.0,
            ),
            axis(
                self.kernel.1,
                self.stride.1,
                self.padding.1,
                self.dilation.1,
            ),
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
        let [_, _, h, w] = feature_map("max_pool2d", x.dims())?;
        let (rows, columns) = self.axes();
        MaxWindows {
            rows: rows.windows(h, false)?,
            columns: columns.windows(w, false)?,
            dilation: self.dilation,
        }
        .apply(x)
    }
}

/// The maximum over every pair of a row window and a column window.
pub(super) struct MaxWindows {
    pub(super) rows: Vec<Window>,
    pub(super) columns: Vec<Window>,
    pub(super) dilation: (usize, usize),
}

impl MaxWindows {
    pub(super) fn apply(self, x: &Tensor) -> Result<Tensor> {
        x.contiguous()?.apply_op1(self)
    }

    /// One plane: the maximum down the rows of a window, which runs over whole rows, then across its columns.
    fn plane<T: Element>(&self, x: &[T], width: usize, columns: &[Run], y: &mut [T]) {
        let mut best = vec![T::ZERO; width];
        for (rows, y) in self.rows.iter().zip(y.chunks_mut(self.columns.len())) {
            best.fill(T::NEG_INFINITY);
            for row in (rows.start..rows.end).step_by(self.dilation.0) {
                for (best, &v) in best.iter_mut().zip(&x[row * width..][..width]) {
                    *best = best.maximum(v);
                }
            }
            y.fill(T::NEG_INFINITY);
            across(columns, self.dilation.1, &best, y, T::maximum);
        }
    }

    /// The index of the window's first maximum in the plane `x`, by rows; none where the window misses the input.
    fn first_maximum<T: Element>(
        &self,
        x: &[T],
        width: usize,
        rows: &Window,
        columns: &Window,
    ) -> Option<usize> {
        let mut found: Option<(usize, T)> = None;
        for row in (rows.start..rows.end).step_by(self.dilation.0) {
            let first = row * width + columns.start;
            let taps = &x[first..row * width + columns.end];
            for (tap, &v) in taps.iter().enumerate().step_by(self.dilation.1) {
                if found.is_none_or(|(_, best)| v > best || v.is_nan()) {
                    found = Some((first + tap, v));
                }
            }
        }
        found.map(|(i, _)| i)
    }
}

struct Backward<'a> {
    windows: &'a MaxWindows,
    x: &'a Tensor,
}

impl Unary for MaxWindows {
    const NAME: &'static str = "max_pool2d";
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
    const NAME: &'static str = "max_pool2d backward";
    fn run<T: Element>(&self, grad: &[T], _dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let [n, c, h, w] = feature_map(Self::NAME, self.x.dims())?;
        let MaxWindows { rows, columns, .. } = self.windows;
        let mut dx = vec![T::ZERO; n * c * h * w];
        with_values(self.x, |x: &[T]| {
            fill(&mut dx, h * w, h * w, |plane, dx| {
                let x = &x[plane * h * w..][..h * w];
                let grad = &grad[plane * rows.len() * columns.len()..];
                let pairs = rows
                    .iter()
                    .flat_map(|r| columns.iter().map(move |c| (r, c)));
                for ((rows, columns), &g) in pairs.zip(grad) {
                    if let Some(i) = self.windows.first_maximum(x, w, rows, columns) {
                        dx[i] += g;
                    }
                }
            });
            Ok(())
        })?;
        Ok((dx, Shape::from((n, c, h, w))))
    }
}

impl CustomOp1 for MaxWindows {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        run_unary(self, storage, layout)
    }
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        unary(&Backward { windows: self, x }, grad).map(Some)
    }
}
