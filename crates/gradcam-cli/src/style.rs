//! How pictures of maps look.

use std::borrow::Cow;

use anyhow::{Result, bail};
use gradcam::{Grid, Method, Source};
use gradcam_viz::{ColorMap, Style, View};
use image::RgbImage;
use image::imageops::{FilterType, resize};

use crate::args::Explain;

/// The style that the arguments ask for.
///
/// # Errors
/// When one of them is out of range.
pub(crate) fn of(args: &Explain) -> Result<Style> {
    if !(0.0..=1.0).contains(&args.alpha) {
        bail!("`--alpha {}` is out of range, expected 0 to 1", args.alpha);
    }
    let usual = if args.no_relu {
        ColorMap::Coolwarm
    } else {
        ColorMap::Turbo
    };
    Ok(Style {
        colors: args.colormap.unwrap_or(usual),
        alpha: args.alpha,
        ..Style::default()
    })
}

/// Paints a method's map, which is as large as the photo.
pub(crate) fn paint(
    view: View,
    photo: &RgbImage,
    map: &Grid,
    method: &Method,
    style: &Style,
) -> Result<RgbImage> {
    Ok(view.draw(photo, map, &suited(style, method, map))?)
}

/// The style of a method's picture: single pixels stand out of a map of the pixels, and must not hide the rest of it.
fn suited(style: &Style, method: &Method, map: &Grid) -> Style {
    let scale = match (method.about().resolution, style.colors.is_diverging()) {
        (Source::Pixels, false) => Some(map.positive_quantile(0.99)),
        (Source::Pixels, true) => Some(map.absolute_quantile(0.99)),
        (Source::Layer, _) => style.scale,
    };
    Style {
        scale,
        ..style.clone()
    }
}

/// A photo that is less than half as large as `most` pixels, by the largest whole factor that keeps its longer side within them; any other as
/// it is. Each pixel becomes a square, so that nothing is seen that the photo does not show.
pub(crate) fn enlarged(photo: &RgbImage, most: u32) -> Cow<'_, RgbImage> {
    let (width, height) = enlarged_size(photo, most);
    if (width, height) == photo.dimensions() {
        Cow::Borrowed(photo)
    } else {
        Cow::Owned(resize(photo, width, height, FilterType::Nearest))
    }
}

/// Width and height of the photo when it is enlarged so.
pub(crate) fn enlarged_size(photo: &RgbImage, most: u32) -> (u32, u32) {
    let (width, height) = photo.dimensions();
    let factor = (most / width.max(height).max(1)).max(1);
    (width * factor, height * factor)
}
