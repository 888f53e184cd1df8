//! Maps as colours: over the photo, alone, and next to the photo.

use gradcam_map::Grid;
use image::{Rgb, RgbImage, imageops};

use crate::color::blend;
use crate::photo::same_size;
use crate::{Error, Result, Style};

/// Pixels between photo and overlay in [`side_by_side`].
pub const GAP: u32 = 8;

/// The most pixels that a picture may have: 256 Mi, or 768 MiB of memory.
const MAX_PIXELS: u64 = 1 << 28;

/// Colours the photo where the map has evidence.
///
/// A value `v` has the share `s = v / scale`, clamped to 0..=1 (its absolute value on a diverging colour map). It is
/// drawn in the colour map's colour with the opacity `alpha * s * (2 - s)`. The opacity falls to zero with the
/// evidence, faster the closer to zero, so that medium evidence stays visible and the map has no edge. Nothing is
/// min-max normalised. Where the evidence is zero, negative (on a sequential colour map) or not finite, the photo's
/// bytes are unchanged.
///
/// # Errors
/// [`Error::Size`], [`Error::Alpha`], [`Error::Scale`].
///
/// ```
/// use gradcam_viz::image::{Rgb, RgbImage};
/// use gradcam_viz::{Grid, Size, Style, overlay};
///
/// let photo = RgbImage::from_pixel(2, 1, Rgb([120, 120, 120]));
/// let map = Grid::new(Size::new(1, 2)?, vec![0.0, 7.3])?;
/// let picture = overlay(&photo, &map, &Style::default())?;
/// assert_eq!(picture.get_pixel(0, 0), photo.get_pixel(0, 0));
/// assert_ne!(picture.get_pixel(1, 0), photo.get_pixel(1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn overlay(photo: &RgbImage, map: &Grid, style: &Style) -> Result<RgbImage> {
    style.check()?;
    same_size(map, photo)?;
    let scale = style.scale_for(map);
    let mut image = photo.clone();
    for (pixel, &value) in image.pixels_mut().zip(map.values()) {
        let share = style.colors.share(value, scale).abs();
        blend(
            pixel,
            style.colors.color_of(value, scale),
            style.alpha * share * (2.0 - share),
        );
    }
    Ok(image)
}

/// Draws the map alone, one pixel per value, in the colours of [`ColorMap::color_of`](crate::ColorMap::color_of).
///
/// # Errors
/// [`Error::Scale`], [`Error::TooLarge`].
pub fn heatmap(map: &Grid, style: &Style) -> Result<RgbImage> {
    style.check()?;
    let scale = style.scale_for(map);
    let mut image = canvas(map.width() as u64, map.height() as u64)?;
    for (pixel, &value) in image.pixels_mut().zip(map.values()) {
        *pixel = style.colors.color_of(value, scale);
    }
    Ok(image)
}

/// Draws the photo, a white gap of [`GAP`] pixels, and the [`overlay`].
///
/// # Errors
/// As [`overlay`], and [`Error::TooLarge`].
pub fn side_by_side(photo: &RgbImage, map: &Grid, style: &Style) -> Result<RgbImage> {
    let right = overlay(photo, map, style)?;
    let (width, height) = photo.dimensions();
    let mut image = canvas(2 * u64::from(width) + u64::from(GAP), u64::from(height))?;
    imageops::replace(&mut image, photo, 0, 0);
    imageops::replace(&mut image, &right, i64::from(width) + i64::from(GAP), 0);
    Ok(image)
}

