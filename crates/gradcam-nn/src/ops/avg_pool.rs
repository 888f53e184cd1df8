//! Average pooling.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp1, Result, Tensor};

use super::window::{Sliding, Window, Windows, feature_map, readers};
#[cfg(feature = "cuda")]
use crate::cuda::{Arg, Array};
use crate::dispatch::apply::{map, map_recorded};
use crate::dispatch::computation::Mapped;
use crate::dispatch::forwards::forwards;
use crate::dispatch::layout::channels_first;
use crate::kernels::element::Element;
use crate::kernels::output::parts;
use crate::kernels::view::Map;

/// Averages each window. Pairs are `(rows, columns)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvgPool2d {
    /// The window's size.
    pub kernel: (usize, usize),
    /// The distance between neighbouring windows.
    pub stride: (usize, usize),
    /// Zeros around the input; at most half the kernel.
    pub padding: (usize, usize),
    /// Whether a last, partial window counts.
    pub ceil_mode: bool,
    /// Whether the padding's zeros count in the mean.
    pub count_include_pad: bool,
}

impl AvgPool2d {
    /// Makes a square window that rounds the output's size down and counts the padding, as PyTorch does by default.
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

    /// Returns the rows and columns of the output for an input of `(height, width)`.
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
        self.windows(x.dims())?.apply(x)
    }

    /// Backpropagates the output gradient `grad` to an input of shape `dims`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn adjoint(&self, dims: &[usize], grad: &Tensor) -> Result<Tensor> {
        self.windows(dims)?.adjoint(dims, grad)
    }

    fn windows(&self, dims: &[usize]) -> Result<MeanWindows> {
        let [_, _, h, w] = feature_map("avg_pool2d", dims)?;
        let (rows, columns) = self.axes();
        Ok(MeanWindows {
            rows: rows.windows(h, self.count_include_pad)?,
            columns: columns.windows(w, self.count_include_pad)?,
        })
    }
}

/// The mean over every pair of a row window and a column window.
pub(super) struct MeanWindows {
    pub(super) rows: Windows,
    pub(super) columns: Windows,
}

impl MeanWindows {
    pub(super) fn apply(self, x: &Tensor) -> Result<Tensor> {
        map_recorded(self, x)
    }

    /// Backpropagates the output gradient `grad` to an input of shape `dims`.
    pub(super) fn adjoint(&self, dims: &[usize], grad: &Tensor) -> Result<Tensor> {
        let [_, _, h, w] = feature_map("avg_pool2d backward", dims)?;
        let backward = Backward {
            windows: self,
            size: (h, w),
        };
        map(&backward, grad)
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

impl Mapped for MeanWindows {
    const NAME: &'static str = "avg_pool2d";
    fn run<T: Element>(&self, map: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let [n, c, h, w] = feature_map(Self::NAME, &map.dims)?;
        let (oh, ow) = (self.rows.len(), self.columns.len());
        let x = map.channels_last();
        let cost = h * w * c / oh;
        let y = parts(
            n * oh * ow * c,
            ow * c,
            cost,
            #[inline(always)]
            |row, y| {
                let (image, oy) = (row / oh, row % oh);
                let rows = &self.rows[oy];
                // Row by row, so that the rounding error grows slowly.
                let mut sums = vec![T::ZERO; c];
                for (y, columns) in y.chunks_exact_mut(c).zip(self.columns.iter()) {
                    for row in rows.start..rows.end {
                        sums.fill(T::ZERO);
                        let first = ((image * h + row) * w + columns.start) * c;
                        let len = (columns.end - columns.start) * c;
                        for x in x[first..first + len].chunks_exact(c) {
                            for (sum, &v) in sums.iter_mut().zip(x) {
                                *sum += v;
                            }
                        }
                        for (y, &sum) in y.iter_mut().zip(&sums) {
                            *y += sum;
                        }
                    }
                    let count = count(rows, columns);
                    for y in y {
                        *y /= count;
                    }
                }
            },
        );
        Ok((y, [n, c, oh, ow]))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        let [n, c, _, _] = x.map(Self::NAME)?;
        let (oh, ow) = (self.rows.len(), self.columns.len());
        let mut args = vec![Arg::Array(x), Arg::Int(c)];
        args.extend(self.rows.args().chain(self.columns.args()));
        let y = x.each("mean_pool", n * oh * ow * c, &args)?;
        Ok((y, [n, c, oh, ow]))
    }
}

/// Distributes the output's gradient over the positions of each window.
impl Mapped for Backward<'_> {
    const NAME: &'static str = "avg_pool2d backward";
    fn run<T: Element>(&self, map: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let [n, c, oh, ow] = feature_map(Self::NAME, &map.dims)?;
        let (h, w) = self.size;
        let MeanWindows { rows, columns } = self.windows;
        let (above, beside) = (readers(rows, h), readers(columns, w));
        let grad = map.channels_last();
        let dx = parts(
            n * h * w * c,
            w * c,
            w * c,
            #[inline(always)]
            |row, dx| {
                let (image, row) = (row / h, row % h);
                for (dx, beside) in dx.chunks_exact_mut(c).zip(&beside) {
                    for oy in above[row].clone() {
                        for ox in beside.clone() {
                            let count = count::<T>(&rows[oy], &columns[ox]);
                            let grad = &grad[((image * oh + oy) * ow + ox) * c..][..c];
                            for (dx, &g) in dx.iter_mut().zip(grad) {
                                *dx += g / count;
                            }
                        }
                    }
                }
            },
        );
        Ok((dx, [n, c, h, w]))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, grad: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        let ([n, c, _, _], (h, w)) = (grad.map(Self::NAME)?, self.size);
        let MeanWindows { rows, columns } = self.windows;
        let mut args = vec![Arg::Array(grad), Arg::Int(c)];
        args.extend(rows.args().chain(columns.args()));
        let dx = grad.each("mean_pool_backward", n * h * w * c, &args)?;
        Ok((dx, [n, c, h, w]))
    }
}

impl CustomOp1 for MeanWindows {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(map);
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.adjoint(x.dims(), &channels_first(grad)?).map(Some)
    }
}
