//! A few lines of text, for above or below a picture.

use image::{Rgb, RgbImage};

use crate::Result;
use crate::overlay::canvas;
use crate::text::Font;

const INK: Rgb<u8> = Rgb([28, 30, 33]);
/// The fewest letters that fit on a line, however narrow the picture.
const LETTERS: u32 = 24;
/// The most lines of a label.
const LINES: usize = 4;

/// Draws `text` on white, `width` pixels wide but at least 24 letters, in a font that suits the width. [`stack`](crate::stack) puts it
/// above or below a picture.
///
/// Long lines wrap, at a space if possible; text beyond four lines is cut and ends in dots. A character that the font lacks becomes U+FFFD,
/// the question mark in a diamond.
///
/// # Errors
/// [`Error::TooLarge`](crate::Error::TooLarge).
pub fn label(text: &str, width: u32) -> Result<RgbImage> {
    let font = Font::for_width(width);
    let (line, margin) = (font.line_height(), font.line_height() / 4);
    let width = width.max(LETTERS * font.advance() + 2 * margin);
    let room = width - 2 * margin;
    let lines = wrapped(text, (room / font.advance()) as usize);
    let height = lines.len() as u32 * line + 2 * margin;
    let mut image = canvas(u64::from(width), u64::from(height))?;
    for (index, text) in (0..).zip(&lines) {
        font.write(&mut image, text, (margin, margin + index * line), INK);
    }
    Ok(image)
}

/// Wraps the words into lines of at most `most` letters.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    // A text may be arbitrarily long; nothing beyond the shown lines is laid out.
    for word in text.split_whitespace() {
        let word: Vec<char> = word.chars().take(most * LINES + 1).collect();
        for (index, part) in word.chunks(most.max(1)).enumerate() {
            let room = most - lines.last().map_or(0, |line| line.chars().count());
            match lines.last_mut() {
                Some(line) if line.is_empty() => line.extend(part),
                Some(line) if index == 0 && part.len() < room => {
                    line.push(' ');
                    line.extend(part);
                }
                _ => lines.push(part.iter().collect()),
            }
        }
        if lines.len() > LINES {
            lines.truncate(LINES);
            if let Some(last) = lines.last_mut() {
                let kept: String = last.chars().take(most.saturating_sub(3)).collect();
                *last = format!("{}...", kept.trim_end());
            }
            break;
        }
    }
    lines
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_go_on_in_the_next_line() {
        assert_eq!(wrapped("tiger cat 38.6 %", 20), ["tiger cat 38.6 %"]);
        assert_eq!(wrapped("tiger cat 38.6 %", 9), ["tiger cat", "38.6 %"]);
        assert_eq!(wrapped("abcdefgh ij", 5), ["abcde", "fgh", "ij"]);
        assert_eq!(wrapped("", 5), [""]);
        let long = "word ".repeat(1000);
        let lines = wrapped(&long, 9);
        assert_eq!(lines, ["word word", "word word", "word word", "word w..."]);
    }

    #[test]
    fn any_text_fits_its_label() {
        for text in [
            "tiger cat",
            "猫 🐈\u{202e}\u{1b}[31m\n\n\0x",
            &"猫".repeat(100_000),
            &"a ".repeat(100_000),
        ] {
            for width in [0, 1, 28, 224, 700] {
                let image = label(text, width).unwrap();
                assert!(image.width() >= width && image.width() <= width.max(400));
                assert!(image.height() <= 5 * 32, "{}", image.height());
                assert!(image.pixels().any(|p| p[0] < 100), "{text:.20} {width}");
            }
        }
    }
}
