//! Several titled pictures on one sheet, with one colour bar.

use image::{Rgb, RgbImage, imageops};

use crate::overlay::canvas;
use crate::style::check_scale;
use crate::text::{Font, short_number};
use crate::{ColorMap, Error, Result};

const INK: Rgb<u8> = Rgb([28, 30, 33]);
const PALE_INK: Rgb<u8> = Rgb([96, 101, 108]);
const TICKS: u32 = 5;

/// A picture of a sheet with its lines of text. Empty text takes no space.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Panel<'a> {
    /// One line above the picture, shortened to the cell's width.
    pub title: &'a str,
    /// Lines below the picture, each shortened to the cell's width.
    pub caption: &'a str,
    /// The picture.
    pub image: &'a RgbImage,
}

impl<'a> Panel<'a> {
    /// Makes a panel with a title and no caption.
    pub fn new(title: &'a str, image: &'a RgbImage) -> Self {
        Panel {
            title,
            caption: "",
            image,
        }
    }

    /// Sets the lines below the picture.
    pub fn with_caption(self, caption: &'a str) -> Self {
        Panel { caption, ..self }
    }
}

/// The legend of a sheet: the meaning of the colours, in the maps' own unit.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ColorBar<'a> {
    /// The colour map of the sheet's pictures.
    pub colors: ColorMap,
    /// The value at the colour map's upper end, the pictures' common scale; a diverging map starts at its negative.
    pub scale: f32,
    /// The name of the numbers, above the bar; may be empty.
    pub label: &'a str,
}

impl<'a> ColorBar<'a> {
    /// Makes a colour bar without a label, for pictures in these colours with this common scale.
    pub fn new(colors: ColorMap, scale: f32) -> Self {
        ColorBar {
            colors,
            scale,
            label: "",
        }
    }

    /// Sets the label above the bar.
    pub fn with_label(self, label: &'a str) -> Self {
        ColorBar { label, ..self }
    }
}

