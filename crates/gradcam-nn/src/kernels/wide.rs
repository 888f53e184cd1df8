//! The same loop for several vector instruction sets.

/// Runs `f`, compiled once for each set of vector instructions, in the version for this processor.
///
/// A closure at a call is inlined into each version only if it carries `#[inline(always)]`, and what it calls as well. None of the
/// versions contracts a product and a sum, so all give the same bits.
#[inline(always)]
pub(crate) fn wide<R>(f: impl FnMut() -> R) -> R {
    pulp::Arch::new().dispatch(Call(f))
}

/// A plain closure would be called through a shim, which is compiled for the oldest processor.
struct Call<F>(F);

impl<R, F: FnMut() -> R> pulp::NullaryFnOnce for Call<F> {
    type Output = R;
    #[inline(always)]
    fn call(mut self) -> R {
        (self.0)()
    }
}
