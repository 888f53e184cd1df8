//! One loop compiled for several vector instruction sets.

#![allow(unsafe_code)]

/// Runs `f` in the version compiled for this processor's vector instructions.
///
/// A closure passed here is inlined into each version only if it and its callees carry `#[inline(always)]`. No version fuses a product
/// with a sum, so all give the same bits.
#[inline(always)]
pub(crate) fn wide<R>(f: impl FnMut() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        use x86::Vectors;
        match *x86::VECTORS {
            // SAFETY: the processor has the version's instructions.
            Vectors::Avx512 => unsafe { x86::avx512(f) },
            // SAFETY: as above.
            Vectors::Avx2 => unsafe { x86::avx2(f) },
            Vectors::Sse2 => x86::sse2(f),
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let mut f = f;
        f()
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::is_x86_feature_detected as has;
    use std::sync::LazyLock;

    /// The instruction sets with a version of their own.
    pub(super) enum Vectors {
        Sse2,
        Avx2,
        Avx512,
    }

    /// Detected once, since a call may be as short as one dot product.
    pub(super) static VECTORS: LazyLock<Vectors> = LazyLock::new(|| {
        let avx2 = has!("avx2") && has!("fma") && has!("bmi1") && has!("bmi2") && has!("lzcnt");
        let avx512 = has!("avx512f")
            && has!("avx512bw")
            && has!("avx512cd")
            && has!("avx512dq")
            && has!("avx512vl");
        match (avx2, avx512) {
            (true, true) => Vectors::Avx512,
            (true, false) => Vectors::Avx2,
            (false, _) => Vectors::Sse2,
        }
    });

    #[inline(never)]
    pub(super) fn sse2<R>(mut f: impl FnMut() -> R) -> R {
        f()
    }

    #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt")]
    pub(super) fn avx2<R>(mut f: impl FnMut() -> R) -> R {
        f()
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt"
    )]
    pub(super) fn avx512<R>(mut f: impl FnMut() -> R) -> R {
        f()
    }
}
