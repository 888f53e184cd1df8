//! The precision of factors.

use std::fmt;

use super::micro;

/// The precision of the factors in a convolution's forward pass. Sums and gradients are `f32`.
///
/// Matches on it can be exhaustive: code that offers a precision then states which devices have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// Unrounded.
    #[default]
    F32,
    /// Rounded to 8 significant bits (bfloat16): about twice as fast if the processor multiplies such numbers. Not for CUDA devices,
    /// where a network of bf16 tensors does the same and moves half the memory.
    Bf16,
    /// Rounded to 11 significant bits, on CUDA devices only: PyTorch's default for convolutions.
    Tf32,
}

impl Precision {
    /// Returns the name.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
            Precision::Tf32 => "tf32",
        }
    }

    /// Returns whether this processor supports it. If not, the results are those of `f32`.
    pub fn is_supported(self) -> bool {
        match self {
            Precision::F32 => true,
            Precision::Bf16 => micro::bf16().is_some(),
            Precision::Tf32 => false,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
