//! The photo and the methods' pictures on one sheet.

use anyhow::Result;
use gradcam::{Explainer, Heatmap, Size, Verdict};
use gradcam_viz::{Panel, Style, View};
use image::RgbImage;
use image::imageops::{FilterType, resize};

use super::times::Times;
use crate::style;

/// The width of a picture on the sheet in pixels.
const PANEL: u32 = 224;

/// Draws the photo and the methods' pictures, each with its time, in about as many rows as columns.
pub(super) fn sheet(
    view: View,
    photo: &RgbImage,
    what: &str,
    explainers: &[Explainer],
    maps: &[(usize, &Heatmap, Times)],
) -> Result<RgbImage> {
    let (width, height) = photo.dimensions();
    let rows = (u64::from(height) * u64::from(PANEL) / u64::from(width)).max(1);
    let rows = u32::try_from(rows)?;
    let photo = resize(photo, PANEL, rows, FilterType::Triangle);
    let size = Size::new(usize::try_from(rows)?, usize::try_from(PANEL)?)?;
    let mut pictures = Vec::with_capacity(maps.len());
    for (number, (index, heatmap, times)) in maps.iter().enumerate() {
        let map = explainers[*index].upsample(&heatmap.layers, size);
        let method = &explainers[*index].method;
        let picture = style::paint(view, &photo, &map, method, &Style::default())?;
        let title = format!("{} {method}", number + 1);
        let mut caption = times.to_string();
        if heatmap.verdict != Verdict::Ok {
            caption = format!("{caption}\n{}", heatmap.verdict);
        }
        pictures.push((title, caption, picture));
    }
    let mut panels = vec![Panel::new(what, &photo)];
    panels.extend(
        pictures
            .iter()
            .map(|(title, caption, image)| Panel::new(title, image).with_caption(caption)),
    );
    let columns = (panels.len() as f64).sqrt().ceil() as usize;
    Ok(gradcam_viz::sheet(&panels, columns, None)?)
}