/// Makes a white picture.
pub(crate) fn canvas(width: u64, height: u64) -> Result<RgbImage> {
    let too_large = Error::TooLarge {
        width,
        height,
        limit: MAX_PIXELS,
    };
    match (
        u32::try_from(width),
        u32::try_from(height),
        width.checked_mul(height),
    ) {
        (Ok(width), Ok(height), Some(pixels)) if pixels <= MAX_PIXELS => {
            Ok(RgbImage::from_pixel(width, height, Rgb([255; 3])))
        }
        _ => Err(too_large),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ColorMap;
    use crate::testing::grid;

    fn photo() -> RgbImage {
        RgbImage::from_fn(16, 16, |x, y| {
            Rgb([(x * 16) as u8, (y * 16) as u8, (x * y) as u8])
        })
    }

    #[test]
    fn no_evidence_leaves_every_byte_of_the_photo() {
        let photo = photo();
        for &colors in ColorMap::ALL {
            for scale in [None, Some(0.0), Some(2.0)] {
                let style = Style {
                    colors,
                    scale,
                    alpha: 1.0,
                    ..Style::default()
                };
                let mut values = [0.0; 256];
                values[1] = f32::NAN;
                values[2] = f32::INFINITY;
                values[3] = f32::NEG_INFINITY;
                values[4] = if colors.is_diverging() { 0.0 } else { -5.0 };
                let image = overlay(&photo, &grid(16, 16, &values), &style).unwrap();
                assert_eq!(image, photo, "{colors}");
            }
        }
    }

    #[test]
    fn the_strongest_evidence_has_the_end_colour_with_alpha() {
        let photo = photo();
        let mut values = [0.0; 256];
        values[17] = 1e-20;
        let map = grid(16, 16, &values);
        for &colors in ColorMap::ALL {
            let opaque = overlay(
                &photo,
                &map,
                &Style {
                    colors,
                    alpha: 1.0,
                    ..Style::default()
                },
            )
            .unwrap();
            assert_eq!(*opaque.get_pixel(1, 1), colors.at(1.0));
            assert_eq!(
                overlay(
                    &photo,
                    &map,
                    &Style {
                        colors,
                        alpha: 0.0,
                        ..Style::default()
                    }
                )
                .unwrap(),
                photo
            );
        }
        // Half of (16, 16, 1) and half of (144, 12, 0), turbo's end.
        let half = overlay(
            &photo,
            &map,
            &Style {
                alpha: 0.5,
                ..Style::default()
            },
        )
        .unwrap();
        assert_eq!(half.get_pixel(1, 1).0, [80, 14, 1]);
        assert_eq!(
            half.pixels()
                .zip(photo.pixels())
                .filter(|(a, b)| a != b)
                .count(),
            1
        );
    }

    #[test]
    fn opacity_follows_the_documented_rule() {
        let black = RgbImage::new(3, 1);
        let style = Style {
            colors: ColorMap::Coolwarm,
            alpha: 0.8,
            ..Style::default()
        };
        let image = overlay(&black, &grid(1, 3, &[-2.0, -1.0, 2.0]), &style).unwrap();
        // Share 1: opacity 0.8. Share 1/2: opacity 0.8 * 3/4 = 0.6 of the colour a quarter along.
        let expected =
            |color: [u8; 3], opacity: f32| color.map(|c| (f32::from(c) * opacity).round() as u8);
        assert_eq!(image.get_pixel(0, 0).0, expected([59, 76, 192], 0.8));
        assert_eq!(image.get_pixel(1, 0).0, expected([141, 176, 254], 0.6));
        assert_eq!(image.get_pixel(2, 0).0, expected([180, 4, 38], 0.8));
    }

    #[test]
    fn a_heatmap_shows_values_in_their_places() {
        let style = Style {
            colors: ColorMap::Magma,
            ..Style::default()
        };
        let image = heatmap(&grid(2, 3, &[0., 1., 2., 3., 4., -9.]), &style).unwrap();
        assert_eq!(image.dimensions(), (3, 2));
        let at = |t| ColorMap::Magma.at(t);
        let pixels: Vec<_> = image.pixels().copied().collect();
        assert_eq!(
            pixels,
            [at(0.0), at(0.25), at(0.5), at(0.75), at(1.0), at(0.0)]
        );
        let common = Style {
            scale: Some(8.0),
            ..style
        };
        let image = heatmap(&grid(1, 1, &[4.0]), &common).unwrap();
        assert_eq!(*image.get_pixel(0, 0), at(0.5), "a common scale");
    }

    #[test]
    fn side_by_side_keeps_the_photo_on_the_left() {
        let photo = photo();
        let map = grid(16, 16, &[1.0; 256]);
        let image = side_by_side(&photo, &map, &Style::default()).unwrap();
        assert_eq!(image.dimensions(), (16 + GAP + 16, 16));
        assert_eq!(*imageops::crop_imm(&image, 0, 0, 16, 16).to_image(), *photo);
        let right = imageops::crop_imm(&image, 16 + GAP, 0, 16, 16).to_image();
        assert_eq!(right, overlay(&photo, &map, &Style::default()).unwrap());
        assert_eq!(image.get_pixel(16 + GAP / 2, 7).0, [255; 3]);
    }

    #[test]
    fn a_huge_canvas_is_refused() {
        let text = canvas(1 << 20, 1 << 20).unwrap_err().to_string();
        assert_eq!(
            text,
            "a picture of 1048576x1048576 pixels is larger than the limit of 268435456 pixels"
        );
        assert!(canvas(u64::MAX, u64::MAX).is_err());
    }
}
