//! Text in Noto Sans Mono, from pre-rasterised glyphs.

use image::{Rgb, RgbImage};
use noto_sans_mono_bitmap::{
    FontWeight, RasterHeight, RasterizedChar, get_raster, get_raster_width,
};

use crate::color::blend;

/// A font by its line height; the letters take about three quarters of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Font(RasterHeight);

impl Font {
    /// Picks the size that suits pictures of this width: lines of 16, 20 or 32 px.
    pub(crate) fn for_width(width: u32) -> Self {
        Self(match width {
            0..320 => RasterHeight::Size16,
            320..640 => RasterHeight::Size20,
            _ => RasterHeight::Size32,
        })
    }

    /// Returns the pixels from one line to the next.
    pub(crate) fn line_height(self) -> u32 {
        self.0.val() as u32
    }

    /// Returns the pixels from one character to the next.
    pub(crate) fn advance(self) -> u32 {
        get_raster_width(FontWeight::Regular, self.0) as u32
    }

    /// Computes the width of `text` in pixels.
    pub(crate) fn width(self, text: &str) -> u32 {
        (text.chars().count() as u32).saturating_mul(self.advance())
    }

    /// Shortens `text` with an ellipsis if it does not fit into `width` pixels.
    pub(crate) fn fit(self, text: &str, width: u32) -> String {
        let most = (width / self.advance()) as usize;
        if text.chars().count() <= most {
            return text.to_owned();
        }
        let kept: String = text.chars().take(most.saturating_sub(3)).collect();
        format!("{}{}", kept.trim_end(), &"..."[..most.min(3)])
    }

    /// Writes `text` with its top left corner at `(x, y)`, clipped to the picture. A character that the font lacks
    /// becomes U+FFFD, the question mark in a diamond.
    pub(crate) fn write(self, image: &mut RgbImage, text: &str, (x, y): (u32, u32), ink: Rgb<u8>) {
        for (index, letter) in text.chars().enumerate() {
            let left = x.saturating_add((index as u32).saturating_mul(self.advance()));
            let Some(glyph) = self.glyph(letter) else {
                continue;
            };
            for (row, coverages) in (y..u32::MAX).zip(glyph.rows()) {
                for (column, &coverage) in (left..u32::MAX).zip(coverages) {
                    if let Some(pixel) = image.get_pixel_mut_checked(column, row) {
                        blend(pixel, ink, f32::from(coverage) / 255.0);
                    }
                }
            }
        }
    }

    fn glyph(self, letter: char) -> Option<RasterizedChar> {
        let raster = |letter| get_raster(letter, FontWeight::Regular, self.0);
        raster(plain(letter)).or_else(|| raster('\u{fffd}'))
    }
}

/// Replaces typographic signs that the font lacks by the nearest one that it has.
fn plain(letter: char) -> char {
    match letter {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{2018}' | '\u{2019}' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        '\u{2022}' => '·',
        letter if letter.is_whitespace() || letter.is_control() => ' ',
        letter => letter,
    }
}

/// Formats `value` on an axis that ends at `scale`, with the decimals that give `scale` three significant digits. A
/// scale below 0.001 or from 100000 up uses an exponent.
pub(crate) fn short_number(value: f32, scale: f32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e5).contains(&scale) {
        return format!("{value:.2e}");
    }
    let decimals = [100.0, 10.0, 1.0, 0.1, 0.01]
        .iter()
        .position(|&power| scale >= power)
        .unwrap_or(5);
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_the_width_it_says() {
        let font = Font::for_width(224);
        let mut image = RgbImage::from_pixel(200, 40, Rgb([255; 3]));
        font.write(&mut image, "MMM", (10, 8), Rgb([0; 3]));
        let inked: Vec<_> = image
            .enumerate_pixels()
            .filter(|(_, _, p)| p[0] < 128)
            .map(|(x, y, _)| (x, y))
            .collect();
        let inside = |&(x, y): &(u32, u32)| {
            (10..10 + font.width("MMM")).contains(&x) && (8..24).contains(&y)
        };
        assert!(
            inked.len() > 60 && inked.iter().all(inside),
            "{}",
            inked.len()
        );
    }

    #[test]
    fn any_text_can_be_written_anywhere() {
        let mut image = RgbImage::new(30, 20);
        for text in ["Łódź – “naïve” 猫 🐈\n\t\u{0}\u{301}", ""] {
            for at in [(0, 0), (29, 19), (u32::MAX, u32::MAX), (500, 0)] {
                for width in [224, 500, 2000] {
                    Font::for_width(width).write(&mut image, text, at, Rgb([9; 3]));
                }
            }
        }
        let font = Font::for_width(224);
        assert_eq!(font.glyph('猫'), font.glyph('\u{fffd}'));
        assert_ne!(font.glyph('Ł'), font.glyph('\u{fffd}'));
        assert_eq!(font.glyph('\u{2014}'), font.glyph('-'));
    }

    #[test]
    fn text_grows_with_the_pictures() {
        let heights = [0, 319, 320, 640, 4000].map(|width| Font::for_width(width).line_height());
        assert_eq!(heights, [16, 16, 20, 32, 32]);
    }

    #[test]
    fn long_titles_end_with_an_ellipsis() {
        let font = Font::for_width(224);
        let fit = |text, letters| font.fit(text, letters * font.advance());
        assert_eq!(fit("tiger cat", 9), "tiger cat");
        assert_eq!(fit("tiger cat", 8), "tiger...");
        assert_eq!(fit("tiger cat", 10), "tiger cat");
        assert_eq!(fit("żółw żółty", 7), "żółw...");
        assert_eq!(
            (fit("tiger", 2), fit("tiger", 0)),
            ("..".to_owned(), String::new())
        );
    }

    #[test]
    fn numbers_are_short() {
        let end = |scale: f32| short_number(scale, scale);
        let ends = [0.00123456, 0.0386, 0.5, 1.0, 12.3456, 456.78, 99999.0].map(end);
        assert_eq!(
            ends,
            ["0.00123", "0.0386", "0.500", "1.00", "12.3", "457", "99999"]
        );
        assert_eq!([1.5e-7, 123456.0].map(end), ["1.50e-7", "1.23e5"]);
        assert_eq!(short_number(-0.25, 12.0), "-0.2");
        assert_eq!(short_number(0.0, 1e9), "0");
    }
}
