//! Numbers from the normal distribution.

use std::f64::consts::TAU;

use rand_distr::{Distribution, StandardNormal};

use crate::Random;

impl Random {
    /// Draws a standard normal number, by the ziggurat (Marsaglia and Tsang 2000; Doornik 2005).
    #[inline]
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// Draws a standard [`normal`](Random::normal) number within ±`cut`, redrawing those beyond. `cut` is above 0.
    #[inline]
    pub fn truncated_normal(&mut self, cut: f64) -> f64 {
        loop {
            let value = self.normal();
            if value.abs() <= cut {
                return value;
            }
        }
    }

    /// Draws `count` [`normal`](Random::normal) numbers with mean 0 and this standard deviation.
    pub fn normals(&mut self, count: usize, deviation: f64) -> Vec<f64> {
        (0..count).map(|_| deviation * self.normal()).collect()
    }

    /// Draws two normal numbers with mean 0 and this standard deviation, by the Box–Muller transform (1958). They differ from those of
    /// [`normal`](Random::normal), and no other crate can change their formula.
    #[inline]
    pub fn normal_pair(&mut self, deviation: f64) -> [f64; 2] {
        let radius = (-2.0 * self.inner().ln()).sqrt() * deviation;
        let (sin, cos) = (TAU * self.inner()).sin_cos();
        [radius * cos, radius * sin]
    }

    /// Draws an approximately normal number with mean 0 and standard deviation 1: the sum of twelve uniform numbers, within ±6. It uses no
    /// logarithm, whose last bit differs between machines.
    pub fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.between(-0.5, 0.5)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three(mut draw: impl FnMut(&mut Random) -> f64) -> [f64; 3] {
        let mut random = Random::new(7, 1);
        [(); 3].map(|()| draw(&mut random))
    }

    #[test]
    fn numbers_are_fixed() {
        let normal = [1.026385675375612, -1.8126389963000868, 0.8288601889671354];
        assert_eq!(three(Random::normal), normal);
        let cut = [0.096934558433416, 0.1723840839542481, 0.05474053135884184];
        assert_eq!(three(|random| random.truncated_normal(0.5)), cut);
        let half = normal.map(|v| 0.5 * v);
        assert_eq!(Random::new(7, 1).normals(3, 0.5), half);
        let bell = [
            0.025340733895858447,
            -0.26286865237943435,
            1.4185623886677676,
        ];
        assert_eq!(three(Random::bell), bell);
        let mut random = Random::of_name(7, "conv1.weight");
        let pairs = [(); 2].map(|()| random.normal_pair(0.5).map(|v| v as f32));
        assert_eq!(pairs, [[-0.3740544, 0.6555232], [-0.12785158, -0.20779741]]);
    }

    /// This many draws reach all branches of the ziggurat, including its tail.
    #[test]
    fn the_ziggurat_is_fixed() {
        let mut random = Random::new(7, 1);
        let draws: Vec<f64> = (0..1_000_000).map(|_| random.normal()).collect();
        assert_eq!(draws[944_031], -5.177418154091136);
        assert_eq!(draws[..100_000].iter().sum::<f64>(), -222.62888188060055);
    }
}
