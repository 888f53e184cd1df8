//! Anti-aliased lines with a dark halo, visible on any photo.

use image::{Rgb, RgbImage};

use crate::color::blend;

/// A point `[x, y]` where pixel centres have whole coordinates.
pub(crate) type Point = [f32; 2];

const LINE: Rgb<u8> = Rgb([255, 236, 61]);
const HALO: Rgb<u8> = Rgb([0, 0, 0]);
const HALO_OPACITY: f32 = 0.65;

/// Computes half the line's width in pixels: 1 while the shorter side is below 450 pixels, then growing with it.
pub(crate) fn half_width(image: &RgbImage) -> f32 {
    (image.width().min(image.height()) as f32 / 300.0)
        .round()
        .max(1.0)
}

/// Draws all segments as one shape, so that joints and crossings do not show.
pub(crate) fn stroke(image: &mut RgbImage, segments: &[[Point; 2]]) {
    let line = half_width(image);
    let halo = 2.0 * line;
    let distances = distances(image, segments, halo + 0.5);
    for (pixel, distance) in image.pixels_mut().zip(distances) {
        let coverage = |radius: f32| (radius + 0.5 - distance).clamp(0.0, 1.0);
        blend(pixel, HALO, HALO_OPACITY * coverage(halo));
        blend(pixel, LINE, coverage(line));
    }
}

/// Computes the distance of each pixel's centre to the nearest segment, exact up to `reach`, infinite beyond.
fn distances(image: &RgbImage, segments: &[[Point; 2]], reach: f32) -> Vec<f32> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut field = vec![f32::INFINITY; width * height];
    // A float saturates when cast to an integer, so a range past the border is clipped and never wraps.
    let range = |a: f32, b: f32, end: usize| {
        let first = (a.min(b) - reach).ceil().max(0.0) as usize;
        let last = (a.max(b) + reach).floor() + 1.0;
        first..(last.max(0.0) as usize).min(end)
    };
    for &[a, b] in segments {
        for y in range(a[1], b[1], height) {
            for x in range(a[0], b[0], width) {
                let nearest = &mut field[y * width + x];
                *nearest = nearest.min(distance([x as f32, y as f32], a, b));
            }
        }
    }
    field
}

/// Computes the distance from `p` to the segment from `a` to `b`.
fn distance(p: Point, a: Point, b: Point) -> f32 {
    let (along, to) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let length = along[0] * along[0] + along[1] * along[1];
    let t = if length > 0.0 {
        ((to[0] * along[0] + to[1] * along[1]) / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let (dx, dy) = (to[0] - t * along[0], to[1] - t * along[1]);
    (dx * dx + dy * dy).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_to_a_segment() {
        let (a, b) = ([1.0, 1.0], [5.0, 1.0]);
        assert_eq!(distance([3.0, 4.0], a, b), 3.0, "beside it");
        assert_eq!(distance([8.0, 5.0], a, b), 5.0, "past its end");
        assert_eq!(distance([1.0, 3.0], a, a), 2.0, "a point");
    }

    #[test]
    fn a_line_between_two_rows_is_two_pixels_wide_with_a_halo() {
        let grey = Rgb([100, 100, 100]);
        let mut image = RgbImage::from_pixel(9, 9, grey);
        stroke(&mut image, &[[[-20.0, 4.5], [20.0, 4.5]]]);
        let column: Vec<_> = (0..9).map(|y| *image.get_pixel(4, y)).collect();
        let halo = Rgb([35, 35, 35]);
        assert_eq!(
            column,
            [grey, grey, grey, halo, LINE, LINE, halo, grey, grey]
        );
    }

    #[test]
    fn segments_outside_the_picture_are_cut() {
        let black = RgbImage::new(3, 3);
        let mut image = black.clone();
        stroke(
            &mut image,
            &[[[1e9, 1e9], [2e9, -1e9]], [[-50.0, -50.0], [-9.0, -9.0]]],
        );
        assert_eq!(image, black);
    }
}
