//! How exactly factors are kept.

use std::fmt;

use super::micro;

/// How exactly the factors of a convolution's forward pass are kept. Sums are `f32`, and so are gradients.
///
/// It can be matched exhaustively: who offers a precision says which devices have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// As they are.
    #[default]
    F32,
    /// Rounded to 8 significant bits (bfloat16): about twice as fast where the processor multiplies such numbers. Not for CUDA devices,
    /// where a network whose tensors are bf16 does the same and moves half the memory.
    Bf16,
    /// Rounded to 11 significant bits, on CUDA devices alone: what PyTorch does with convolutions by default.
    Tf32,
}

impl Precision {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
            Precision::Tf32 => "tf32",
        }
    }

    /// Whether this processor computes so. Where it does not, the results are those of `f32`.
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
