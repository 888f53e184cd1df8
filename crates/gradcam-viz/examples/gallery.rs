//! Every view and colour map on a made-up map over a photo, as PNGs: `gallery PHOTO FOLDER`.
#![allow(clippy::print_stdout)]

use std::{env, fs, path::Path};

use gradcam_viz::{ColorBar, ColorMap, Format, Grid, Panel, Style, View, encode, sheet, terminal};
use image::RgbImage;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [photo, folder] = arguments.as_slice() else {
        return Err("usage: gallery PHOTO FOLDER".into());
    };
    let photo = image::open(photo)?.to_rgb8();
    fs::create_dir_all(folder)?;
    let save = |name: &str, picture: &RgbImage| -> Result<()> {
        Ok(fs::write(
            Path::new(folder).join(name),
            encode(picture, Format::Png)?,
        )?)
    };

    let (width, height) = photo.dimensions();
    let face = |x: f32, y: f32| 7.3 * bump(x - 0.48, y - 0.36, 0.16);
    let positive = sample(width, height, face);
    let positive = Grid::new(height as usize, width as usize, &positive)?;
    let signed = sample(width, height, |x, y| {
        face(x, y) - 5.0 * bump(x - 0.8, y - 0.75, 0.12)
    });
    let signed = Grid::new(height as usize, width as usize, &signed)?;

    let style = Style {
        levels: vec![0.25, 0.5, 0.75],
        ..Style::default()
    };
    let mut views = vec![("photo", photo.clone())];
    for view in View::ALL {
        let picture = view.draw(&photo, positive, &style)?;
        save(&format!("{view}.png"), &picture)?;
        if view != View::SideBySide {
            views.push((view.name(), picture));
        }
    }
    let bar = ColorBar {
        colors: style.colors,
        scale: positive.max(),
        label: "evidence",
    };
    save("views.png", &sheet(&panels(&views), 3, Some(&bar))?)?;

    let mut maps = Vec::new();
    for colors in ColorMap::ALL
        .into_iter()
        .filter(|colors| !colors.is_diverging())
    {
        let style = Style {
            colors,
            ..Style::default()
        };
        maps.push((colors.name(), View::Overlay.draw(&photo, positive, &style)?));
    }
    save("maps.png", &sheet(&panels(&maps), 3, None)?)?;

    let style = Style {
        colors: ColorMap::Coolwarm,
        ..Style::default()
    };
    let pair = [
        (
            "for and against",
            View::Overlay.draw(&photo, signed, &style)?,
        ),
        (
            "the signed map alone, with a title that is far too long",
            View::Heatmap.draw(&photo, signed, &style)?,
        ),
    ];
    let bar = ColorBar {
        colors: style.colors,
        scale: signed.max_abs(),
        label: "logit",
    };
    save("signed.png", &sheet(&panels(&pair), 2, Some(&bar))?)?;

    print!(
        "{}",
        terminal(
            &View::Overlay.draw(&photo, positive, &Style::default())?,
            60
        )
    );
    Ok(())
}

fn panels<'a>(pictures: &'a [(&'a str, RgbImage)]) -> Vec<Panel<'a>> {
    let panel = |(title, image): &'a (&'a str, RgbImage)| Panel {
        title,
        caption: "made up",
        image,
    };
    pictures.iter().map(panel).collect()
}

/// A map given in shares of the width and the height.
fn sample(width: u32, height: u32, map: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    pixels
        .map(|(x, y)| map(x as f32 / width as f32, y as f32 / height as f32))
        .collect()
}

fn bump(x: f32, y: f32, radius: f32) -> f32 {
    (-(x * x + y * y) / (2.0 * radius * radius)).exp()
}
