//! Resizing of feature maps by interpolation, without antialiasing, as in `torch.nn.functional.interpolate`.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp1, Result, Shape, Tensor, bail};

use super::window::feature_map;
#[cfg(feature = "cuda")]
use crate::cuda::{Arg, Array};
use crate::dispatch::apply::unary;
use crate::dispatch::computation::Unary;
use crate::dispatch::forwards::forwards;
use crate::kernels::element::Element;
use crate::kernels::output::parts;

/// An interpolation between the positions of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResizeMode {
    /// The value at `floor(i · input / output)`.
    Nearest,
    /// Linear between two neighbours along each axis.
    Bilinear,
    /// Cubic through four neighbours along each axis (Keys 1981, a = -0.75); it can leave the values' range.
    Bicubic,
}

/// A resize of feature maps by interpolation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resize {
    /// Rows and columns of the output.
    pub size: (usize, usize),
    /// The interpolation.
    pub mode: ResizeMode,
    /// Whether the centres of the corner positions are aligned. Otherwise the outer edges are (half-pixel centres).
    pub align_corners: bool,
}

impl Resize {
    /// Resizes `(n, c, h, w)` to `(n, c, size.0, size.1)`. Differentiable.
    ///
    /// # Errors
    /// When `x` is not a feature map, a size is zero, or `align_corners` is combined with [`ResizeMode::Nearest`].
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        feature_map("resize", x.dims())?;
        self.output_size()?;
        x.contiguous()?.apply_op1(*self)
    }

    /// Returns the size of the output if it is valid.
    pub(super) fn output_size(&self) -> Result<(usize, usize)> {
        let Resize {
            size,
            mode,
            align_corners,
        } = *self;
        if size.0 == 0 || size.1 == 0 {
            bail!(
                "resize needs a size of at least 1 × 1, found {} × {}",
                size.0,
                size.1
            );
        }
        if align_corners && mode == ResizeMode::Nearest {
            bail!("`align_corners` has a meaning for bilinear and bicubic resizing only");
        }
        Ok(size)
    }

    /// Backpropagates the output gradient `grad` to an input of shape `dims`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn adjoint(&self, dims: &[usize], grad: &Tensor) -> Result<Tensor> {
        let [_, _, h, w] = feature_map("resize", dims)?;
        let (resize, size) = (*self, (h, w));
        unary(&Backward { resize, size }, grad)
    }
}

/// Resizes a feature map, as [`Resize::forward`].
///
/// # Errors
/// As [`Resize::forward`].
pub fn resize(
    x: &Tensor,
    size: (usize, usize),
    mode: ResizeMode,
    align_corners: bool,
) -> Result<Tensor> {
    let resize = Resize {
        size,
        mode,
        align_corners,
    };
    resize.forward(x)
}

/// Lists the `input` positions read by each of `output` positions along one axis, as pairs of index and weight. Every position has as
/// many pairs (1, 2 or 4), with weights that sum to 1. At a border an index may occur twice.
///
/// The list is empty if either length is 0.
pub fn resize_taps(
    input: usize,
    output: usize,
    mode: ResizeMode,
    align_corners: bool,
) -> Vec<Vec<(usize, f64)>> {
    if input == 0 {
        return Vec::new();
    }
    let last = input - 1;
    let position = |i: usize| {
        if !align_corners {
            (i as f64 + 0.5) * input as f64 / output as f64 - 0.5
        } else if output == 1 {
            0.0
        } else {
            i as f64 * last as f64 / (output - 1) as f64
        }
    };
    let tap = |i: usize| match mode {
        ResizeMode::Nearest => {
            // PyTorch computes in single precision, where the product can fall just short of a whole number.
            let position = i as f32 * (input as f32 / output as f32);
            vec![((position as usize).min(last), 1.0)]
        }
        ResizeMode::Bilinear => {
            let position = position(i).max(0.0);
            let low = (position as usize).min(last);
            let t = (position - low as f64).min(1.0);
            vec![(low, 1.0 - t), ((low + 1).min(last), t)]
        }
        ResizeMode::Bicubic => {
            let position = position(i);
            let low = position.floor();
            cubic(position - low)
                .into_iter()
                .zip(-1..)
                .map(|(weight, offset)| {
                    let index = (low as isize + offset).clamp(0, last as isize);
                    (index as usize, weight)
                })
                .collect()
        }
    };
    (0..output).map(tap).collect()
}

/// Returns the weights of the neighbours at -1, 0, 1 and 2 for a position `t` between 0 and 1 (Keys 1981, eq. 4).
fn cubic(t: f64) -> [f64; 4] {
    const A: f64 = -0.75;
    let near = |d: f64| ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0;
    let far = |d: f64| ((A * d - 5.0 * A) * d + 8.0 * A) * d - 4.0 * A;
    [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]
}

/// The taps of both axes for one input size.
struct Taps<T> {
    rows: Vec<Vec<(usize, T)>>,
    columns: Vec<Vec<(usize, T)>>,
    /// The input's width.
    width: usize,
}