/// Lays out the panels on white, in reading order in rows of `columns`, with the colour bar at the right.
///
/// All cells have the size of the largest picture; smaller ones are centred. The text size follows the width of the
/// cells. The bar has ticks at the ends, the middle and the quarters.
///
/// # Errors
/// [`Error::EmptySheet`] without panels or columns, [`Error::Scale`], [`Error::TooLarge`].
///
/// ```
/// use gradcam_viz::image::RgbImage;
/// use gradcam_viz::{ColorBar, ColorMap, Panel, sheet};
///
/// let image = RgbImage::new(64, 48);
/// let panels = [Panel::new("grad-cam", &image), Panel::new("lrp", &image)];
/// let bar = ColorBar::new(ColorMap::Turbo, 7.3).with_label("logit");
/// let picture = sheet(&panels, 2, Some(&bar))?;
/// assert!(picture.width() > 128 && picture.height() > 48);
/// # Ok::<(), gradcam_viz::Error>(())
/// ```
pub fn sheet(panels: &[Panel<'_>], columns: usize, bar: Option<&ColorBar<'_>>) -> Result<RgbImage> {
    if panels.is_empty() || columns == 0 {
        return Err(Error::EmptySheet {
            pictures: panels.len(),
            columns,
        });
    }
    if let Some(bar) = bar {
        check_scale(bar.scale)?;
    }
    let layout = Layout::new(panels, columns, bar);
    let mut image = canvas(layout.width, layout.height)?;
    for (index, panel) in panels.iter().enumerate() {
        layout.draw_panel(&mut image, panel, index);
    }
    if let Some(bar) = bar {
        layout.draw_bar(&mut image, bar);
    }
    Ok(image)
}

/// The sheet's layout in pixels, from the top left. Sums are in `u64`, so that no size overflows.
struct Layout {
    font: Font,
    columns: usize,
    cell_width: u32,
    cell_height: u32,
    /// Height of the title above a picture, including its spacing.
    above: u32,
    /// Height of the caption below a picture, including its spacing.
    below: u32,
    width: u64,
    height: u64,
}

impl Layout {
    fn new(panels: &[Panel<'_>], columns: usize, bar: Option<&ColorBar<'_>>) -> Self {
        let largest = |of: fn(&Panel<'_>) -> u32| panels.iter().map(of).max().unwrap_or(0);
        let cell_width = largest(|panel| panel.image.width());
        let cell_height = largest(|panel| panel.image.height());
        let font = Font::for_width(cell_width);
        let text_height = |lines: u32| match lines {
            0 => 0,
            _ => lines
                .saturating_mul(font.line_height())
                .saturating_add(font.line_height() / 4),
        };
        // The bar's label is on the line of the titles.
        let titled = bar.is_some_and(|bar| !bar.label.is_empty())
            || panels.iter().any(|panel| !panel.title.is_empty());
        let above = text_height(u32::from(titled));
        let below = text_height(largest(|panel| panel.caption.lines().count() as u32));
        let columns = columns.min(panels.len());
        let rows = panels.len().div_ceil(columns) as u64;
        let mut layout = Self {
            font,
            columns,
            cell_width,
            cell_height,
            above,
            below,
            width: 0,
            height: 0,
        };
        let margin = u64::from(layout.margin());
        layout.width = margin + columns as u64 * (u64::from(cell_width) + margin);
        layout.height = margin + rows * (layout.row_height() + margin);
        if let Some(bar) = bar {
            layout.width += u64::from(layout.bar_width(bar)) + margin;
        }
        layout
    }

    /// Returns the pixels around and between the cells.
    fn margin(&self) -> u32 {
        self.font.line_height()
    }

    fn row_height(&self) -> u64 {
        u64::from(self.above) + u64::from(self.cell_height) + u64::from(self.below)
    }

    /// Returns the left edge of the cell and the top of its picture. The canvas exists, so all positions fit in `u32`.
    fn cell(&self, index: usize) -> (u32, u32) {
        let (row, column) = (index / self.columns, index % self.columns);
        let margin = self.margin();
        let left = margin + column as u32 * (self.cell_width + margin);
        (
            left,
            margin + row as u32 * (self.row_height() as u32 + margin) + self.above,
        )
    }

    fn draw_panel(&self, image: &mut RgbImage, panel: &Panel<'_>, index: usize) {
        let (left, top) = self.cell(index);
        let (width, height) = panel.image.dimensions();
        let x = left + (self.cell_width - width) / 2;
        let y = top + (self.cell_height - height) / 2;
        imageops::replace(image, panel.image, i64::from(x), i64::from(y));
        let (font, line) = (self.font, self.font.line_height());
        font.write(
            image,
            &font.fit(panel.title, self.cell_width),
            (left, top - self.above),
            INK,
        );
        let first = top + self.cell_height + line / 4;
        for (index, text) in panel.caption.lines().enumerate() {
            let at = (left, first + index as u32 * line);
            font.write(image, &font.fit(text, self.cell_width), at, PALE_INK);
        }
    }

    /// Lists the ticks from the bar's lower end up: the share of the bar's height, 0 to 1, and the label.
    fn ticks(bar: &ColorBar<'_>) -> Vec<(f32, String)> {
        let low = if bar.colors.is_diverging() { -1.0 } else { 0.0 };
        let shares = (0..TICKS).map(|i| i as f32 / (TICKS - 1) as f32);
        let ticks = shares.map(|share| (share, bar.scale * (low + (1.0 - low) * share)));
        // A scale of 0 has one tick, at zero.
        ticks
            .filter(|&(share, _)| bar.scale > 0.0 || low + (1.0 - low) * share == 0.0)
            .map(|(share, value)| (share, short_number(value, bar.scale)))
            .collect()
    }

    fn tick_width(&self, bar: &ColorBar<'_>) -> u32 {
        Self::ticks(bar)
            .iter()
            .map(|(_, text)| self.font.width(text))
            .max()
            .unwrap_or(0)
    }

    /// Computes the width of the bar, half as much for the tick marks, and the labels.
    fn bar_width(&self, bar: &ColorBar<'_>) -> u32 {
        let line = self.font.line_height();
        (line + line / 2 + self.tick_width(bar)).max(self.font.width(bar.label))
    }

    fn draw_bar(&self, image: &mut RgbImage, bar: &ColorBar<'_>) {
        let (font, line, margin) = (self.font, self.font.line_height(), self.margin());
        let left = margin + self.columns as u32 * (self.cell_width + margin);
        let top = margin + self.above;
        let height = (image.height() - top)
            .saturating_sub(margin + self.below)
            .max(1);
        font.write(image, bar.label, (left, margin), INK);
        for row in 0..height {
            let t = 1.0 - row as f32 / (height - 1).max(1) as f32;
            for column in 0..line {
                image.put_pixel(left + column, top + row, bar.colors.at(t));
            }
        }
        let right = left + line + line / 2 + self.tick_width(bar);
        for (share, text) in Self::ticks(bar) {
            let y = top + ((1.0 - share) * (height - 1) as f32).round() as u32;
            for column in 0..line / 4 {
                image.put_pixel(left + line + column, y, PALE_INK);
            }
            // The label is beside its tick; at the ends its digits (half a line high) stay within the bar.
            let lowest = (top + height).saturating_sub(line - line / 4);
            let text_top = (y - line / 2).min(lowest).max(top - line / 4);
            font.write(
                image,
                &text,
                (right - font.width(&text), text_top),
                PALE_INK,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BAR: ColorBar<'_> = ColorBar {
        colors: ColorMap::Viridis,
        scale: 2.5,
        label: "",
    };

    fn panel<'a>(title: &'a str, caption: &'a str, image: &'a RgbImage) -> Panel<'a> {
        Panel {
            title,
            caption,
            image,
        }
    }

    #[test]
    fn the_size_follows_from_the_parts() {
        // A line is 16 px, as is the margin; text takes its lines plus 4 px.
        let picture = RgbImage::new(100, 50);
        let plain = [panel("", "", &picture); 5];
        let size =
            |panels: &[Panel<'_>], columns, bar| sheet(panels, columns, bar).unwrap().dimensions();
        assert_eq!(size(&plain[..1], 1, None), (16 + 116, 16 + 66));
        assert_eq!(size(&plain, 3, None), (16 + 3 * 116, 16 + 2 * 66));
        assert_eq!(
            size(&plain, 9, None),
            (16 + 5 * 116, 16 + 66),
            "no more columns than panels"
        );
        let titled = [panel("a", "", &picture), panel("", "b\nc", &picture)];
        assert_eq!(size(&titled, 1, None), (16 + 116, 16 + 2 * (66 + 20 + 36)));
        let digits = 4 * Font::for_width(100).advance();
        assert_eq!(
            size(&plain[..1], 1, Some(&BAR)),
            (16 + 116 + 24 + digits + 16, 16 + 66)
        );
    }

    #[test]
    fn pictures_are_in_reading_order_and_centred() {
        let colors = [[200, 0, 0], [0, 200, 0], [0, 0, 200]].map(Rgb);
        let pictures = colors.map(|color| RgbImage::from_pixel(40, 40, color));
        let small = RgbImage::from_pixel(20, 10, Rgb([1; 3]));
        let mut panels: Vec<_> = pictures
            .iter()
            .map(|picture| panel("", "", picture))
            .collect();
        panels.push(panel("", "", &small));
        let image = sheet(&panels, 2, None).unwrap();
        let found = [(16, 16), (72, 16), (16, 72)].map(|(x, y)| *image.get_pixel(x, y));
        assert_eq!(found, colors);
        let at = |x, y| image.get_pixel(x, y).0;
        assert_eq!((at(82, 87), at(101, 96)), ([1; 3], [1; 3]));
        assert_eq!(
            (at(81, 87), at(102, 96), at(82, 86), at(82, 97)),
            ([255; 3], [255; 3], [255; 3], [255; 3])
        );
    }

    #[test]
    fn the_bar_runs_over_the_whole_colour_map() {
        let picture = RgbImage::new(100, 50);
        let image = sheet(&[panel("", "", &picture)], 1, Some(&BAR)).unwrap();
        let bar = |y| *image.get_pixel(16 + 116, y);
        assert_eq!(
            (bar(16), bar(65)),
            (ColorMap::Viridis.at(1.0), ColorMap::Viridis.at(0.0))
        );
    }

    #[test]
    fn ticks_are_in_raw_units() {
        let texts = |bar: &ColorBar<'_>| -> Vec<String> {
            Layout::ticks(bar)
                .into_iter()
                .map(|(_, text)| text)
                .collect()
        };
        assert_eq!(texts(&BAR), ["0", "0.62", "1.25", "1.88", "2.50"]);
        let signed = ColorBar {
            colors: ColorMap::Coolwarm,
            scale: 0.5,
            label: "",
        };
        assert_eq!(texts(&signed), ["-0.500", "-0.250", "0", "0.250", "0.500"]);
        assert_eq!(
            Layout::ticks(&ColorBar { scale: 0.0, ..BAR }),
            [(0.0, "0".to_owned())]
        );
        assert_eq!(
            Layout::ticks(&ColorBar {
                scale: 0.0,
                ..signed
            }),
            [(0.5, "0".to_owned())]
        );
    }

    #[test]
    fn bad_sheets_are_refused() {
        let picture = RgbImage::new(4, 4);
        let one = [panel("t", "c", &picture)];
        assert_eq!(
            sheet(&[], 2, None).unwrap_err().to_string(),
            "a sheet needs at least one picture and one column, found 0 and 2"
        );
        assert!(matches!(
            sheet(&one, 0, None),
            Err(Error::EmptySheet { .. })
        ));
        let bar = ColorBar {
            scale: f32::NAN,
            ..BAR
        };
        assert!(matches!(sheet(&one, 1, Some(&bar)), Err(Error::Scale(_))));
        let line = RgbImage::new(u32::MAX / 8, 1);
        assert!(matches!(
            sheet(&[panel("", "", &line)], 1, None),
            Err(Error::TooLarge { .. })
        ));
    }

    #[test]
    fn tiny_and_empty_pictures_are_no_trouble() {
        for (width, height) in [(0, 0), (1, 1), (3, 500)] {
            let picture = RgbImage::new(width, height);
            let bar = ColorBar {
                label: "a long label — 猫",
                ..BAR
            };
            sheet(
                &[panel("a long title", "caption", &picture); 3],
                2,
                Some(&bar),
            )
            .unwrap();
        }
    }
}
