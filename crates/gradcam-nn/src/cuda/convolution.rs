//! Convolutions on a device, without their epilogue.

use candle_core::{CudaStorage, Result, Tensor};

use super::array::{Array, allocate};
use super::launch::Arg;
use super::product::Product;
use crate::kernels::geometry::Geometry;
use crate::kernels::precision::Precision;

/// The most values of the im2col matrix; a batch that needs more is computed in parts.
const COLUMNS: usize = 1 << 27;

/// Convolves `x` with a weight `(out, kernel height, kernel width, in / groups)` to `(n, oh, ow, out)`.
pub(crate) fn forward(
    x: Array<'_>,
    weight: &Tensor,
    g: &Geometry,
    precision: Precision,
) -> Result<CudaStorage> {
    #[cfg(feature = "cudnn")]
    if let Some(y) = super::cudnn::forward(x, weight, g, precision)? {
        return Ok(y);
    }
    let product = |images| product(g, images, precision);
    let out = g.out_size.0 * g.out_size.1 * g.out_channels;
    if g.groups > 1 {
        let args = with_sizes([Arg::Array(x), Arg::Tensor(weight)], g);
        return x.each("grouped", g.batch * out, &args);
    }
    if reads_once(g) {
        return product(g.batch).of(x, weight);
    }
    let mut y = allocate(x.device(), x.dtype(), g.batch * out)?;
    for (first, images) in parts(g) {
        let from = x.part(first * inputs(g), &[]);
        let args = with_sizes([Arg::Array(from)], g);
        let columns = x.each("im2col", images * columns(g), &args)?;
        let columns = Array::whole(&columns, &[]);
        product(images).write(columns, weight, &mut y, first * out)?;
    }
    Ok(y)
}

/// Backpropagates the output gradient `grad` to the input, `(n, h, w, in)`.
pub(crate) fn backward(
    grad: Array<'_>,
    weight: &Tensor,
    g: &Geometry,
    precision: Precision,
) -> Result<CudaStorage> {
    #[cfg(feature = "cudnn")]
    if let Some(dx) = super::cudnn::backward(grad, weight, g, precision)? {
        return Ok(dx);
    }
    if g.groups > 1 {
        let args = with_sizes([Arg::Array(grad), Arg::Tensor(weight)], g);
        return grad.each("grouped_backward", g.batch * inputs(g), &args);
    }
    let back = |images| Product {
        inner: g.out_channels,
        columns: g.taps() * g.in_channels,
        transposed: false,
        ..product(g, images, precision)
    };
    if reads_once(g) {
        return back(g.batch).of(grad, weight);
    }
    let mut dx = allocate(grad.device(), grad.dtype(), g.batch * inputs(g))?;
    let out = g.out_size.0 * g.out_size.1 * g.out_channels;
    for (first, images) in parts(g) {
        let columns = back(images).of(grad.part(first * out, &[]), weight)?;
        let columns = Array::whole(&columns, &[]);
        let args = with_sizes([Arg::Array(columns)], g);
        let (offset, len) = (first * inputs(g), images * inputs(g));
        columns.each_into(&mut dx, offset, "col2im", len, &args)?;
    }
    Ok(dx)
}

/// Returns whether each input is read by one output alone, in the same order.
fn reads_once(g: &Geometry) -> bool {
    g.taps() == 1 && g.stride == (1, 1) && g.out_size == g.in_size
}

/// Describes the matrix product of a convolution with one group.
fn product(g: &Geometry, images: usize, precision: Precision) -> Product {
    Product {
        rows: images * g.out_size.0 * g.out_size.1,
        inner: g.taps() * g.in_channels,
        columns: g.out_channels,
        transposed: true,
        precision,
    }
}

/// Counts the values of one image.
fn inputs(g: &Geometry) -> usize {
    g.in_size.0 * g.in_size.1 * g.in_channels
}

/// Counts the values of one image's im2col matrix.
fn columns(g: &Geometry) -> usize {
    g.out_size.0 * g.out_size.1 * g.taps() * g.in_channels
}

/// Splits a batch into parts: pairs of the first image and the number of images.
fn parts(g: &Geometry) -> impl Iterator<Item = (usize, usize)> {
    let (batch, most) = (g.batch, (COLUMNS / columns(g).max(1)).max(1));
    (0..batch)
        .step_by(most)
        .map(move |first| (first, most.min(batch - first)))
}

/// Appends the sizes to the arguments, in the kernels' order.
fn with_sizes<'a, const N: usize>(args: [Arg<'a>; N], g: &Geometry) -> Vec<Arg<'a>> {
    let sizes = [
        g.in_channels,
        g.in_size.0,
        g.in_size.1,
        g.out_channels,
        g.out_size.0,
        g.out_size.1,
        g.kernel.0,
        g.kernel.1,
        g.stride.0,
        g.stride.1,
        g.padding.0,
        g.padding.1,
        g.dilation.0,
        g.dilation.1,
        g.groups,
    ];
    args.into_iter().chain(sizes.map(Arg::Int)).collect()
}
