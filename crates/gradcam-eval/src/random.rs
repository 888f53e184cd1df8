//! Seeded numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

/// The generator of the draw number `draw` under `seed`: draws do not depend on one another, so they may be made in any order.
pub(crate) fn generator(seed: u64, draw: usize) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(draw as u64);
    random
}

/// The generator of what is called `name` under `seed`. The name becomes a stream by FNV-1a, a hash that never changes.
pub(crate) fn named_generator(seed: u64, name: &str) -> ChaCha8Rng {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(hash);
    random
}

/// Uniform from 0 to below 1, in steps of 2⁻⁵³.
pub(crate) fn unit(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Standard normal.
pub(crate) fn normal(random: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(random)
}

/// A whole number from 0 to below `end`, which is not 0; by Lemire's multiplication, whose bias of `end` / 2⁶⁴ no test could see.
pub(crate) fn below(random: &mut ChaCha8Rng, end: usize) -> usize {
    ((u128::from(random.next_u64()) * end as u128) >> 64) as usize
}

/// The first `count` of the numbers from 0 to below `end` in random order (Fisher and Yates).
pub(crate) fn drawn(random: &mut ChaCha8Rng, count: usize, end: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..end).collect();
    for i in 0..count.min(end) {
        let other = i + below(random, end - i);
        numbers.swap(i, other);
    }
    numbers.truncate(count);
    numbers
}
