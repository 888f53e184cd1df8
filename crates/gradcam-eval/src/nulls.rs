//! Maps that do not depend on the image or on the network: a method must beat them on the same images.

use gradcam_map::{Grid, Size};
use gradcam_random::Random;

/// Draws independent uniform numbers from 0 to below 1: pixels in a random order.
///
/// ```
/// use gradcam_eval::nulls::random_map;
/// use gradcam_eval::gradcam_map::Size;
///
/// let size = Size::new(2, 3)?;
/// assert_eq!(random_map(size, 7), random_map(size, 7));
/// assert_ne!(random_map(size, 7), random_map(size, 8));
/// # Ok::<(), gradcam_eval::gradcam_map::Error>(())
/// ```
pub fn random_map(size: Size, seed: u64) -> Grid {
    let mut random = Random::of_name(seed, "random map");
    Grid::from_fn(size, |_| random.unit() as f32)
}

/// Computes a Gaussian around the centre, 1 at its peak, with a standard deviation of a quarter of each side. Photographers put their
/// subject in the middle, so a method that finds it there has shown nothing.
///
/// ```
/// let size = gradcam_eval::gradcam_map::Size::new(5, 7)?;
/// assert_eq!(gradcam_eval::nulls::centre_map(size).argmax(), Some((2, 3)));
/// # Ok::<(), gradcam_eval::gradcam_map::Error>(())
/// ```
pub fn centre_map(size: Size) -> Grid {
    let (height, width) = size.height_width();
    let square = |index: usize, side: usize| {
        let offset = index as f64 + 0.5 - side as f64 / 2.0;
        (offset / (side as f64 / 4.0)).powi(2)
    };
    Grid::from_fn(size, |i| {
        let distance = square(i / width, height) + square(i % width, width);
        (-distance / 2.0).exp() as f32
    })
}

/// Shuffles the values of a map over its positions.
///
/// ```
/// use gradcam_eval::nulls::{centre_map, permuted_map};
/// use gradcam_eval::gradcam_map::Size;
///
/// let map = centre_map(Size::new(5, 7)?);
/// let permuted = permuted_map(&map, 0);
/// assert_ne!(permuted, map);
/// assert_eq!((permuted.min(), permuted.max()), (map.min(), map.max()));
/// # Ok::<(), gradcam_eval::gradcam_map::Error>(())
/// ```
pub fn permuted_map(map: &Grid, seed: u64) -> Grid {
    let count = map.size().area();
    let order = Random::of_name(seed, "permuted map").draws(count, count);
    Grid::from_fn(map.size(), |i| map.values()[order[i]])
}

/// Resamples a map to another size: each position has the mean of the positions that it covers, as in PyTorch's adaptive average pooling.
pub fn averaged_map(map: &Grid, size: Size) -> Grid {
    let (height, width) = size.height_width();
    let covered =
        |index: usize, of: usize, side: usize| index * side / of..((index + 1) * side).div_ceil(of);
    Grid::from_fn(size, |i| {
        let columns = covered(i % width, width, map.width());
        let rows = covered(i / width, height, map.height());
        let count = rows.len() * columns.len();
        let places = rows.flat_map(|row| columns.clone().map(move |column| (row, column)));
        let values = places.filter_map(|(row, column)| map.get(row, column));
        (values.map(f64::from).sum::<f64>() / count as f64) as f32
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{grid, size};

    /// The expected values come from `torch.nn.functional.adaptive_avg_pool2d`.
    #[test]
    fn a_coarser_map_has_the_means_of_what_its_places_cover() {
        let map = grid(2, 5, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
        // Columns 0 to 1, 1 to 3 and 3 to 4: a position that two windows share counts for both.
        assert_eq!(averaged_map(&map, size(1, 3)), grid(1, 3, &[4.0, 5.5, 7.0]));
        assert_eq!(averaged_map(&map, size(2, 5)), map);
    }

    #[test]
    fn the_centre_is_in_the_centre() {
        let map = centre_map(size(5, 9));
        assert_eq!(map.argmax(), Some((2, 4)));
        assert_eq!(map.max(), 1.0);
        // An edge pixel's centre is 3.5 pixels from the middle, and the standard deviation is 2.
        let edge = centre_map(size(8, 1));
        assert!((edge.values()[0] - (-0.5 * (3.5_f32 / 2.0).powi(2)).exp()).abs() < 1e-6);
        assert_eq!(edge.values()[0], edge.values()[7]);
    }

    #[test]
    fn a_permutation_keeps_the_values_and_follows_the_seed() {
        let map = random_map(size(6, 7), 3);
        let found = permuted_map(&map, 1);
        assert_ne!(found, map);
        assert_eq!(found, permuted_map(&map, 1));
        assert_ne!(found, permuted_map(&map, 2));
        let sorted = |map: &Grid| {
            let mut values = map.values().to_vec();
            values.sort_by(f32::total_cmp);
            values
        };
        assert_eq!(sorted(&found), sorted(&map));
    }
}
