//! Uniform numbers.

use crate::Random;

impl Random {
    /// Draws a number from 0 to below 1, in steps of 2⁻⁵³.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Draws a number from `low` to below `high`, scaled from a [`unit`](Random::unit).
    #[inline]
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Draws a number from 0 to 1, both included, from 32 bits: for mixing two values.
    #[inline]
    pub fn share(&mut self) -> f64 {
        f64::from(self.word()) / f64::from(u32::MAX)
    }

    /// Draws a [`share`](Random::share) in single precision. Its bits are rounded before the division, so it is not a rounded `share`.
    #[inline]
    pub fn level(&mut self) -> f32 {
        self.word() as f32 / u32::MAX as f32
    }

    /// Draws a number between 0 and 1, both excluded, in steps of 2⁻⁵³: for logarithms.
    #[inline]
    pub(crate) fn inner(&mut self) -> f64 {
        ((self.number() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three<T>(mut draw: impl FnMut(&mut Random) -> T) -> [T; 3] {
        let mut random = Random::new(7, 1);
        [(); 3].map(|()| draw(&mut random))
    }

    #[test]
    fn numbers_are_fixed() {
        let unit = [0.9921087752234984, 0.009051410273493876, 0.7216117295825087];
        assert_eq!(three(Random::unit), unit);
        let between = [2.9684351008939935, -0.9637943589060245, 1.886446918330035];
        assert_eq!(three(|random| random.between(-1.0, 3.0)), between);
        let share = [0.6595408189249087, 0.9921087753009304, 0.10733499124351306];
        assert_eq!(three(Random::share), share);
        assert_eq!(three(Random::level), [0.65954083, 0.99210876, 0.107334994]);
    }
}
