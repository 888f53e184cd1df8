//! Micro-kernels: the sums of one small tile, kept in registers.
//!
//! A tile is some positions of the result by the channels of one panel. Every sum runs over its terms in one order, so that its bits
//! do not depend on the tile that it falls into, nor, between the x86 kernels, on the width of the vectors.

#![allow(unsafe_code)]

use super::Element;
use super::gemm::{Matrix, multiply};

/// The way to compute a tile, and the sizes that suit it. `A` is what is multiplied, `T` what is added up.
pub(crate) struct Kernel<A, T> {
    /// The most positions of a tile.
    pub(crate) rows: usize,
    /// Channels of a full panel.
    pub(crate) lanes: usize,
    /// A panel's channels are filled up to a multiple of this.
    pub(crate) vector: usize,
    /// Consecutive terms of a channel that lie side by side in a panel.
    pub(crate) pair: usize,
    run: Run<A, T>,
}

/// Writes `positions × width` sums. For each tap there are `positions` sources, each of `depth` values.
type Run<A, T> = unsafe fn(
    sources: &[*const A],
    positions: usize,
    depth: usize,
    panel: &[A],
    width: usize,
    sums: &mut [T],
);

impl<A, T> Clone for Kernel<A, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<A, T> Copy for Kernel<A, T> {}

impl<A, T> Kernel<A, T> {
    /// The sums of a tile: `sums` is `(positions, width)`, `sources` `(taps, positions)` pointers to `depth` values each, and `panel`
    /// has `taps * depth * width` weights.
    ///
    /// # Safety
    /// Every source must be valid for reading `depth` values.
    pub(crate) unsafe fn tile(
        &self,
        sources: &[*const A],
        positions: usize,
        depth: usize,
        panel: &[A],
        width: usize,
        sums: &mut [T],
    ) {
        assert!(
            (1..=self.rows).contains(&positions)
                && width <= self.lanes.next_multiple_of(self.vector)
                && width.is_multiple_of(self.vector)
                && sums.len() == positions * width
                && panel.len() == sources.len() / positions * depth * width
        );
        // SAFETY: the sizes fit by the assertion, the sources by the caller's promise; a kernel is only handed out where the
        // processor has its instructions.
        unsafe { (self.run)(sources, positions, depth, panel, width, sums) }
    }
}

/// The way to compute some positions of a depthwise convolution.
pub(crate) struct DepthwiseKernel<T> {
    run: RunDepthwise<T>,
}

/// Positions that a depthwise kernel computes at once: they share a load of the weights.
pub(crate) const DEPTHWISE: usize = 4;

/// Writes `DEPTHWISE × channels` sums. For each tap there are `DEPTHWISE` sources and a line of weights, each of `channels` values.
type RunDepthwise<T> =
    unsafe fn(sources: &[*const T], weight: &[T], channels: usize, sums: &mut [T]);

impl<T: Element> DepthwiseKernel<T> {
    /// The sums of some positions: `sums` is `(DEPTHWISE, channels)`, `sources` `(taps, DEPTHWISE)`, and `weight` `(taps, channels)`.
    ///
    /// # Safety
    /// Every source must be valid for reading `channels` values.
    pub(crate) unsafe fn positions(
        &self,
        sources: &[*const T],
        weight: &[T],
        channels: usize,
        sums: &mut [T],
    ) {
        assert!(
            sums.len() == DEPTHWISE * channels
                && weight.len() * DEPTHWISE == sources.len() * channels
        );
        // SAFETY: the sizes fit by the assertion, the sources by the caller's promise; a kernel is only handed out where the
        // processor has its instructions.
        unsafe { (self.run)(sources, weight, channels, sums) }
    }
}

/// The depthwise kernel for any processor and element type.
pub(crate) fn portable_depthwise<T: Element>() -> DepthwiseKernel<T> {
    DepthwiseKernel {
        run: run_portable_depthwise::<T>,
    }
}

unsafe fn run_portable_depthwise<T: Element>(
    sources: &[*const T],
    weight: &[T],
    channels: usize,
    sums: &mut [T],
) {
    for (position, sums) in sums.chunks_exact_mut(channels).enumerate() {
        sums.fill(T::ZERO);
        let sources = sources.iter().skip(position).step_by(DEPTHWISE);
        for (source, weight) in sources.zip(weight.chunks_exact(channels)) {
            // SAFETY: the caller promises `channels` values behind every source.
            let source = unsafe { std::slice::from_raw_parts(*source, channels) };
            for (sum, (&x, &w)) in sums.iter_mut().zip(source.iter().zip(weight)) {
                *sum += x * w;
            }
        }
    }
}

