//! A square table of numbers from -1 to 1, such as correlations.

use image::{Rgb, RgbImage, imageops};

use crate::overlay::canvas;
use crate::text::Font;
use crate::{ColorMap, Error, Result};

const INK: Rgb<u8> = Rgb([28, 30, 33]);
const PALE: Rgb<u8> = Rgb([232, 234, 237]);

/// Draws the table `values`, row by row, on white below its title. Each cell shows its value from -1 to 1 as a colour and with two
/// decimals, or stays pale if it is `None`. Rows have a number and a name, columns a number.
///
/// # Errors
/// [`Error::EmptySheet`] without names, or if `values` lacks a row or a column for a name; [`Error::TooLarge`].
pub fn matrix(
    title: &str,
    names: &[&str],
    values: &[Vec<Option<f32>>],
    colors: ColorMap,
) -> Result<RgbImage> {
    let count = names.len();
    if count == 0 || values.len() != count || values.iter().any(|row| row.len() != count) {
        return Err(Error::EmptySheet {
            pictures: values.len(),
            columns: count,
        });
    }
    let font = Font::for_width(0);
    let line = font.line_height();
    let labels: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(i, name)| format!("{:>2} {name}", i + 1))
        .collect();
    let label_width = labels.iter().map(|l| font.width(l)).max().unwrap_or(0);
    let (cell, height, margin) = (font.width("-0.00") + line / 4, line + line / 4, line);
    let left = 2 * margin + label_width;
    let width = u64::from(left) + count as u64 * u64::from(cell) + u64::from(margin);
    let width = width.max(u64::from(2 * margin) + u64::from(font.width(title)));
    let head = if title.is_empty() {
        margin
    } else {
        margin + line + line / 2
    };
    let top = head + line;
    let rows = u64::from(top + margin) + count as u64 * u64::from(height);
    let mut image = canvas(width, rows)?;
    font.write(&mut image, title, (margin, margin), INK);
    for (row, label) in labels.iter().enumerate() {
        let y = top + row as u32 * height;
        font.write(&mut image, label, (margin, y + line / 8), INK);
        let number = (row + 1).to_string();
        let x = left + row as u32 * cell + (cell - font.width(&number)) / 2;
        font.write(&mut image, &number, (x, head), INK);
        for (column, value) in values[row].iter().enumerate() {
            let x = left + column as u32 * cell;
            let color = value.map_or(PALE, |v| colors.color_of(v, 1.0));
            for dy in 0..height - 1 {
                for dx in 0..cell - 1 {
                    image.put_pixel(x + dx, y + dy, color);
                }
            }
            let Some(value) = value else { continue };
            let text = format!("{value:.2}");
            let x = x + (cell - font.width(&text)) / 2;
            font.write(&mut image, &text, (x, y + line / 8), ink_on(color));
        }
    }
    Ok(image)
}

/// Picks the ink that is legible on a colour.
fn ink_on(Rgb([r, g, b]): Rgb<u8>) -> Rgb<u8> {
    let light = 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b);
    if light > 140.0 { INK } else { Rgb([255; 3]) }
}

/// Stacks pictures vertically on white, aligned left.
///
/// # Errors
/// [`Error::TooLarge`].
pub fn stack(pictures: &[&RgbImage]) -> Result<RgbImage> {
    let width = pictures.iter().map(|p| p.width()).max().unwrap_or(0);
    let height = pictures.iter().map(|p| u64::from(p.height())).sum();
    let mut image = canvas(u64::from(width), height)?;
    let mut top = 0;
    for picture in pictures {
        imageops::replace(&mut image, *picture, 0, top);
        top += i64::from(picture.height());
    }
    Ok(image)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_the_colours_of_their_values() {
        let values = vec![vec![Some(1.0), Some(-1.0)], vec![None, Some(1.0)]];
        let draw = |title: &str| matrix(title, &["a", "b"], &values, ColorMap::Coolwarm).unwrap();
        let image = draw("");
        let count = |color: Rgb<u8>| image.pixels().filter(|p| **p == color).count();
        let (high, low) = (ColorMap::Coolwarm.at(1.0), ColorMap::Coolwarm.at(0.0));
        assert!(count(high) > count(low) && count(low) > 100 && count(PALE) > 100);
        assert!(matrix("", &["a"], &values, ColorMap::Coolwarm).is_err());
        // A title stands above in full, and moves nothing sideways.
        let titled = draw(&"title ".repeat(20));
        assert!(titled.width() > image.width() && titled.height() > image.height());
        let table = imageops::crop_imm(
            &titled,
            0,
            titled.height() - image.height() + 16,
            image.width(),
            image.height() - 16,
        );
        let whole = imageops::crop_imm(&image, 0, 16, image.width(), image.height() - 16);
        assert!(table.to_image() == whole.to_image());
        let both = stack(&[&image, &image]).unwrap();
        assert_eq!(both.dimensions(), (image.width(), 2 * image.height()));
    }
}
