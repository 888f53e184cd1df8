//! Numbers that a seed draws, the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A generator of numbers.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    /// Begins one of the seed's streams.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Random(generator)
    }

    /// Draws any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Draws a number from 0 up to 1, which it never is.
    pub(crate) fn share(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Draws a number from 0 to 1, which it may be.
    pub(crate) fn level(&mut self) -> f32 {
        self.0.next_u32() as f32 / u32::MAX as f32
    }
}
