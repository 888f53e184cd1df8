//! Compares every view of a fixed map over a fixed photo with the pictures in `tests/pictures`, pixel by pixel.
//!
//! `MAKE_REF=1 cargo test --workspace --test all -- pictures` redraws them; look at them before you commit them.

use std::fs;
use std::path::Path;

use gradcam::{Grid, Interpolation, Size};
use gradcam_viz::{ColorBar, ColorMap, Format, Panel, Style, View, encode, sheet};
use image::RgbImage;

/// Reads a cup of coffee: every sixth pixel of the photo, so no resampling is involved.
fn photo() -> RgbImage {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/photos/coffee.png");
    let photo = image::open(path).unwrap().into_rgb8();
    RgbImage::from_fn(100, 66, |x, y| *photo.get_pixel(6 * x, 6 * y))
}

/// Makes a map with two hills and a valley below zero, at the photo's size.
fn map() -> Grid {
    let values = vec![
        -0.2, 0.0, 0.1, 0.0, 0.5, //
        0.0, 0.3, 0.7, 0.4, 0.6, //
        -0.1, 0.5, 1.5, 0.8, 0.0, //
        -0.9, -0.6, 0.2, 0.0, -0.1,
    ];
    let small = Grid::new(Size::new(4, 5).unwrap(), values).unwrap();
    Interpolation::Bilinear.resize(&small, Size::new(66, 100).unwrap())
}

fn draw(view: View, colors: ColorMap) -> RgbImage {
    let style = Style {
        colors,
        ..Style::default()
    };
    view.draw(&photo(), &map(), &style).unwrap()
}

/// Fails unless the picture `name` of `tests/pictures` has exactly these pixels; the drawn picture is left in the target folder.
fn compare(name: &str, drawn: &RgbImage) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("pictures")
        .join(name);
    let bytes = encode(drawn, Format::Png).unwrap();
    assert!(bytes.len() < 40 * 1024, "{name} has {} bytes", bytes.len());
    if std::env::var_os("MAKE_REF").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &bytes).unwrap();
        return;
    }
    let expected = image::open(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .into_rgb8();
    if expected != *drawn {
        let actual = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&actual, bytes).unwrap();
        let differing = expected
            .pixels()
            .zip(drawn.pixels())
            .filter(|(a, b)| a != b);
        panic!(
            "{name}: {} pixels differ (sizes {:?} and {:?}); what was drawn is in {}",
            differing.count(),
            expected.dimensions(),
            drawn.dimensions(),
            actual.display()
        );
    }
}

#[test]
fn views() {
    for &view in View::ALL {
        compare(&format!("{view}.png"), &draw(view, ColorMap::Turbo));
    }
}

#[test]
fn signed_maps() {
    for view in [View::Overlay, View::Heatmap] {
        compare(
            &format!("signed-{view}.png"),
            &draw(view, ColorMap::Coolwarm),
        );
    }
}

#[test]
fn color_maps() {
    let bars: Vec<(ColorMap, RgbImage)> = ColorMap::ALL
        .iter()
        .map(|&colors| (colors, draw(View::Heatmap, colors)))
        .collect();
    let panels: Vec<Panel<'_>> = bars
        .iter()
        .map(|(colors, image)| Panel::new(colors.name(), image))
        .collect();
    compare("color-maps.png", &sheet(&panels, 4, None).unwrap());
}

#[test]
fn a_sheet_with_a_colour_bar() {
    let (overlay, boxes) = (
        draw(View::Overlay, ColorMap::Turbo),
        draw(View::Boxes, ColorMap::Turbo),
    );
    let panel = |title, caption, image| Panel::new(title, image).with_caption(caption);
    let panels = [
        panel("espresso", "p = 0.386", &overlay),
        panel("its box", "15 %", &boxes),
    ];
    let bar = ColorBar::new(ColorMap::Turbo, map().max()).with_label("evidence");
    compare("sheet.png", &sheet(&panels, 2, Some(&bar)).unwrap());
}
