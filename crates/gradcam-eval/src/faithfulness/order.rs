//! The order in which a map's pixels are taken.

use gradcam_map::Grid;
use gradcam_random::Random;

use crate::Result;
use crate::degenerate::check_finite;

/// How ties between equal values are broken. After a ReLU and an upsampling, a fifth of a map's pixels are 0, so a curve depends on this
/// rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// At random, from this seed.
    Random(u64),
    /// In reading order, as in code that sorts without a rule for ties.
    Raster,
}

impl Default for Ties {
    fn default() -> Self {
        Ties::Random(0)
    }
}

/// Returns the indices of a map's pixels from the highest value to the lowest.
///
/// # Errors
/// If the map is not finite.
pub fn order(map: &Grid, ties: Ties) -> Result<Vec<usize>> {
    check_finite(map)?;
    let keys: Vec<u64> = match ties {
        Ties::Raster => vec![0; map.size().area()],
        Ties::Random(seed) => {
            let mut random = Random::of_name(seed, "ties");
            map.values().iter().map(|_| random.number()).collect()
        }
    };
    // 0 and -0 tie, although `total_cmp` orders them.
    let value = |i: usize| map.values()[i] + 0.0;
    let mut order: Vec<usize> = (0..map.size().area()).collect();
    order.sort_by(|&a, &b| {
        let by_value = value(b).total_cmp(&value(a));
        by_value.then(keys[a].cmp(&keys[b])).then(a.cmp(&b))
    });
    Ok(order)
}

/// Returns the share of a map's pixels that tie with another pixel, 0 to 1.
///
/// # Errors
/// If the map is not finite.
pub fn tie_fraction(map: &Grid) -> Result<f64> {
    check_finite(map)?;
    let mut values = map.values().to_vec();
    values.sort_by(f32::total_cmp);
    let tied = values.chunk_by(|a, b| a == b).map(<[f32]>::len);
    let tied: usize = tied.filter(|&count| count > 1).sum();
    Ok(tied as f64 / values.len() as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::grid;

    #[test]
    fn ties_go_by_chance_or_in_reading_order() {
        let map = grid(2, 4, &[0.0, 3.0, -0.0, 0.0, -1.0, 0.0, 3.0, 0.0]);
        assert_eq!(order(&map, Ties::Raster).unwrap(), [1, 6, 0, 2, 3, 5, 7, 4]);
        assert_eq!(tie_fraction(&map).unwrap(), 7.0 / 8.0);
        let drawn = |seed: u64| order(&map, Ties::Random(seed)).unwrap();
        assert_eq!(drawn(1), drawn(1));
        // In 200 draws every zero comes first about a fifth of the time.
        for zero in [0, 2, 3, 5, 7] {
            let first = (0..200).filter(|&seed| drawn(seed)[2] == zero).count();
            assert!((20..=65).contains(&first), "{zero}: {first}");
        }
        assert!((0..200).all(|seed| drawn(seed)[7] == 4 && drawn(seed)[0] % 5 == 1));
    }
}
