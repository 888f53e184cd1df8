//! `--precision`.

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
    /// As the command line has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Tf32 => "tf32",
            Precision::F16 => "f16",
            Precision::Bf16 => "bf16",
        }
    }
}
