//! Micro-kernels for x86 processors, by intrinsics.
//!
//! They are written once, over a [`Vector`](vector::Vector), and inlined into a function for each instruction set. Their loops run
//! over indices, since an iterator's methods might not be inlined into a function with other target features.

mod dense;
mod depthwise;
mod vector;

use dense::{run_avx2, run_avx512, run_bf16};
use depthwise::{taps_avx2, taps_avx512, window_avx2, window_avx512};

use super::depthwise::DepthwiseKernel;
use super::set::Kernels;
use super::tile::Kernel;

/// Returns the AVX-512 kernels. The dense one has 14 positions by 32 channels: 28 of the 32 registers hold sums.
pub(super) fn avx512() -> Kernels<f32> {
    Kernels {
        dense: Kernel {
            rows: 14,
            lanes: 32,
            vector: 16,
            pair: 1,
            finishes: true,
            run: run_avx512,
        },
        depthwise: DepthwiseKernel {
            finishes: true,
            taps: taps_avx512,
            window: Some(window_avx512),
        },
    }
}

/// Returns the AVX2 kernels. The dense one has 6 positions by 16 channels: 12 of the 16 registers hold sums.
pub(super) fn avx2() -> Kernels<f32> {
    Kernels {
        dense: Kernel {
            rows: 6,
            lanes: 16,
            vector: 8,
            pair: 1,
            finishes: true,
            run: run_avx2,
        },
        depthwise: DepthwiseKernel {
            finishes: true,
            taps: taps_avx2,
            window: Some(window_avx2),
        },
    }
}

/// Returns the bf16 kernel, sized as the dense one of [`avx512`]; two terms of a sum are adjacent.
pub(super) fn bf16() -> Kernel<u16, f32> {
    Kernel {
        rows: 14,
        lanes: 32,
        vector: 16,
        pair: 2,
        finishes: true,
        run: run_bf16,
    }
}
