//! The look of map pictures.

use std::borrow::Cow;

use anyhow::{Result, bail};
use gradcam::{Grid, Method, Source};
use gradcam_viz::{ColorMap, Style, View};
use image::RgbImage;
use image::imageops::{FilterType, resize};

use crate::args::Explain;

/// Returns the style that the arguments ask for.
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

/// Paints a method's map, which has the photo's size.
pub(crate) fn paint(
    view: View,
    photo: &RgbImage,
    map: &Grid,
    method: &Method,
    style: &Style,
) -> Result<RgbImage> {
    Ok(view.draw(photo, map, &suited(style, method, map))?)
}

/// Returns the style of a method's picture: in a map of the pixels, single pixels stand out, and must not hide the rest.
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

/// Enlarges a photo by the largest whole factor that keeps its longer side within `most` pixels; a photo above half of that stays as it is.
/// Each pixel becomes a square, so that nothing appears that the photo does not show.
pub(crate) fn enlarged(photo: &RgbImage, most: u32) -> Cow<'_, RgbImage> {
    let (width, height) = enlarged_size(photo, most);
    if (width, height) == photo.dimensions() {
        Cow::Borrowed(photo)
    } else {
        Cow::Owned(resize(photo, width, height, FilterType::Nearest))
    }
}

/// Returns width and height of the enlarged photo.
pub(crate) fn enlarged_size(photo: &RgbImage, most: u32) -> (u32, u32) {
    let (width, height) = photo.dimensions();
    let factor = (most / width.max(height).max(1)).max(1);
    (width * factor, height * factor)
}
