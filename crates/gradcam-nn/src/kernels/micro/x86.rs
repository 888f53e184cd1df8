//! The micro-kernels for x86 processors, by intrinsics.
//!
//! Plain loops over indices: an iterator's methods might not be inlined into a function with other target features.

#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::{DEPTHWISE, DepthwiseKernel, Kernel, Kernels, Sink};

/// Dense: 14 positions by 32 channels, 28 of the 32 registers hold sums.
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
            run: depthwise_avx512,
        },
    }
}

/// Dense: 6 positions by 16 channels, 12 of the 16 registers hold sums.
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
            run: depthwise_avx2,
        },
    }
}

/// As the dense one of [`avx512`]; two terms of a sum lie side by side.
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

/// A function that calls `$tile::<positions, vectors>` for the numbers at hand.
macro_rules! run {
    ($name:ident, $tile:ident, $type:ty, $lanes:literal, $($m:literal)*) => {
        unsafe fn $name(
            sources: &[*const $type],
            positions: usize,
            depth: usize,
            panel: &[$type],
            width: usize,
            sink: Sink<'_, f32>,
        ) {
            let taps = sources.len() / positions;
            let (sources, panel) = (sources.as_ptr(), panel.as_ptr());
            // SAFETY: `Kernel::tile` has checked the sizes; its caller vouches for the sources.
            unsafe {
                match (positions, width / $lanes) {
                    $(($m, 1) => $tile::<$m, 1>(sources, taps, depth, panel, sink),
                    ($m, 2) => $tile::<$m, 2>(sources, taps, depth, panel, sink),)*
                    _ => {}
                }
            }
        }
    };
}

/// Writes the sums of a tile of `M` positions by `V` vectors. NaN fails both comparisons with a bound, and so passes through.
macro_rules! finish {
    ($sums:ident, $sink:ident, $m:ident, $v:ident, $lanes:literal, $set1:ident, $load:ident, $store:ident, $add:ident, $mul:ident, $at_least:ident, $at_most:ident) => {
        match $sink {
            Sink::Sums(out) => {
                let out = out.as_mut_ptr().cast::<f32>();
                for m in 0..$m {
                    for v in 0..$v {
                        // SAFETY: `out` holds `M * V` vectors.
                        unsafe { $store(out.add((m * $v + v) * $lanes), $sums[m][v]) };
                    }
                }
            }
            Sink::Rows(rows) => {
                let line = |values: Option<&[f32]>, otherwise: f32| {
                    let mut vectors = [$set1(otherwise); $v];
                    if let Some(values) = values {
                        for v in 0..$v {
                            // SAFETY: there are `V` vectors of channels.
                            vectors[v] = unsafe { $load(values.as_ptr().add(v * $lanes)) };
                        }
                    }
                    vectors
                };
                let (scale, shift) = (line(rows.scale, 1.0), line(rows.shift, 0.0));
                for m in 0..$m {
                    for v in 0..$v {
                        $sums[m][v] = $add($mul($sums[m][v], scale[v]), shift[v]);
                    }
                }
                let starts = rows.starts.as_ptr();
                if let Some(residual) = rows.residual {
                    for m in 0..$m {
                        for v in 0..$v {
                            // SAFETY: there are `M` starts, behind each of which `V` vectors lie in the result, and the residual is as
                            // large.
                            let other = unsafe {
                                $load(residual.as_ptr().add(*starts.add(m) + v * $lanes))
                            };
                            $sums[m][v] = $add($sums[m][v], other);
                        }
                    }
                }
                if let Some((low, high)) = rows.bounds {
                    let (low, high) = ($set1(low), $set1(high));
                    for m in 0..$m {
                        for v in 0..$v {
                            $sums[m][v] = $at_most($at_least($sums[m][v], low), high);
                        }
                    }
                }
                let out = rows.out.start();
                for m in 0..$m {
                    for v in 0..$v {
                        // SAFETY: as for the residual; the caller of `Kernel::tile` vouches that nobody else writes these rows.
                        unsafe { $store(out.add(*starts.add(m) + v * $lanes), $sums[m][v]) };
                    }
                }
            }
        }
    };
}

