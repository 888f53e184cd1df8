//! The box around the strongest evidence, after section 3.2 of Selvaraju et al. 2017.

use gradcam_map::{Grid, bounding_box};
use image::RgbImage;

use crate::photo::same_size;
use crate::stroke::{half_width, stroke};
use crate::{Result, Style};

/// Draws the [`bounding_box`] of the map at `style.box_fraction` on the photo, as a yellow line with a dark halo. A map
/// without positive values leaves the photo unchanged.
///
/// # Errors
/// [`Size`](crate::Error::Size), [`Fraction`](crate::Error::Fraction).
pub fn boxes(photo: &RgbImage, map: &Grid, style: &Style) -> Result<RgbImage> {
    style.check()?;
    same_size(map, photo)?;
    let mut image = photo.clone();
    if let Some(found) = bounding_box(map, style.box_fraction) {
        // The line runs along the outer side of the box's pixels, but stays on the photo.
        let inset = half_width(&image) - 0.5;
        let edges = |first: usize, length: usize, end: u32| {
            let (low, high) = (first as f32 - 0.5, (first + length) as f32 - 0.5);
            (low.max(inset), high.min(end as f32 - 1.0 - inset))
        };
        let (x0, x1) = edges(found.left, found.width, image.width());
        let (y0, y1) = edges(found.top, found.height, image.height());
        let corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
        let sides: [_; 4] = std::array::from_fn(|i| [corners[i], corners[(i + 1) % 4]]);
        stroke(&mut image, &sides);
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::grid;

    #[test]
    fn the_rectangle_surrounds_the_box() {
        let mut values = [0.0; 400];
        for row in 8..12 {
            values[row * 20 + 6..row * 20 + 14].fill(1.0);
        }
        let photo = RgbImage::new(20, 20);
        let image = boxes(&photo, &grid(20, 20, &values), &Style::default()).unwrap();
        let bright = |x, y| image.get_pixel(x, y)[0] == 255;
        let row: Vec<u32> = (0..20).filter(|&x| bright(x, 10)).collect();
        let column: Vec<u32> = (0..20).filter(|&y| bright(10, y)).collect();
        assert_eq!((row, column), (vec![5, 6, 13, 14], vec![7, 8, 11, 12]));
    }

    #[test]
    fn a_box_at_the_border_is_drawn_whole() {
        let photo = RgbImage::new(9, 9);
        let image = boxes(&photo, &grid(9, 9, &[1.0; 81]), &Style::default()).unwrap();
        let row: Vec<u32> = (0..9)
            .filter(|&x| image.get_pixel(x, 4)[0] == 255)
            .collect();
        assert_eq!(row, [0, 1, 7, 8]);
        let map = grid(1, 1, &[1.0]);
        boxes(&RgbImage::new(1, 1), &map, &Style::default()).unwrap();
    }
}
