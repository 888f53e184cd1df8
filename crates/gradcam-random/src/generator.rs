//! The generator: ChaCha8's bits for a seed and a stream.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A generator of numbers from a seed and a stream, by ChaCha8 (Bernstein 2008).
///
/// ```
/// use gradcam_random::Random;
///
/// let (mut one, mut other) = (Random::new(1, 0), Random::new(1, 1));
/// assert_ne!(one.number(), other.number());
/// ```
#[derive(Debug, Clone)]
pub struct Random(pub(crate) ChaCha8Rng);

impl Random {
    /// Begins stream `stream` of the seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Random(generator)
    }

    /// Begins the stream of draw `draw`, for draws that differ only in their number.
    pub fn of_draw(seed: u64, draw: usize) -> Self {
        Random::new(seed, draw as u64)
    }

    /// Begins the stream of `name`, numbered by the name's FNV-1a (Fowler, Noll and Vo), a hash that never changes.
    pub fn of_name(seed: u64, name: &str) -> Self {
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Random::new(seed, hash)
    }

    /// Draws 64 bits.
    #[inline]
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Draws 32 bits, half as many as [`number`](Random::number) takes from the stream.
    #[inline]
    pub fn word(&mut self) -> u32 {
        self.0.next_u32()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_fixed() {
        let mut random = Random::new(7, 1);
        let numbers = [(); 3].map(|()| random.number());
        assert_eq!(
            numbers,
            [
                0xfdfa_d737_a8d7_aac7,
                0x0251_3177_1b7a_4e55,
                0xb8bb_8bda_f784_db52
            ]
        );
        // Two words make a number, the lower half first.
        let mut random = Random::of_draw(7, 1);
        let words = [(); 3].map(|()| random.word());
        assert_eq!(words, [0xa8d7_aac7, 0xfdfa_d737, 0x1b7a_4e55]);
        assert_eq!(Random::new(0, 0).number(), 0xb585_f767_a79a_3b6c);
        let mut named = Random::of_name(7, "conv1.weight");
        assert_eq!(named.number(), 0x51ef_49c8_78ca_42ae);
    }
}
