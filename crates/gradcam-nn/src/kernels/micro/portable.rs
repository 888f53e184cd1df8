//! The micro-kernels for any processor and element type.

use super::depthwise::{DEPTHWISE, DepthwiseKernel};
use super::tile::{Kernel, Sink};
use crate::kernels::float::Float;
use crate::kernels::gemm::{Matrix, multiply};

/// Returns the depthwise kernel for any processor and element type.
pub(super) fn portable_depthwise<T: Float>() -> DepthwiseKernel<T> {
    DepthwiseKernel {
        finishes: false,
        taps: run_portable_taps::<T>,
        window: None,
    }
}

unsafe fn run_portable_taps<T: Float>(
    sources: &[*const T],
    weight: &[T],
    channels: usize,
    sink: Sink<'_, T>,
) {
    let Sink::Sums(out) = sink else {
        unreachable!("`DepthwiseKernel` has checked that the kernel finishes rows");
    };
    let mut sums = vec![T::ZERO; channels];
    for (position, out) in out.chunks_exact_mut(channels).enumerate() {
        sums.fill(T::ZERO);
        let sources = sources.iter().skip(position).step_by(DEPTHWISE);
        for (source, weight) in sources.zip(weight.chunks_exact(channels)) {
            // SAFETY: the caller promises `channels` values at every source.
            let source = unsafe { std::slice::from_raw_parts(*source, channels) };
            for (sum, (&x, &w)) in sums.iter_mut().zip(source.iter().zip(weight)) {
                *sum += x * w;
            }
        }
        for (out, &sum) in out.iter_mut().zip(&sums) {
            out.write(sum);
        }
    }
}

/// Positions of a tile of the portable kernel.
const ROWS: usize = 64;

/// Returns the kernel for any processor and element type: it copies the rows together and multiplies with the `gemm` crate.
pub(super) fn portable<T: Float>() -> Kernel<T, T> {
    Kernel {
        rows: ROWS,
        lanes: 1 << 20,
        vector: 1,
        pair: 1,
        finishes: false,
        run: run_portable::<T>,
    }
}

unsafe fn run_portable<T: Float>(
    sources: &[*const T],
    positions: usize,
    depth: usize,
    panel: &[T],
    width: usize,
    sink: Sink<'_, T>,
) {
    let Sink::Sums(sums) = sink else {
        unreachable!("`Kernel::tile` has checked that the kernel finishes rows");
    };
    let terms = sources.len() / positions * depth;
    let mut rows = Vec::with_capacity(ROWS * terms);
    for position in 0..positions {
        for source in sources.iter().skip(position).step_by(positions) {
            // SAFETY: the caller promises `depth` values at every source.
            rows.extend_from_slice(unsafe { std::slice::from_raw_parts(*source, depth) });
        }
    }
    // A product of another size might be summed in another order, so every tile is filled up.
    rows.resize(ROWS * terms, T::ZERO);
    let mut product = vec![T::ZERO; ROWS * width];
    multiply(
        &mut product,
        Matrix::row_major(&rows, ROWS, terms, terms),
        Matrix::row_major(panel, terms, width, width),
    );
    for (sum, value) in sums.iter_mut().zip(product) {
        sum.write(value);
    }
}