#[target_feature(enable = "avx512f")]
#[inline]
fn at_least_avx512(x: __m512, low: __m512) -> __m512 {
    _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(x, low), low, x)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn at_most_avx512(x: __m512, high: __m512) -> __m512 {
    _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_NGE_UQ>(x, high), high, x)
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn at_least_avx2(x: __m256, low: __m256) -> __m256 {
    _mm256_blendv_ps(low, x, _mm256_cmp_ps::<_CMP_NLE_UQ>(x, low))
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn at_most_avx2(x: __m256, high: __m256) -> __m256 {
    _mm256_blendv_ps(high, x, _mm256_cmp_ps::<_CMP_NGE_UQ>(x, high))
}

run!(run_avx512, tile_avx512, f32, 16, 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
run!(run_avx2, tile_avx2, f32, 8, 1 2 3 4 5 6);
run!(run_bf16, tile_bf16, u16, 16, 1 2 3 4 5 6 7 8 9 10 11 12 13 14);

/// A tile of `M` positions by `V` vectors.
macro_rules! tile {
    ($name:ident, $features:literal, $lanes:literal, $zero:ident, $load:ident, $set1:ident, $fmadd:ident, $store:ident, $add:ident, $mul:ident, $at_least:ident, $at_most:ident) => {
        #[target_feature(enable = $features)]
        #[allow(clippy::needless_range_loop)]
        unsafe fn $name<const M: usize, const V: usize>(
            sources: *const *const f32,
            taps: usize,
            depth: usize,
            mut panel: *const f32,
            sink: Sink<'_, f32>,
        ) {
            let mut sums = [[$zero(); V]; M];
            for tap in 0..taps {
                // SAFETY: there are `M` sources for each tap.
                let source = unsafe { *sources.add(tap * M).cast::<[*const f32; M]>() };
                for term in 0..depth {
                    let mut weights = [$zero(); V];
                    for v in 0..V {
                        // SAFETY: the panel has `V` vectors for each term of each tap.
                        weights[v] = unsafe { $load(panel.add(v * $lanes)) };
                    }
                    // SAFETY: as above; after the last term this is the panel's end.
                    panel = unsafe { panel.add(V * $lanes) };
                    for m in 0..M {
                        // SAFETY: each source has `depth` values.
                        let x = $set1(unsafe { *source[m].add(term) });
                        for v in 0..V {
                            sums[m][v] = $fmadd(x, weights[v], sums[m][v]);
                        }
                    }
                }
            }
            finish!(sums, sink, M, V, $lanes, $set1, $load, $store, $add, $mul, $at_least, $at_most);
        }
    };
}

tile!(
    tile_avx512,
    "avx512f",
    16,
    _mm512_setzero_ps,
    _mm512_loadu_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    _mm512_mul_ps,
    at_least_avx512,
    at_most_avx512
);
tile!(
    tile_avx2,
    "avx2,fma",
    8,
    _mm256_setzero_ps,
    _mm256_loadu_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_mul_ps,
    at_least_avx2,
    at_most_avx2
);

#[target_feature(enable = "avx512f,avx512bf16")]
#[allow(clippy::needless_range_loop)]
unsafe fn tile_bf16<const M: usize, const V: usize>(
    sources: *const *const u16,
    taps: usize,
    depth: usize,
    mut panel: *const u16,
    sink: Sink<'_, f32>,
) {
    let mut sums = [[_mm512_setzero_ps(); V]; M];
    for tap in 0..taps {
        // SAFETY: there are `M` sources for each tap.
        let source = unsafe { *sources.add(tap * M).cast::<[*const i32; M]>() };
        for pair in 0..depth / 2 {
            let mut weights = [_mm512_setzero_si512(); V];
            for v in 0..V {
                // SAFETY: the panel has `V` vectors of 16 pairs for each two terms of each tap.
                weights[v] = unsafe { _mm512_loadu_si512(panel.add(v * 32).cast()) };
            }
            // SAFETY: as above; after the last pair this is the panel's end.
            panel = unsafe { panel.add(V * 32) };
            for m in 0..M {
                // SAFETY: each source has `depth / 2` pairs; they need not lie at a multiple of their size.
                let x = _mm512_set1_epi32(unsafe { source[m].add(pair).read_unaligned() });
                for v in 0..V {
                    // SAFETY: both types are 512 bits without a rule for their content.
                    let (x, w) = unsafe {
                        (
                            std::mem::transmute::<__m512i, __m512bh>(x),
                            std::mem::transmute::<__m512i, __m512bh>(weights[v]),
                        )
                    };
                    sums[m][v] = _mm512_dpbf16_ps(sums[m][v], x, w);
                }
            }
        }
    }
    finish!(
        sums,
        sink,
        M,
        V,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_mul_ps,
        at_least_avx512,
        at_most_avx512
    );
}

macro_rules! depthwise {
    ($name:ident, $inner:ident, $features:literal, $lanes:literal, $zero:ident, $load:ident, $fmadd:ident, $store:ident) => {
        unsafe fn $name(sources: &[*const f32], weight: &[f32], channels: usize, sums: &mut [f32]) {
            // SAFETY: `DepthwiseKernel::positions` has checked the sizes; its caller vouches for the sources.
            unsafe { $inner(sources, weight, channels, sums) }
        }

        #[target_feature(enable = $features)]
        #[allow(clippy::needless_range_loop)]
        unsafe fn $inner(
            sources: &[*const f32],
            weight: &[f32],
            channels: usize,
            sums: &mut [f32],
        ) {
            let taps = sources.len() / DEPTHWISE;
            let sources = sources.as_ptr().cast::<[*const f32; DEPTHWISE]>();
            let (weight, out) = (weight.as_ptr(), sums.as_mut_ptr());
            let mut channel = 0;
            while channel + $lanes <= channels {
                let mut sums = [$zero(); DEPTHWISE];
                for tap in 0..taps {
                    // SAFETY: each line of weights and each source holds `channels` values, of which `channel` begins a whole
                    // vector.
                    unsafe {
                        let w = $load(weight.add(tap * channels + channel));
                        let sources = sources.add(tap);
                        for p in 0..DEPTHWISE {
                            sums[p] = $fmadd($load((*sources)[p].add(channel)), w, sums[p]);
                        }
                    }
                }
                for p in 0..DEPTHWISE {
                    // SAFETY: `out` holds `DEPTHWISE` lines of `channels` values.
                    unsafe { $store(out.add(p * channels + channel), sums[p]) };
                }
                channel += $lanes;
            }
            // What is left, with the same rounding.
            while channel < channels {
                for p in 0..DEPTHWISE {
                    let mut sum = 0.0_f32;
                    for tap in 0..taps {
                        // SAFETY: as above, for one value.
                        let (x, w) = unsafe {
                            let source = (*sources.add(tap))[p];
                            (*source.add(channel), *weight.add(tap * channels + channel))
                        };
                        sum = x.mul_add(w, sum);
                    }
                    // SAFETY: as above.
                    unsafe { *out.add(p * channels + channel) = sum };
                }
                channel += 1;
            }
        }
    };
}

depthwise!(
    depthwise_avx512,
    inner_avx512,
    "avx512f",
    16,
    _mm512_setzero_ps,
    _mm512_loadu_ps,
    _mm512_fmadd_ps,
    _mm512_storeu_ps
);
depthwise!(
    depthwise_avx2,
    inner_avx2,
    "avx2,fma",
    8,
    _mm256_setzero_ps,
    _mm256_loadu_ps,
    _mm256_fmadd_ps,
    _mm256_storeu_ps
);
