//! `--precision`.

use std::fmt;

/// How exactly a network's numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    /// 24 significant bits.
    F32,
    /// The convolutions' factors have 11 significant bits, sums 24.
    Tf32,
    /// 11 significant bits, up to 65,504; sums have 24.
    F16,
    /// 8 significant bits; sums have 24. On a processor the convolutions' factors alone.
    Bf16,
}

impl Precision {
    /// Every choice.
    pub(crate) const ALL: [Precision; 4] = [
        Precision::F32,
        Precision::Tf32,
        Precision::F16,
        Precision::Bf16,
    ];

    /// Its name.
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