/// The fastest depthwise kernel for `f32` on this processor.
pub(crate) fn fastest_depthwise() -> DepthwiseKernel<f32> {
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx512f") {
            return x86::avx512_depthwise();
        }
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            return x86::avx2_depthwise();
        }
    }
    portable_depthwise()
}

/// Positions of a tile of the portable kernel.
const ROWS: usize = 64;

/// The kernel for any processor and element type: rows are copied together and multiplied by the `gemm` crate.
pub(crate) fn portable<T: Element>() -> Kernel<T, T> {
    Kernel {
        rows: ROWS,
        lanes: 1 << 20,
        vector: 1,
        pair: 1,
        run: run_portable::<T>,
    }
}

unsafe fn run_portable<T: Element>(
    sources: &[*const T],
    positions: usize,
    depth: usize,
    panel: &[T],
    width: usize,
    sums: &mut [T],
) {
    let terms = sources.len() / positions * depth;
    let mut rows = Vec::with_capacity(ROWS * terms);
    for position in 0..positions {
        for source in sources.iter().skip(position).step_by(positions) {
            // SAFETY: the caller promises `depth` values behind every source.
            rows.extend_from_slice(unsafe { std::slice::from_raw_parts(*source, depth) });
        }
    }
    // A product of another size might be summed in another order: a tile is filled up.
    rows.resize(ROWS * terms, T::ZERO);
    let mut product = vec![T::ZERO; ROWS * width];
    multiply(
        &mut product,
        Matrix::row_major(&rows, ROWS, terms, terms),
        Matrix::row_major(panel, terms, width, width),
    );
    sums.copy_from_slice(&product[..positions * width]);
}

/// Asks for the cache line behind `start`, which will be used soon; any pointer will do.
#[inline(always)]
pub(crate) fn prefetch<T>(start: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect but on time, and does not fault.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(start.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = start;
}

/// All kernels for `f32` that this processor has.
#[cfg(test)]
pub(super) fn available() -> Vec<(Kernel<f32, f32>, DepthwiseKernel<f32>)> {
    let mut kernels = vec![(portable(), portable_depthwise())];
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            kernels.push((x86::avx2(), x86::avx2_depthwise()));
        }
        if std::is_x86_feature_detected!("avx512f") {
            kernels.push((x86::avx512(), x86::avx512_depthwise()));
        }
    }
    kernels
}

/// The fastest kernel for `f32` on this processor.
pub(crate) fn fastest() -> Kernel<f32, f32> {
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx512f") {
            return x86::avx512();
        }
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            return x86::avx2();
        }
    }
    portable()
}

