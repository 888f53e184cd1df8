//! Whole numbers below a bound.
//!
//! No two of the three formulas give the same number for all bits.

use std::ops::RangeInclusive;

use crate::Random;

impl Random {
    /// Draws a whole number from 0 to below `end`, or 0 if `end` is 0, by Lemire's multiplication (2019) without its correction. The bias
    /// of `end` / 2⁶⁴ is too small to detect.
    #[inline]
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.number()) * end as u128) >> 64) as usize
    }

    /// Draws a whole number from 0 to below `end`, or 0 if `end` is 0: a [`unit`](Random::unit) times `end`, rounded down. It uses 53 bits
    /// and [`below`](Random::below) 64, so the two may differ where the product is near a whole number.
    #[inline]
    pub fn part(&mut self, end: usize) -> usize {
        (self.unit() * end as f64) as usize
    }

    /// Draws a whole number from 0 to below `end`, or 0 if `end` is 0, all exactly equally likely. The number is a remainder; bits in the
    /// last, partial run of `end` are redrawn.
    #[inline]
    pub fn fair(&mut self, end: usize) -> usize {
        let end = (end as u64).max(1);
        let whole: RangeInclusive<u64> = 0..=u64::MAX - (u64::MAX % end + 1) % end;
        loop {
            let value = self.number();
            if whole.contains(&value) {
                return (value % end) as usize;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three(mut draw: impl FnMut(&mut Random) -> usize) -> [usize; 3] {
        let mut random = Random::new(7, 1);
        [(); 3].map(|()| draw(&mut random))
    }

    #[test]
    fn numbers_are_fixed() {
        assert_eq!(three(|random| random.below(1000)), [992, 9, 721]);
        assert_eq!(three(|random| random.part(1000)), [992, 9, 721]);
        assert_eq!(three(|random| random.fair(1000)), [175, 533, 538]);
    }

    /// With `end` above half the range, about every other number is redrawn.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_partial_run_is_drawn_again() {
        let found = three(|random| random.fair((1 << 63) + 1));
        assert_eq!(
            found,
            [
                166_969_048_821_288_533,
                1_077_225_792_707_941_818,
                3_290_599_456_807_327_636
            ]
        );
    }

    #[test]
    fn nothing_is_below_zero() {
        let mut random = Random::new(0, 0);
        assert_eq!([random.below(0), random.part(0), random.fair(0)], [0; 3]);
    }
}
