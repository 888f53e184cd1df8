//! Whole numbers below an end.
//!
//! There are three formulas, and no two give the same number for all bits.

use std::ops::RangeInclusive;

use crate::Random;

impl Random {
    /// Draws a whole number from 0 to below `end`, or 0 if `end` is 0. By Lemire's multiplication (2019) without its correction: the bias of
    /// `end` / 2⁶⁴ is beyond any test.
    #[inline]
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.number()) * end as u128) >> 64) as usize
    }

    /// Draws a whole number from 0 to below `end`, or 0 if `end` is 0: a [`unit`](Random::unit) of `end`, rounded down. It sees 53 bits where
    /// [`below`](Random::below) sees 64, so the two may differ at the edge of a number.
    #[inline]
    pub fn part(&mut self, end: usize) -> usize {
        (self.unit() * end as f64) as usize
    }

    /// Draws a whole number from 0 to below `end`, or 0 if `end` is 0, each exactly as likely as the others: a remainder, with bits of the
    /// last, partial run of `end` drawn again.
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

    /// With an end above half of all numbers, about every other number is drawn again.
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
