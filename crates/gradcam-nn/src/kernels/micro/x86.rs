//! The micro-kernels for x86 processors, by intrinsics.
//!
//! They are written once, over a [`Vector`], and inlined into a function for each instruction set. Plain loops over indices: an iterator's
//! methods might not be inlined into a function with other target features.

#![allow(unsafe_code)]
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;

use super::{DEPTHWISE, DepthwiseKernel, Kernel, Kernels, Neighbours, Rows, Sink};

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
            finishes: true,
            taps: taps_avx512,
            window: Some(window_avx512),
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
            finishes: true,
            taps: taps_avx2,
            window: Some(window_avx2),
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

/// Some `f32` in a register.
///
/// # Safety
/// The functions may only be called where the processor has the instructions, from a function that is compiled for them, and with pointers
/// to `LANES` numbers.
trait Vector: Copy {
    const LANES: usize;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// `self * factor + summand`, rounded once.
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// The larger of each two; NaN stays.
    unsafe fn at_least(self, low: Self) -> Self;
    /// The smaller of each two; NaN stays.
    unsafe fn at_most(self, high: Self) -> Self;
}

macro_rules! vector {
    ($type:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $fmadd:ident, $add:ident, $mul:ident, $greater:expr, $less:expr) => {
        impl Vector for $type {
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn splat(x: f32) -> Self {
                // SAFETY: the caller vouches for the instructions; so below, with the pointers.
                unsafe { $splat(x) }
            }
            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: see above.
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: see above.
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
                // SAFETY: see above.
                unsafe { $fmadd(self, factor, summand) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            unsafe fn mul(self, other: Self) -> Self {
                // SAFETY: see above.
                unsafe { $mul(self, other) }
            }
            #[inline(always)]
            unsafe fn at_least(self, low: Self) -> Self {
                // SAFETY: see above.
                unsafe { $greater(self, low) }
            }
            #[inline(always)]
            unsafe fn at_most(self, high: Self) -> Self {
                // SAFETY: see above.
                unsafe { $less(self, high) }
            }
        }
    };
}

vector!(
    __m512,
    16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_mul_ps,
    |x, low| _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(x, low), low, x),
    |x, high| _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_NGE_UQ>(x, high), high, x)
);
vector!(
    __m256,
    8,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    _mm256_mul_ps,
    |x, low| _mm256_blendv_ps(low, x, _mm256_cmp_ps::<_CMP_NLE_UQ>(x, low)),
    |x, high| _mm256_blendv_ps(high, x, _mm256_cmp_ps::<_CMP_NGE_UQ>(x, high))
);

/// For what is left of a line, with the same rounding.
impl Vector for f32 {
    const LANES: usize = 1;
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        x
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for the pointer.
        unsafe { *from }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for the pointer.
        unsafe { *to = self }
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
        f32::mul_add(self, factor, summand)
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self + other
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self * other
    }
    #[inline(always)]
    unsafe fn at_least(self, low: Self) -> Self {
        if self <= low { low } else { self }
    }
    #[inline(always)]
    unsafe fn at_most(self, high: Self) -> Self {
        if self >= high { high } else { self }
    }
}

/// What [`Rows`] asks for at the channels from `first` on.
#[derive(Clone, Copy)]
struct Finish<V> {
    scale: V,
    shift: V,
    low: V,
    high: V,
}

impl<V: Vector> Finish<V> {
    /// # Safety
    /// As for [`Vector`]; scale and shift have the channels.
    #[inline(always)]
    unsafe fn of(rows: &Rows<'_, f32>, first: usize) -> Self {
        // SAFETY: by the caller's promise.
        unsafe {
            let line = |values: Option<&[f32]>, otherwise: f32| match values {
                Some(values) => V::load(values.as_ptr().add(first)),
                None => V::splat(otherwise),
            };
            Finish {
                scale: line(rows.scale, 1.0),
                // Positive zero would change the sign of a negative one.
                shift: line(rows.shift, -0.0),
                low: V::splat(rows.bounds.0),
                high: V::splat(rows.bounds.1),
            }
        }
    }

    /// Finishes a sum and writes it to the result's values from `at` on.
    ///
    /// # Safety
    /// As for [`Vector`]; the result, and the residual if there is one, have the values.
    #[inline(always)]
    unsafe fn write(&self, sum: V, rows: &Rows<'_, f32>, at: usize) {
        // SAFETY: by the caller's promise.
        unsafe {
            let mut y = sum.mul(self.scale).add(self.shift);
            if let Some(residual) = rows.residual {
                y = y.add(V::load(residual.as_ptr().add(at)));
            }
            y.at_least(self.low)
                .at_most(self.high)
                .store(rows.out.start().add(at));
        }
    }
}

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
                // One short loop for each step: a longer one is not unrolled, and then the sums live in memory from the start.
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

/// A tile of `M` positions by `N` vectors.
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

/// As [`tile`], with pairs of bf16 numbers.
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
    // SAFETY: there are `M` sources for each tap, and the panel has `N` vectors for each pair of their values, which need not lie at a
    // multiple of their size. The types that are exchanged are 512 bits without a rule for their content.
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

/// A function that calls a tile for the numbers at hand, compiled for one instruction set.
macro_rules! run {
    ($name:ident, $features:literal, $type:ty, $lanes:literal, $tile:ident $(::<$vector:ty>)?, $($m:literal)*) => {
        unsafe fn $name(
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
                // SAFETY: the features are enabled here; the rest is the caller's promise.
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

/// Writes one vector of sums at each of some positions, from the channel `first` on.
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

/// One vector of channels of a depthwise convolution by any taps.
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

/// One vector of channels of a depthwise convolution by `K` neighbouring columns of taps, `S` columns from position to position.
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

/// The depthwise kernels of one instruction set.
macro_rules! depthwise {
    ($taps:ident, $window:ident, $features:literal, $vector:ty, $($k:literal)*) => {
        unsafe fn $taps(
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
                // SAFETY: the features are enabled here; the rest is the caller's promise.
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

        unsafe fn $window(
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
                // SAFETY: the features are enabled here; the rest is the caller's promise.
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