/// The kernel that multiplies bf16 numbers and adds up in `f32`, where the processor has one.
pub(crate) fn bf16() -> Option<Kernel<u16, f32>> {
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx512bf16") && std::is_x86_feature_detected!("avx512f") {
            return Some(x86::bf16());
        }
    }
    None
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{DEPTHWISE, DepthwiseKernel, Kernel};

    /// 14 positions by 32 channels: 28 of the 32 registers hold sums.
    pub(super) fn avx512() -> Kernel<f32, f32> {
        Kernel {
            rows: 14,
            lanes: 32,
            vector: 16,
            pair: 1,
            run: run_avx512,
        }
    }

    /// As [`avx512`]; two terms of a sum lie side by side.
    pub(super) fn bf16() -> Kernel<u16, f32> {
        Kernel {
            rows: 14,
            lanes: 32,
            vector: 16,
            pair: 2,
            run: run_bf16,
        }
    }

    /// 6 positions by 16 channels: 12 of the 16 registers hold sums.
    pub(super) fn avx2() -> Kernel<f32, f32> {
        Kernel {
            rows: 6,
            lanes: 16,
            vector: 8,
            pair: 1,
            run: run_avx2,
        }
    }

    /// Calls `$kernel::<positions, vectors>` for the numbers at hand.
    macro_rules! sized {
        ($kernel:ident, $positions:expr, $vectors:expr, $arguments:tt, $($m:literal)*) => {
            match ($positions, $vectors) {
                $(($m, 1) => $kernel::<$m, 1> $arguments,
                ($m, 2) => $kernel::<$m, 2> $arguments,)*
                _ => {}
            }
        };
    }

    unsafe fn run_avx512(
        sources: &[*const f32],
        positions: usize,
        depth: usize,
        panel: &[f32],
        width: usize,
        sums: &mut [f32],
    ) {
        let taps = sources.len() / positions;
        let (sources, panel, out) = (sources.as_ptr(), panel.as_ptr(), sums.as_mut_ptr());
        // SAFETY: `Kernel::tile` has checked the sizes; its caller vouches for the sources.
        unsafe {
            sized!(tile_avx512, positions, width / 16, (sources, taps, depth, panel, out),
                1 2 3 4 5 6 7 8 9 10 11 12 13 14);
        }
    }

    unsafe fn run_avx2(
        sources: &[*const f32],
        positions: usize,
        depth: usize,
        panel: &[f32],
        width: usize,
        sums: &mut [f32],
    ) {
        let taps = sources.len() / positions;
        let (sources, panel, out) = (sources.as_ptr(), panel.as_ptr(), sums.as_mut_ptr());
        // SAFETY: as above.
        unsafe {
            sized!(tile_avx2, positions, width / 8, (sources, taps, depth, panel, out), 1 2 3 4 5 6);
        }
    }

    /// A tile of `M` positions by `V` vectors. Plain loops over indices: an iterator's methods might not be inlined into a function
    /// with other target features.
    macro_rules! tile {
        ($name:ident, $features:literal, $lanes:literal, $zero:ident, $load:ident, $set1:ident, $fmadd:ident, $store:ident) => {
            #[target_feature(enable = $features)]
            #[allow(clippy::needless_range_loop)]
            unsafe fn $name<const M: usize, const V: usize>(
                sources: *const *const f32,
                taps: usize,
                depth: usize,
                mut panel: *const f32,
                out: *mut f32,
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
                for m in 0..M {
                    for v in 0..V {
                        // SAFETY: `out` holds `M * V` vectors.
                        unsafe { $store(out.add((m * V + v) * $lanes), sums[m][v]) };
                    }
                }
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
        _mm512_storeu_ps
    );
    tile!(
        tile_avx2,
        "avx2,fma",
        8,
        _mm256_setzero_ps,
        _mm256_loadu_ps,
        _mm256_set1_ps,
        _mm256_fmadd_ps,
        _mm256_storeu_ps
    );

    unsafe fn run_bf16(
        sources: &[*const u16],
        positions: usize,
        depth: usize,
        panel: &[u16],
        width: usize,
        sums: &mut [f32],
    ) {
        assert!(depth.is_multiple_of(2));
        let taps = sources.len() / positions;
        let (sources, panel, out) = (sources.as_ptr(), panel.as_ptr(), sums.as_mut_ptr());
        // SAFETY: as above.
        unsafe {
            sized!(tile_bf16, positions, width / 16, (sources, taps, depth, panel, out),
                1 2 3 4 5 6 7 8 9 10 11 12 13 14);
        }
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    #[allow(clippy::needless_range_loop)]
    unsafe fn tile_bf16<const M: usize, const V: usize>(
        sources: *const *const u16,
        taps: usize,
        depth: usize,
        mut panel: *const u16,
        out: *mut f32,
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
        for m in 0..M {
            for v in 0..V {
                // SAFETY: `out` holds `M * V` vectors.
                unsafe { _mm512_storeu_ps(out.add((m * V + v) * 16), sums[m][v]) };
            }
        }
    }

    pub(super) fn avx512_depthwise() -> DepthwiseKernel<f32> {
        DepthwiseKernel {
            run: depthwise_avx512,
        }
    }

    pub(super) fn avx2_depthwise() -> DepthwiseKernel<f32> {
        DepthwiseKernel {
            run: depthwise_avx2,
        }
    }

    macro_rules! depthwise {
        ($name:ident, $inner:ident, $features:literal, $lanes:literal, $zero:ident, $load:ident, $fmadd:ident, $store:ident) => {
            unsafe fn $name(
                sources: &[*const f32],
                weight: &[f32],
                channels: usize,
                sums: &mut [f32],
            ) {
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
}
