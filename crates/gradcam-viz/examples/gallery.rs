//! Draws a map in every view on one sheet with a colour bar: `gallery [PHOTO [SHEET]]`.
#![allow(clippy::print_stdout)]

use std::path::PathBuf;

use gradcam_viz::image;
use gradcam_viz::{ColorBar, Format, Grid, Panel, Size, Style, View, encode, sheet, terminal};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let photo = arguments.next().unwrap_or_else(|| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/photos/astronaut.png")
    });
    let output = arguments
        .next()
        .unwrap_or_else(|| std::env::temp_dir().join("gallery.png"));
    let photo = image::open(photo)?.to_rgb8();

    // A made-up map: a bump in the upper half, as a network might find a face.
    let (width, height) = (photo.width() as usize, photo.height() as usize);
    let bump = |x: f32, y: f32| 7.3 * (-((x - 0.45).powi(2) + (y - 0.3).powi(2)) / 0.05).exp();
    let share = |at: usize, of: usize| at as f32 / of as f32;
    let map = Grid::from_fn(Size::new(height, width)?, |i| {
        bump(share(i % width, width), share(i / width, height))
    });

    let style = Style {
        levels: vec![0.25, 0.5, 0.75],
        ..Style::default()
    };
    let mut views = Vec::new();
    for &view in View::ALL {
        views.push((view.name(), view.draw(&photo, &map, &style)?));
    }
    let panels: Vec<Panel<'_>> = views
        .iter()
        .map(|(title, image)| Panel::new(title, image).with_caption("made up"))
        .collect();
    let bar = ColorBar::new(style.colors, map.positive_max()).with_label("evidence");
    let sheet = sheet(&panels, 3, Some(&bar))?;
    std::fs::write(&output, encode(&sheet, Format::from_path(&output)?)?)?;
    print!("{}", terminal(&sheet, 80));
    println!("{}", output.display());
    Ok(())
}
