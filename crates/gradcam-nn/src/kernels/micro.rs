//! Micro-kernels: the sums of one small tile, kept in registers.
//!
//! A tile is a few positions of the result by the channels of one panel. Every sum adds its terms in one order, so its bits do not
//! depend on its tile, nor, among the x86 kernels, on the vector width.

#![allow(unsafe_code)]

mod depthwise;
mod portable;
mod set;
mod tile;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use depthwise::{DEPTHWISE, DepthwiseKernel, Neighbours};
pub(crate) use set::Kernels;
pub(crate) use tile::{Kernel, Rows, Sink};

use portable::{portable, portable_depthwise};

use super::float::Float;

impl<T: Float> Kernels<T> {
    /// Returns the kernels for any processor and element type.
    pub(crate) fn portable() -> Self {
        Kernels {
            dense: portable(),
            depthwise: portable_depthwise(),
        }
    }
}

impl Kernels<f32> {
    /// Returns the fastest kernels on this processor.
    pub(crate) fn fastest() -> Self {
        Self::avx512()
            .or_else(Self::avx2)
            .unwrap_or_else(Self::portable)
    }

    /// Returns the kernels with 512-bit vectors; `None` if the processor lacks them.
    pub(crate) fn avx512() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx512f") {
            return Some(x86::avx512());
        }
        None
    }

    /// Returns the kernels with 256-bit vectors; `None` if the processor lacks them.
    pub(crate) fn avx2() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            return Some(x86::avx2());
        }
        None
    }
}

/// Returns the kernel that multiplies bf16 numbers and sums in `f32`; `None` if the processor lacks the instructions.
pub(crate) fn bf16() -> Option<Kernel<u16, f32>> {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx512bf16") && std::is_x86_feature_detected!("avx512f") {
        return Some(x86::bf16());
    }
    None
}
