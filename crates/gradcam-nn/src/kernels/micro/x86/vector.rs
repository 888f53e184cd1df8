//! Vectors of both instruction sets, and the final operations on sums.

#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::kernels::micro::tile::Rows;

/// A register of `f32` numbers.
///
/// # Safety
/// Call these functions only from a function compiled for their instructions, on a processor that has them, and with pointers to
/// `LANES` numbers.
pub(super) trait Vector: Copy {
    const LANES: usize;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Computes `self * factor + summand`, rounded once.
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// Returns the larger of each pair; NaN stays.
    unsafe fn at_least(self, low: Self) -> Self;
    /// Returns the smaller of each pair; NaN stays.
    unsafe fn at_most(self, high: Self) -> Self;
}

macro_rules! vector {
    ($type:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $fmadd:ident, $add:ident, $mul:ident, $greater:expr, $less:expr) => {
        impl Vector for $type {
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn splat(x: f32) -> Self {
                // SAFETY: the caller vouches for the instructions, and below for the pointers.
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

/// For the remainder of a line, with the same rounding.
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

/// The operations of [`Rows`] at the channels from `first` on, in registers.
#[derive(Clone, Copy)]
pub(super) struct Finish<V> {
    pub(super) scale: V,
    pub(super) shift: V,
    pub(super) low: V,
    pub(super) high: V,
}

impl<V: Vector> Finish<V> {
    /// # Safety
    /// As for [`Vector`]; scale and shift must have the channels.
    #[inline(always)]
    pub(super) unsafe fn of(rows: &Rows<'_, f32>, first: usize) -> Self {
        // SAFETY: by the caller's promise.
        unsafe {
            let line = |values: Option<&[f32]>, otherwise: f32| match values {
                Some(values) => V::load(values.as_ptr().add(first)),
                None => V::splat(otherwise),
            };
            Finish {
                scale: line(rows.scale, 1.0),
                // Adding positive zero would change the sign of a negative zero.
                shift: line(rows.shift, -0.0),
                low: V::splat(rows.bounds.0),
                high: V::splat(rows.bounds.1),
            }
        }
    }

    /// Finishes a sum and writes it to the result from the value `at` on.
    ///
    /// # Safety
    /// As for [`Vector`]; the result, and any residual, must have the values.
    #[inline(always)]
    pub(super) unsafe fn write(&self, sum: V, rows: &Rows<'_, f32>, at: usize) {
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
