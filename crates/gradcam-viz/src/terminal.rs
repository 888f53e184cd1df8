//! Pictures as text for terminals with 24-bit colours.

use std::fmt::Write;

use image::RgbImage;
use image::imageops::{FilterType, resize};

/// Renders the picture as half blocks, two pixels per character, with ANSI escapes for 24-bit colours.
///
/// The picture is scaled down, never up, to at most `columns` characters per line. Its proportions stay if characters
/// are twice as high as wide. Every line resets the colours and ends with a newline. An empty picture or 0 columns
/// gives an empty text.
pub fn terminal(image: &RgbImage, columns: u32) -> String {
    let (width, height) = image.dimensions();
    let columns = columns.min(width);
    if columns == 0 || height == 0 {
        return String::new();
    }
    let rows = (f64::from(height) * f64::from(columns) / f64::from(width))
        .round()
        .max(1.0) as u32;
    let small = resize(image, columns, rows, FilterType::Triangle);
    let mut text = String::new();
    for y in (0..rows).step_by(2) {
        for x in 0..columns {
            let [r, g, b] = small.get_pixel(x, y).0;
            // Writing to a String cannot fail.
            let _ = write!(text, "\x1b[38;2;{r};{g};{b}");
            let _ = match small.get_pixel_checked(x, y + 1) {
                Some(below) => write!(text, ";48;2;{};{};{}m▀", below[0], below[1], below[2]),
                None => write!(text, ";49m▀"),
            };
        }
        text.push_str("\x1b[0m\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pixels_a_character() {
        let mut image = RgbImage::new(1, 3);
        image.put_pixel(0, 0, image::Rgb([255, 0, 1]));
        image.put_pixel(0, 1, image::Rgb([0, 20, 255]));
        image.put_pixel(0, 2, image::Rgb([7, 8, 9]));
        let expected = "\x1b[38;2;255;0;1;48;2;0;20;255m▀\x1b[0m\n\x1b[38;2;7;8;9;49m▀\x1b[0m\n";
        assert_eq!(terminal(&image, 80), expected);
    }

    #[test]
    fn proportions_stay() {
        let image = RgbImage::from_pixel(200, 100, image::Rgb([10, 20, 30]));
        let text = terminal(&image, 40);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((lines.len(), lines[0].matches('▀').count()), (10, 40));
        assert!(lines.iter().all(|line| line.ends_with("\x1b[0m")));
        assert_eq!(terminal(&image, 0), "");
        assert_eq!(terminal(&RgbImage::new(5, 0), 9), "");
        assert_eq!(terminal(&RgbImage::new(9000, 1), 8).lines().count(), 1);
    }
}
