//! The gradient with respect to a convolution's kernel.

use candle_core::{DType, Result, Tensor, WithDType, bail};
use gradcam_nn::ops::{Conv2d, Padding, matmul};
use rayon::prelude::*;

/// Pictures per task: fixed, so that the order of the sums does not depend on the number of threads.
const PICTURES: usize = 4;

/// Computes the gradient with respect to the kernel of `layer`, `(out, in, kh, kw)`, from its input `(n, in, h, w)` and the gradient
/// at its output, `(n, out, oh, ow)`. Groups and dilation are not supported.
///
/// For each picture, it is the product of the output's gradient, `(out, positions)`, and the kernel's input at each position,
/// `(positions, kh · kw · in)`: im2col.
pub(crate) fn kernel_gradient(layer: &Conv2d, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
    match x.dtype() {
        DType::F32 => typed::<f32>(layer, x, grad),
        DType::F64 => typed::<f64>(layer, x, grad),
        other => bail!("gradients need f32 or f64 tensors, found {other:?}"),
    }
}

fn typed<T: WithDType>(layer: &Conv2d, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let (outputs, inputs, rows, columns) = layer.weight().dims4()?;
    let (n, _, height, width) = x.dims4()?;
    let (_, _, out_height, out_width) = grad.dims4()?;
    let options = layer.options();
    let Padding::Explicit { top, left, .. } = options.padding else {
        bail!("a trained convolution needs explicit padding");
    };
    if options.groups != 1 || options.dilation != (1, 1) {
        bail!("a trained convolution needs one group and no dilation");
    }
    let window = Window {
        channels: inputs,
        size: (height, width),
        kernel: (rows, columns),
        stride: options.stride,
        before: (top, left),
        output: (out_height, out_width),
    };
    // Channels last, which is how the kernels leave them: no copies here.
    let (x, grad) = (x.permute((0, 2, 3, 1))?, grad.permute((0, 2, 3, 1))?);
    let starts: Vec<usize> = (0..n).step_by(PICTURES).collect();
    let parts = starts.into_par_iter().with_max_len(1).map(|start| {
        let mut sums = Vec::new();
        for picture in start..n.min(start + PICTURES) {
            let values = x.get(picture)?.flatten_all()?.to_vec1::<T>()?;
            let seen = window.seen(&values);
            let seen = Tensor::from_vec(
                seen,
                (out_height * out_width, rows * columns * inputs),
                x.device(),
            )?;
            let grad = grad
                .get(picture)?
                .reshape((out_height * out_width, outputs))?;
            add(
                &mut sums,
                matmul(&grad.t()?, &seen)?.flatten_all()?.to_vec1::<T>()?,
            );
        }
        Ok(sums)
    });
    let parts: Vec<Vec<T>> = parts.collect::<Result<_>>()?;
    let mut sums = Vec::new();
    parts.into_iter().for_each(|part| add(&mut sums, part));
    let sums = Tensor::from_vec(sums, (outputs, rows, columns, inputs), x.device())?;
    sums.permute((0, 3, 1, 2))?.contiguous()
}

/// Adds `part` to `sums`; an empty `sums` counts as zeros.
fn add<T: WithDType>(sums: &mut Vec<T>, part: Vec<T>) {
    if sums.is_empty() {
        *sums = part;
    } else {
        sums.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
    }
}

/// How a kernel moves over a picture; pairs are rows and columns.
struct Window {
    channels: usize,
    size: (usize, usize),
    kernel: (usize, usize),
    stride: (usize, usize),
    /// Zeros above and to the left.
    before: (usize, usize),
    output: (usize, usize),
}

impl Window {
    /// Returns the kernel's input at each position, `(positions, kh, kw, channels)`, for a picture `(height, width, channels)`.
    fn seen<T: WithDType>(&self, picture: &[T]) -> Vec<T> {
        let (row, c) = (self.size.1 * self.channels, self.channels);
        let mut seen =
            vec![T::zero(); self.output.0 * self.output.1 * self.kernel.0 * self.kernel.1 * c];
        let runs = seen.chunks_exact_mut(self.kernel.1 * c);
        for (index, run) in runs.enumerate() {
            let (position, ky) = (index / self.kernel.0, index % self.kernel.0);
            let (oy, ox) = (position / self.output.1, position % self.output.1);
            let y = (oy * self.stride.0 + ky).wrapping_sub(self.before.0);
            if y >= self.size.0 {
                continue;
            }
            // The columns of this kernel row that are inside the picture.
            let first = ox * self.stride.1;
            let skipped = self.before.1.saturating_sub(first);
            let last = self
                .kernel
                .1
                .min((self.size.1 + self.before.1).saturating_sub(first));
            if skipped < last {
                let start = y * row + (first + skipped - self.before.1) * c;
                let len = (last - skipped) * c;
                run[skipped * c..last * c].copy_from_slice(&picture[start..start + len]);
            }
        }
        seen
    }
}
