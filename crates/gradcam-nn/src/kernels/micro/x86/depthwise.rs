//! Depthwise convolutions of a few positions.

#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;

use super::vector::{Finish, Vector};
use crate::kernels::micro::depthwise::{DEPTHWISE, Neighbours};
use crate::kernels::micro::tile::Sink;

/// Writes one vector of sums for each position, from the channel `first` on.
///
/// # Safety
/// As for [`Vector`]; the sink must fit, as `DepthwiseKernel` checks.
#[inline(always)]
unsafe fn finish_positions<V: Vector>(
    sums: [V; DEPTHWISE],
    channels: usize,
    first: usize,
    sink: &mut Sink<'_, f32>,
) {
    // SAFETY: by the caller's promise.
    unsafe {
        match sink {
            Sink::Sums(out) => {
                let out = out.as_mut_ptr().cast::<f32>();
                for p in 0..DEPTHWISE {
                    sums[p].store(out.add(p * channels + first));
                }
            }
            Sink::Rows(rows) => {
                let finish = Finish::of(rows, first);
                for p in 0..DEPTHWISE {
                    if let Some(start) = rows.starts.get(p) {
                        finish.write(sums[p], rows, start + rows.first + first);
                    }
                }
            }
        }
    }
}

/// Computes one vector of channels, with taps at any distance.
///
/// # Safety
/// As for [`Vector`]; `DepthwiseKernel` has checked the sizes, and each source has `channels` values.
#[inline(always)]
unsafe fn taps<V: Vector>(
    sources: &[*const f32],
    weight: *const f32,
    channels: usize,
    first: usize,
    sink: &mut Sink<'_, f32>,
) {
    // SAFETY: by the caller's promise.
    unsafe {
        let mut sums = [V::splat(0.0); DEPTHWISE];
        for tap in 0..sources.len() / DEPTHWISE {
            let w = V::load(weight.add(tap * channels + first));
            let sources = sources.as_ptr().add(tap * DEPTHWISE);
            for p in 0..DEPTHWISE {
                sums[p] = V::load((*sources.add(p)).add(first)).mul_add(w, sums[p]);
            }
        }
        finish_positions(sums, channels, first, sink);
    }
}

/// Computes one vector of channels with `K` adjacent columns of taps, `S` columns from position to position.
///
/// # Safety
/// As for [`taps`].
#[inline(always)]
unsafe fn window<V: Vector, const K: usize, const S: usize>(
    sources: &[*const f32],
    weight: *const f32,
    channels: usize,
    first: usize,
    sink: &mut Sink<'_, f32>,
) {
    let reach = (DEPTHWISE - 1) * S + K;
    // SAFETY: by the caller's promise.
    unsafe {
        let mut sums = [V::splat(0.0); DEPTHWISE];
        for row in 0..sources.len() / reach {
            let mut weights = [V::splat(0.0); K];
            for k in 0..K {
                weights[k] = V::load(weight.add((row * K + k) * channels + first));
            }
            let sources = sources.as_ptr().add(row * reach);
            for column in 0..(DEPTHWISE - 1) * S + K {
                let x = V::load((*sources.add(column)).add(first));
                for p in 0..DEPTHWISE {
                    if p * S <= column && column < p * S + K {
                        sums[p] = x.mul_add(weights[column - p * S], sums[p]);
                    }
                }
            }
        }
        finish_positions(sums, channels, first, sink);
    }
}

/// Defines the depthwise kernels of one instruction set.
macro_rules! depthwise {
    ($taps:ident, $window:ident, $features:literal, $vector:ty, $($k:literal)*) => {
        pub(super) unsafe fn $taps(
            sources: &[*const f32],
            weight: &[f32],
            channels: usize,
            mut sink: Sink<'_, f32>,
        ) {
            #[target_feature(enable = $features)]
            unsafe fn all(
                sources: &[*const f32],
                weight: *const f32,
                channels: usize,
                sink: &mut Sink<'_, f32>,
            ) {
                let mut first = 0;
                // SAFETY: the features are enabled here; the caller promises the rest.
                unsafe {
                    while first + <$vector>::LANES <= channels {
                        taps::<$vector>(sources, weight, channels, first, sink);
                        first += <$vector>::LANES;
                    }
                    while first < channels {
                        taps::<f32>(sources, weight, channels, first, sink);
                        first += 1;
                    }
                }
            }
            // SAFETY: `DepthwiseKernel` has checked the sizes; its caller vouches for the sources.
            unsafe { all(sources, weight.as_ptr(), channels, &mut sink) }
        }

        pub(super) unsafe fn $window(
            neighbours: Neighbours,
            sources: &[*const f32],
            weight: &[f32],
            channels: usize,
            mut sink: Sink<'_, f32>,
        ) {
            #[target_feature(enable = $features)]
            unsafe fn all<const K: usize, const S: usize>(
                sources: &[*const f32],
                weight: *const f32,
                channels: usize,
                sink: &mut Sink<'_, f32>,
            ) {
                let mut first = 0;
                // SAFETY: the features are enabled here; the caller promises the rest.
                unsafe {
                    while first + <$vector>::LANES <= channels {
                        window::<$vector, K, S>(sources, weight, channels, first, sink);
                        first += <$vector>::LANES;
                    }
                    while first < channels {
                        window::<f32, K, S>(sources, weight, channels, first, sink);
                        first += 1;
                    }
                }
            }
            let weight = weight.as_ptr();
            // SAFETY: `DepthwiseKernel` has checked the sizes; its caller vouches for the sources.
            unsafe {
                match (neighbours.columns, neighbours.stride) {
                    $(($k, 1) => all::<$k, 1>(sources, weight, channels, &mut sink),
                    ($k, 2) => all::<$k, 2>(sources, weight, channels, &mut sink),)*
                    _ => {}
                }
            }
        }
    };
}

depthwise!(taps_avx512, window_avx512, "avx512f", __m512, 1 2 3 4 5 6 7);
depthwise!(taps_avx2, window_avx2, "avx2,fma", __m256, 1 2 3 4 5 6 7);
