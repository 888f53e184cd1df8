//! Tiles of a few positions by one or two vectors of channels.

#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;

use super::vector::{Finish, Vector};
use crate::kernels::micro::tile::Sink;

/// Writes the sums of a tile of `M` positions by `N` vectors.
///
/// # Safety
/// As for [`Vector`]; the sink must fit, as `Kernel::tile` checks.
#[inline(always)]
unsafe fn finish<V: Vector, const M: usize, const N: usize>(
    mut sums: [[V; N]; M],
    sink: Sink<'_, f32>,
) {
    // SAFETY: by the caller's promise.
    unsafe {
        match sink {
            Sink::Sums(out) => {
                let out = out.as_mut_ptr().cast::<f32>();
                for m in 0..M {
                    for n in 0..N {
                        sums[m][n].store(out.add((m * N + n) * V::LANES));
                    }
                }
            }
            Sink::Rows(rows) => {
                // One short loop for each step: a longer loop is not unrolled, and the sums then stay in memory from the start.
                let starts = rows.starts.as_ptr();
                let mut ends = [Finish::<V>::of(&rows, 0); N];
                for n in 1..N {
                    ends[n] = Finish::of(&rows, n * V::LANES);
                }
                for m in 0..M {
                    for n in 0..N {
                        sums[m][n] = sums[m][n].mul(ends[n].scale).add(ends[n].shift);
                    }
                }
                if let Some(residual) = rows.residual {
                    for m in 0..M {
                        let residual = residual.as_ptr().add(*starts.add(m) + rows.first);
                        for n in 0..N {
                            sums[m][n] = sums[m][n].add(V::load(residual.add(n * V::LANES)));
                        }
                    }
                }
                for m in 0..M {
                    for n in 0..N {
                        sums[m][n] = sums[m][n].at_least(ends[n].low).at_most(ends[n].high);
                    }
                }
                for m in 0..M {
                    let out = rows.out.start().add(*starts.add(m) + rows.first);
                    for n in 0..N {
                        sums[m][n].store(out.add(n * V::LANES));
                    }
                }
            }
        }
    }
}

/// Computes a tile of `M` positions by `N` vectors.
///
/// # Safety
/// As for [`Vector`]; the sizes must fit, as `Kernel::tile` checks, and each source has `depth` values.
#[inline(always)]
unsafe fn tile<V: Vector, const M: usize, const N: usize>(
    sources: *const *const f32,
    taps: usize,
    depth: usize,
    mut panel: *const f32,
    sink: Sink<'_, f32>,
) {
    // SAFETY: there are `M` sources for each tap, and the panel has `N` vectors for each of their values.
    unsafe {
        let mut sums = [[V::splat(0.0); N]; M];
        for tap in 0..taps {
            let source = *sources.add(tap * M).cast::<[*const f32; M]>();
            for term in 0..depth {
                let mut weights = [V::splat(0.0); N];
                for n in 0..N {
                    weights[n] = V::load(panel.add(n * V::LANES));
                }
                panel = panel.add(N * V::LANES);
                for m in 0..M {
                    let x = V::splat(*source[m].add(term));
                    for n in 0..N {
                        sums[m][n] = x.mul_add(weights[n], sums[m][n]);
                    }
                }
            }
        }
        finish(sums, sink);
    }
}

/// As [`tile`], on pairs of bf16 numbers.
///
/// # Safety
/// As for [`tile`].
#[inline(always)]
unsafe fn tile_bf16<const M: usize, const N: usize>(
    sources: *const *const u16,
    taps: usize,
    depth: usize,
    mut panel: *const u16,
    sink: Sink<'_, f32>,
) {
    // SAFETY: there are `M` sources for each tap, and the panel has `N` vectors for each pair of their values; the loads may be
    // unaligned. The transmuted types are 512 bits, and every bit pattern is valid.
    unsafe {
        let mut sums = [[_mm512_setzero_ps(); N]; M];
        for tap in 0..taps {
            let source = *sources.add(tap * M).cast::<[*const i32; M]>();
            for pair in 0..depth / 2 {
                let mut weights = [_mm512_setzero_si512(); N];
                for n in 0..N {
                    weights[n] = _mm512_loadu_si512(panel.add(n * 32).cast());
                }
                panel = panel.add(N * 32);
                for m in 0..M {
                    let x = _mm512_set1_epi32(source[m].add(pair).read_unaligned());
                    let x = std::mem::transmute::<__m512i, __m512bh>(x);
                    for n in 0..N {
                        let w = std::mem::transmute::<__m512i, __m512bh>(weights[n]);
                        sums[m][n] = _mm512_dpbf16_ps(sums[m][n], x, w);
                    }
                }
            }
        }
        finish(sums, sink);
    }
}

/// Defines a function that dispatches to the tile of the right size, compiled for one instruction set.
macro_rules! run {
    ($name:ident, $features:literal, $type:ty, $lanes:literal, $tile:ident $(::<$vector:ty>)?, $($m:literal)*) => {
        pub(super) unsafe fn $name(
            sources: &[*const $type],
            positions: usize,
            depth: usize,
            panel: &[$type],
            width: usize,
            sink: Sink<'_, f32>,
        ) {
            #[target_feature(enable = $features)]
            unsafe fn sized<const M: usize, const N: usize>(
                sources: *const *const $type,
                taps: usize,
                depth: usize,
                panel: *const $type,
                sink: Sink<'_, f32>,
            ) {
                // SAFETY: the features are enabled here; the caller promises the rest.
                unsafe { $tile::<$($vector,)? M, N>(sources, taps, depth, panel, sink) }
            }
            let taps = sources.len() / positions;
            let (sources, panel) = (sources.as_ptr(), panel.as_ptr());
            // SAFETY: `Kernel::tile` has checked the sizes; its caller vouches for the sources.
            unsafe {
                match (positions, width / $lanes) {
                    $(($m, 1) => sized::<$m, 1>(sources, taps, depth, panel, sink),
                    ($m, 2) => sized::<$m, 2>(sources, taps, depth, panel, sink),)*
                    _ => {}
                }
            }
        }
    };
}

run!(run_avx512, "avx512f", f32, 16, tile::<__m512>, 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
run!(run_avx2, "avx2,fma", f32, 8, tile::<__m256>, 1 2 3 4 5 6);
run!(run_bf16, "avx512f,avx512bf16", u16, 16, tile_bf16, 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
