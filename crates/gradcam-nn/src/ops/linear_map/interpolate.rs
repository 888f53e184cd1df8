//! Interpolation along one dimension.

use candle_core::{CustomOp1, Result, Shape, Tensor, bail};

use crate::dispatch::apply::unary;
use crate::dispatch::computation::Unary;
use crate::dispatch::forwards::forwards;
use crate::kernels::element::Element;
use crate::kernels::output::parts;

/// The input positions and weights that each output position of an interpolation sums.
#[derive(Debug, Clone, PartialEq)]
pub struct Taps {
    input: usize,
    each: Vec<Vec<(usize, f64)>>,
}

impl Taps {
    /// Makes the taps of each output position, over `input` positions.
    ///
    /// # Errors
    /// When there is no output position, or a tap lies outside of the input.
    pub fn new(input: usize, each: Vec<Vec<(usize, f64)>>) -> Result<Self> {
        if each.is_empty() {
            bail!("an interpolation needs at least one output position");
        }
        if let Some((tap, _)) = each.iter().flatten().find(|(tap, _)| *tap >= input) {
            bail!("an interpolation of {input} positions reads position {tap}");
        }
        Ok(Taps { input, each })
    }

    /// Returns the taps from the output back to the input.
    fn transposed(&self) -> Taps {
        let mut back = vec![Vec::new(); self.input];
        for (output, taps) in self.each.iter().enumerate() {
            for &(input, weight) in taps {
                back[input].push((output, weight));
            }
        }
        Taps {
            input: self.each.len(),
            each: back,
        }
    }
}

/// Computes each output position of dimension `dim`.
pub(super) fn forward(x: &Tensor, dim: usize, taps: &Taps) -> Result<Tensor> {
    output_dims(x.dims(), dim, taps)?;
    along(x, dim, taps.clone())
}

/// Distributes the output gradient over the taps.
pub(super) fn adjoint(grad: &Tensor, dims: &[usize], dim: usize, taps: &Taps) -> Result<Tensor> {
    output_dims(dims, dim, taps)?;
    along(grad, dim, taps.transposed())
}

/// Returns the dimensions of the result if the taps fit.
pub(super) fn output_dims(dims: &[usize], dim: usize, taps: &Taps) -> Result<Vec<usize>> {
    match dims.get(dim) {
        Some(&size) if size == taps.input => {}
        _ => bail!(
            "an interpolation of {} positions along dimension {dim} does not fit {dims:?}",
            taps.input
        ),
    }
    let mut dims = dims.to_vec();
    dims[dim] = taps.each.len();
    Ok(dims)
}

fn along(x: &Tensor, dim: usize, taps: Taps) -> Result<Tensor> {
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op1(Along { dim, taps });
    }
    // As a product with the matrix of weights.
    let mut matrix = vec![0.0; taps.each.len() * taps.input];
    for (row, each) in matrix.chunks_mut(taps.input).zip(&taps.each) {
        for &(input, weight) in each {
            row[input] += weight;
        }
    }
    let matrix = Tensor::from_vec(matrix, (taps.each.len(), taps.input), x.device())?;
    let matrix = matrix.to_dtype(x.dtype())?;
    let last = x.rank() - 1;
    let rows = x.transpose(dim, last)?.contiguous()?;
    let shape = rows.dims().to_vec();
    let y = rows.reshape(((), taps.input))?.matmul(&matrix.t()?)?;
    let mut shape = shape;
    shape[last] = taps.each.len();
    y.reshape(shape)?.transpose(dim, last)
}

struct Along {
    dim: usize,
    taps: Taps,
}

impl Unary for Along {
    const NAME: &'static str = "interpolate";
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let inner: usize = dims[self.dim + 1..].iter().product();
        let outer: usize = dims[..self.dim].iter().product();
        let (from, to) = (self.taps.input, self.taps.each.len());
        let each: Vec<Vec<(usize, T)>> = self
            .taps
            .each
            .iter()
            .map(|taps| taps.iter().map(|&(i, w)| (i, T::of(w))).collect())
            .collect();
        let mut shape = dims.to_vec();
        shape[self.dim] = to;
        if outer * inner * from == 0 {
            return Ok((vec![T::ZERO; outer * inner * to], Shape::from(shape)));
        }
        let y = parts(
            outer * to * inner,
            to * inner,
            (to + from) * inner,
            #[inline(always)]
            |block, y: &mut [T]| {
                let x = &x[block * from * inner..][..from * inner];
                for (taps, y) in each.iter().zip(y.chunks_mut(inner)) {
                    for &(i, weight) in taps {
                        for (y, &v) in y.iter_mut().zip(&x[i * inner..][..inner]) {
                            *y += weight * v;
                        }
                    }
                }
            },
        );
        Ok((y, Shape::from(shape)))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, _x: crate::cuda::Array<'_>) -> Result<(candle_core::CudaStorage, Shape)> {
        bail!("interpolation on a device is a product")
    }
}

impl CustomOp1 for Along {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(unary);
    fn bwd(&self, _x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let back = Along {
            dim: self.dim,
            taps: self.taps.transposed(),
        };
        unary(&back, &grad.contiguous()?).map(Some)
    }
}
