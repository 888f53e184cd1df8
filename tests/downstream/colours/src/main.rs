//! Draws a map of plain numbers: a colour, an overlay, and a sheet with a colour bar.

use std::error::Error;

use gradcam_viz::image::{Rgb, RgbImage};
use gradcam_viz::{
    ColorBar, ColorMap, Format, Grid, Panel, Size, Style, encode, heatmap, overlay, sheet,
};

fn main() -> Result<(), Box<dyn Error>> {
    // A grey photo of 64 × 48 pixels, and a map with evidence only in its left half.
    let photo = RgbImage::from_pixel(64, 48, Rgb([120, 120, 120]));
    let map = Grid::from_fn(Size::new(48, 64)?, |i| if i % 64 < 32 { 2.5 } else { 0.0 });
    let style = Style {
        colors: ColorMap::Viridis,
        ..Style::default()
    };

    let strongest = ColorMap::Viridis.color_of(map.positive_max(), map.positive_max());
    println!(
        "strongest evidence, {}: {:?}",
        map.positive_max(),
        strongest.0
    );
    assert_eq!(strongest, ColorMap::Viridis.at(1.0));

    let over = overlay(&photo, &map, &style)?;
    assert_ne!(over.get_pixel(0, 0), photo.get_pixel(0, 0));
    assert_eq!(over.get_pixel(63, 0), photo.get_pixel(63, 0));

    let alone = heatmap(&map, &style)?;
    let panels = [Panel::new("overlay", &over), Panel::new("map", &alone)];
    let bar = ColorBar::new(style.colors, map.positive_max()).with_label("evidence");
    let sheet = sheet(&panels, 2, Some(&bar))?;
    assert!(sheet.width() > 128 && sheet.height() > 48);
    let png = encode(&sheet, Format::Png)?;
    println!(
        "a sheet of {} × {} pixels, {} bytes",
        sheet.width(),
        sheet.height(),
        png.len()
    );
    Ok(())
}
