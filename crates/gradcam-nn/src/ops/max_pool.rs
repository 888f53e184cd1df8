//! Max pooling.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp1, Result, Tensor};

use super::window::{Sliding, Windows, feature_map};
#[cfg(feature = "cuda")]
use crate::cuda::{Arg, Array};
use crate::dispatch::apply::{map, map_recorded};
use crate::dispatch::computation::Mapped;
use crate::dispatch::forwards::forwards;
use crate::dispatch::layout::channels_first;
#[cfg(feature = "cuda")]
use crate::dispatch::layout::dense;
use crate::dispatch::storage::with_map;
use crate::kernels::element::Element;
use crate::kernels::output::parts;
use crate::kernels::view::Map;

/// Takes the maximum of each window, whose first maximum gets the gradient. Pairs are `(rows, columns)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool2d {
    /// The window's size.
    pub kernel: (usize, usize),
    /// The distance between neighbouring windows.
    pub stride: (usize, usize),
    /// Positions around the input that are never the maximum; at most half the kernel.
    pub padding: (usize, usize),
    /// The distance between neighbouring positions in a window.
    pub dilation: (usize, usize),
    /// Whether a last, partial window counts.
    pub ceil_mode: bool,
}

impl MaxPool2d {
    /// Makes a square window without dilation that rounds the output's size down.
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
        self.windows(x)?.apply(x)
    }

    /// Backpropagates the output gradient `grad` to the input `x`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn backward(&self, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let windows = &self.windows(x)?;
        map(&Backward { windows, x }, grad)
    }

    fn windows(&self, x: &Tensor) -> Result<MaxWindows> {
        let [_, _, h, w] = feature_map("max_pool2d", x.dims())?;
        let (rows, columns) = self.axes();
        Ok(MaxWindows {
            rows: rows.windows(h, false)?,
            columns: columns.windows(w, false)?,
            dilation: self.dilation,
        })
    }
}

/// The maximum over every pair of a row window and a column window.
pub(super) struct MaxWindows {
    pub(super) rows: Windows,
    pub(super) columns: Windows,
    pub(super) dilation: (usize, usize),
}

impl MaxWindows {
    pub(super) fn apply(self, x: &Tensor) -> Result<Tensor> {
        map_recorded(self, x)
    }

    /// Lists the positions, row by row, that the window of the output `(oy, ox)` reads in a map of `width` columns.
    #[inline(always)]
    fn positions(&self, oy: usize, ox: usize, width: usize) -> impl Iterator<Item = usize> {
        let (rows, columns) = (self.rows[oy], self.columns[ox]);
        let (down, right) = self.dilation;
        (rows.start..rows.end).step_by(down).flat_map(move |row| {
            (columns.start..columns.end)
                .step_by(right)
                .map(move |column| row * width + column)
        })
    }
}

struct Backward<'a> {
    windows: &'a MaxWindows,
    x: &'a Tensor,
}

impl Mapped for MaxWindows {
    const NAME: &'static str = "max_pool2d";
    fn run<T: Element>(&self, map: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let [n, c, h, w] = feature_map(Self::NAME, &map.dims)?;
        let (oh, ow) = (self.rows.len(), self.columns.len());
        let x = map.channels_last();
        let y = parts(
            n * oh * ow * c,
            ow * c,
            w * c,
            #[inline(always)]
            |row, y| {
                let (image, oy) = (row / oh, row % oh);
                let x = &x[image * h * w * c..][..h * w * c];
                for (ox, best) in y.chunks_exact_mut(c).enumerate() {
                    best.fill(T::NEG_INFINITY);
                    for position in self.positions(oy, ox, w) {
                        for (best, &v) in best.iter_mut().zip(&x[position * c..][..c]) {
                            *best = best.maximum(v);
                        }
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
        let y = x.each("max_pool", n * oh * ow * c, &args)?;
        Ok((y, [n, c, oh, ow]))
    }
}

/// Backpropagates the output's gradient to the first maximum of each window.
impl Mapped for Backward<'_> {
    const NAME: &'static str = "max_pool2d backward";
    fn run<T: Element>(&self, grad: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let [n, c, h, w] = feature_map(Self::NAME, self.x.dims())?;
        let (oh, ow) = (self.windows.rows.len(), self.windows.columns.len());
        let grad = grad.channels_last();
        let dx = with_map(self.x, |x: Map<'_, T>| {
            let x = x.channels_last();
            Ok(parts(
                n * h * w * c,
                h * w * c,
                h * w * c,
                #[inline(always)]
                |image, dx| {
                    let x = &x[image * h * w * c..][..h * w * c];
                    let mut found: Vec<Option<(usize, T)>> = vec![None; c];
                    for (index, grad) in grad[image * oh * ow * c..][..oh * ow * c]
                        .chunks_exact(c)
                        .enumerate()
                    {
                        found.fill(None);
                        for position in self.windows.positions(index / ow, index % ow, w) {
                            for (found, &v) in found.iter_mut().zip(&x[position * c..][..c]) {
                                if found.is_none_or(|(_, best)| v > best || v.is_nan()) {
                                    *found = Some((position, v));
                                }
                            }
                        }
                        for (channel, (found, &g)) in found.iter().zip(grad).enumerate() {
                            if let Some((position, _)) = found {
                                dx[position * c + channel] += g;
                            }
                        }
                    }
                },
            ))
        })?;
        Ok((dx, [n, c, h, w]))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, grad: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        let [n, c, h, w] = feature_map(Self::NAME, self.x.dims())?;
        let MaxWindows { rows, columns, .. } = self.windows;
        let x = dense(self.x)?;
        let mut args = vec![Arg::Array(grad), Arg::Tensor(&x), Arg::Int(c)];
        args.extend(rows.args().chain(columns.args()));
        let dx = grad.each("max_pool_backward", n * h * w * c, &args)?;
        Ok((dx, [n, c, h, w]))
    }
}

impl CustomOp1 for MaxWindows {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(map);
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        map(&Backward { windows: self, x }, &channels_first(grad)?).map(Some)
    }
}