impl Resize {
    fn taps<T: Element>(&self, h: usize, w: usize) -> Taps<T> {
        let axis = |input, output| {
            let taps = resize_taps(input, output, self.mode, self.align_corners);
            taps.into_iter()
                .map(|taps| {
                    taps.into_iter()
                        .map(|(i, weight)| (i, T::of(weight)))
                        .collect()
                })
                .collect()
        };
        Taps {
            rows: axis(h, self.size.0),
            columns: axis(w, self.size.1),
            width: w,
        }
    }
}

#[cfg(feature = "cuda")]
impl Resize {
    /// Runs a kernel over planes, which are `(h, w)` at the input.
    fn planes(
        &self,
        kernel: &str,
        x: Array<'_>,
        len: usize,
        (h, w): (usize, usize),
    ) -> Result<CudaStorage> {
        let mode = match self.mode {
            ResizeMode::Nearest => 0,
            ResizeMode::Bilinear => 1,
            ResizeMode::Bicubic => 2,
        };
        let (oh, ow) = self.size;
        let corners = usize::from(self.align_corners);
        let mut args = vec![Arg::Array(x)];
        args.extend([h, w, oh, ow, mode, corners].map(Arg::Int));
        x.each(kernel, len, &args)
    }
}

impl<T: Element> Taps<T> {
    /// Resizes one plane: along the columns, then along the rows.
    fn forward(&self, x: &[T], y: &mut [T]) {
        let columns = self.columns.len();
        let mut wide = vec![T::ZERO; x.len() / self.width * columns];
        for (x, wide) in x.chunks(self.width).zip(wide.chunks_mut(columns)) {
            for (taps, wide) in self.columns.iter().zip(wide) {
                *wide = taps.iter().map(|&(i, weight)| weight * x[i]).sum();
            }
        }
        for (taps, y) in self.rows.iter().zip(y.chunks_mut(columns)) {
            for &(i, weight) in taps {
                for (y, &v) in y.iter_mut().zip(&wide[i * columns..][..columns]) {
                    *y += weight * v;
                }
            }
        }
    }

    /// Applies the transpose of [`forward`](Self::forward).
    fn backward(&self, grad: &[T], dx: &mut [T]) {
        let columns = self.columns.len();
        let mut wide = vec![T::ZERO; dx.len() / self.width * columns];
        for (taps, grad) in self.rows.iter().zip(grad.chunks(columns)) {
            for &(i, weight) in taps {
                for (v, &g) in wide[i * columns..][..columns].iter_mut().zip(grad) {
                    *v += weight * g;
                }
            }
        }
        for (dx, wide) in dx.chunks_mut(self.width).zip(wide.chunks(columns)) {
            for (taps, &v) in self.columns.iter().zip(wide) {
                for &(i, weight) in taps {
                    dx[i] += weight * v;
                }
            }
        }
    }
}

struct Backward {
    resize: Resize,
    /// The input's height and width.
    size: (usize, usize),
}

impl Unary for Resize {
    const NAME: &'static str = "resize";
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let [n, c, h, w] = feature_map(Self::NAME, dims)?;
        let (oh, ow) = self.size;
        let taps = self.taps::<T>(h, w);
        let y = parts(
            n * c * oh * ow,
            oh * ow,
            oh * ow + h * w,
            #[inline(always)]
            |plane, y: &mut [T]| {
                taps.forward(&x[plane * h * w..][..h * w], y);
            },
        );
        Ok((y, Shape::from((n, c, oh, ow))))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, Shape)> {
        let ([n, c, h, w], (oh, ow)) = (x.map(Self::NAME)?, self.size);
        let y = self.planes("resize", x, n * c * oh * ow, (h, w))?;
        Ok((y, Shape::from((n, c, oh, ow))))
    }
}

impl Unary for Backward {
    const NAME: &'static str = "resize backward";
    fn run<T: Element>(&self, grad: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let [n, c, oh, ow] = feature_map(Self::NAME, dims)?;
        let (h, w) = self.size;
        let taps = self.resize.taps::<T>(h, w);
        let dx = parts(
            n * c * h * w,
            h * w,
            oh * ow + h * w,
            #[inline(always)]
            |plane, dx: &mut [T]| {
                taps.backward(&grad[plane * oh * ow..][..oh * ow], dx);
            },
        );
        Ok((dx, Shape::from((n, c, h, w))))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, grad: Array<'_>) -> Result<(CudaStorage, Shape)> {
        let ([n, c, _, _], (h, w)) = (grad.map(Self::NAME)?, self.size);
        let len = n * c * h * w;
        let dx = self.resize.planes("resize_backward", grad, len, (h, w))?;
        Ok((dx, Shape::from((n, c, h, w))))
    }
}

impl CustomOp1 for Resize {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(unary);
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.adjoint(x.dims(), grad).map(Some)
    }
}
