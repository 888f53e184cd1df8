//! `--precision`.

use std::fmt;

/// The precision of a network's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    /// 24 significant bits.
    F32,
    /// 11 significant bits for the convolutions' factors, 24 for sums.
    Tf32,
    /// 11 significant bits, up to 65,504; 24 for sums.
    F16,
    /// 8 significant bits, 24 for sums; on a CPU only for the convolutions' factors.
    Bf16,
}

impl Precision {
    /// All precisions.
    pub(crate) const ALL: [Precision; 4] = [
        Precision::F32,
        Precision::Tf32,
        Precision::F16,
        Precision::Bf16,
    ];

    /// Returns its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Tf32 => "tf32",
            Precision::F16 => "f16",
            Precision::Bf16 => "bf16",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
