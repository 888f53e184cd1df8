//! Lines of equal evidence, by marching squares (Lorensen and Cline 1987, in two dimensions).

use gradcam_map::Grid;
use image::RgbImage;

use crate::photo::same_size;
use crate::stroke::{Point, stroke};
use crate::{Result, Style};

/// Draws a line on the photo around each region at or above a fraction of the maximum.
///
/// The fractions are `style.levels`, of `style.scale` or else of the map's maximum. The line is yellow with a dark
/// halo, about 2 px wide on a photo of 224 px. It runs where the map, interpolated linearly between pixel centres,
/// crosses the level. It stays open at the photo's border and next to non-finite values. A map without positive values
/// leaves the photo unchanged.
///
/// # Errors
/// [`Size`](crate::Error::Size), [`Fraction`](crate::Error::Fraction), [`Scale`](crate::Error::Scale).
pub fn contour(photo: &RgbImage, map: &Grid, style: &Style) -> Result<RgbImage> {
    style.check()?;
    same_size(map, photo)?;
    let scale = style.scale.unwrap_or_else(|| map.positive_max());
    let mut image = photo.clone();
    if scale > 0.0 {
        let lines: Vec<_> = style
            .levels
            .iter()
            .flat_map(|level| isolines(map, (level * f64::from(scale)) as f32))
            .collect();
        stroke(&mut image, &lines);
    }
    Ok(image)
}

/// Finds the segments where `map` crosses `level`; a value at the level counts as inside.
fn isolines(map: &Grid, level: f32) -> Vec<[Point; 2]> {
    let (width, values) = (map.width(), map.values());
    let mut lines = Vec::new();
    for row in 0..map.height() - 1 {
        for column in 0..width - 1 {
            let at = row * width + column;
            // Clockwise from the top left; edge i runs from corner i to corner i + 1.
            let corners = [
                values[at],
                values[at + 1],
                values[at + width + 1],
                values[at + width],
            ];
            if corners.iter().all(|value| value.is_finite()) {
                lines.extend(cell(corners, level, [column as f32, row as f32]));
            }
        }
    }
    lines
}

/// Finds the lines through the cell with top left corner `origin`: none, one, or two for a saddle.
fn cell(corners: [f32; 4], level: f32, origin: Point) -> impl Iterator<Item = [Point; 2]> {
    const OFFSETS: [Point; 4] = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
    let inside = corners.map(|value| value >= level);
    let crossing = move |edge: usize| {
        let (from, to) = (edge, (edge + 1) % 4);
        // In f64 the difference of two finite f32 values cannot overflow.
        let (a, b) = (f64::from(corners[from]), f64::from(corners[to]));
        let t = ((f64::from(level) - a) / (b - a)) as f32;
        std::array::from_fn(|i| {
            origin[i] + OFFSETS[from][i] + t * (OFFSETS[to][i] - OFFSETS[from][i])
        })
    };
    let crossed: Vec<usize> = (0..4)
        .filter(|&edge| inside[edge] != inside[(edge + 1) % 4])
        .collect();
    let pairs = match *crossed.as_slice() {
        [a, b] => vec![[a, b]],
        [..] if crossed.is_empty() => vec![],
        // A saddle: the mean decides whether the two inside corners are joined. Lines then cut off the two other
        // corners; edges `i - 1` and `i` meet in corner `i`.
        _ => {
            let joined = corners.iter().map(|&value| f64::from(value)).sum::<f64>() / 4.0
                >= f64::from(level);
            if joined == inside[0] {
                vec![[0, 1], [2, 3]]
            } else {
                vec![[3, 0], [1, 2]]
            }
        }
    };
    pairs
        .into_iter()
        .map(move |[a, b]| [crossing(a), crossing(b)])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::grid;

    fn lines(height: usize, width: usize, values: &[f32], level: f32) -> Vec<[Point; 2]> {
        isolines(&grid(height, width, values), level)
    }

    #[test]
    fn a_step_is_crossed_where_the_linear_map_crosses_it() {
        let values = [0.0, 4.0, 0.0, 4.0];
        assert_eq!(lines(2, 2, &values, 1.0), [[[0.25, 0.0], [0.25, 1.0]]]);
        assert_eq!(lines(2, 2, &values, 2.0), [[[0.5, 0.0], [0.5, 1.0]]]);
        assert_eq!(lines(2, 2, &values, 5.0), [] as [[Point; 2]; 0]);
    }

    #[test]
    fn a_peak_is_surrounded_by_a_closed_line() {
        let mut values = [0.0; 9];
        values[4] = 2.0;
        let found = lines(3, 3, &values, 1.0);
        let mut ends: Vec<Point> = found.iter().flatten().copied().collect();
        ends.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let diamond = [[0.5, 1.0], [1.0, 0.5], [1.0, 1.5], [1.5, 1.0]];
        assert_eq!(
            ends,
            diamond.map(|corner| [corner, corner]).concat(),
            "each corner ends two lines"
        );
    }

    #[test]
    fn a_saddle_joins_what_its_mean_joins() {
        // The mean is 2: the two peaks are one region at level 1, and two regions at level 3.
        let values = [4.0, 0.0, 0.0, 4.0];
        assert_eq!(
            lines(2, 2, &values, 1.0),
            [[[0.75, 0.0], [1.0, 0.25]], [[0.25, 1.0], [0.0, 0.75]]]
        );
        assert_eq!(
            lines(2, 2, &values, 3.0),
            [[[0.0, 0.25], [0.25, 0.0]], [[1.0, 0.75], [0.75, 1.0]]]
        );
    }

    #[test]
    fn cells_with_a_value_that_is_not_finite_are_skipped() {
        assert!(lines(2, 2, &[0.0, 4.0, 0.0, f32::NAN], 1.0).is_empty());
        assert!(lines(2, 2, &[0.0, f32::INFINITY, 0.0, 4.0], 1.0).is_empty());
        assert!(
            lines(1, 4, &[0.0, 4.0, 0.0, 4.0], 1.0).is_empty(),
            "one row has no cell"
        );
        assert_eq!(
            lines(2, 2, &[-f32::MAX, f32::MAX, -f32::MAX, f32::MAX], 0.0),
            [[[0.5, 0.0], [0.5, 1.0]]]
        );
    }

    #[test]
    fn levels_are_fractions_of_the_scale() {
        let photo = RgbImage::new(8, 8);
        let values: Vec<f32> = (0..64).map(|i| (i % 8) as f32).collect();
        let map = grid(8, 8, &values);
        let yellow_columns = |style: &Style| -> Vec<u32> {
            let image = contour(&photo, &map, style).unwrap();
            (0..8)
                .filter(|&x| image.get_pixel(x, 4)[0] == 255)
                .collect()
        };
        // Half of the maximum, 7, lies between columns 3 and 4; half of a common scale of 13 lies between 6 and 7.
        assert_eq!(yellow_columns(&Style::default()), [3, 4]);
        assert_eq!(
            yellow_columns(&Style {
                scale: Some(13.0),
                ..Style::default()
            }),
            [6, 7]
        );
        let two = Style {
            levels: vec![0.5 / 7.0, 6.5 / 7.0],
            ..Style::default()
        };
        assert_eq!(yellow_columns(&two), [0, 1, 6, 7]);
    }

    #[test]
    fn a_zero_map_leaves_the_photo_unchanged() {
        let photo = RgbImage::from_fn(4, 4, |x, y| image::Rgb([x as u8, y as u8, 77]));
        let map = grid(4, 4, &[0.0; 16]);
        assert_eq!(contour(&photo, &map, &Style::default()).unwrap(), photo);
    }
}
