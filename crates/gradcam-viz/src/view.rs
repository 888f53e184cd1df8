//! The views of a map, by name.

use std::{fmt, str::FromStr};

use gradcam_map::Grid;
use image::RgbImage;

use crate::error::quoted;
use crate::photo::same_size;
use crate::{Error, Result, Style, boxes, contour, heatmap, overlay, side_by_side};

/// A way to draw a map.
///
/// ```
/// use gradcam_viz::View;
///
/// assert_eq!("side-by-side".parse::<View>()?, View::SideBySide);
/// assert_eq!(View::Overlay.name(), "overlay");
/// assert!("photo".parse::<View>().is_err());
/// # Ok::<(), gradcam_viz::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum View {
    /// [`overlay`]: the photo, coloured where there is evidence.
    #[default]
    Overlay,
    /// [`heatmap`]: the map alone.
    Heatmap,
    /// [`side_by_side`]: the photo, with its overlay on the right.
    SideBySide,
    /// [`contour`]: the photo with lines of equal evidence.
    Contour,
    /// [`boxes`]: the photo with the box of the paper's localisation protocol.
    Boxes,
}

impl View {
    /// Every view.
    pub const ALL: &'static [Self] = &[
        Self::Overlay,
        Self::Heatmap,
        Self::SideBySide,
        Self::Contour,
        Self::Boxes,
    ];

    /// Returns the name that users type, such as `overlay` or `side-by-side`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Heatmap => "heatmap",
            Self::SideBySide => "side-by-side",
            Self::Contour => "contour",
            Self::Boxes => "boxes",
        }
    }

    /// Draws this view of `map` over `photo`, which must have the map's size.
    ///
    /// # Errors
    /// The errors of the view's own function; [`Error::Size`] also for [`View::Heatmap`].
    pub fn draw(self, photo: &RgbImage, map: &Grid, style: &Style) -> Result<RgbImage> {
        same_size(map, photo)?;
        match self {
            Self::Overlay => overlay(photo, map, style),
            Self::Heatmap => heatmap(map, style),
            Self::SideBySide => side_by_side(photo, map, style),
            Self::Contour => contour(photo, map, style),
            Self::Boxes => boxes(photo, map, style),
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for View {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL
            .iter()
            .copied()
            .find(|view| view.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| Error::View {
            name: name.to_owned(),
            expected: quoted(Self::ALL),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::grid;

    #[test]
    fn names_round_trip() {
        for &view in View::ALL {
            assert_eq!(view.to_string().parse::<View>().unwrap(), view);
        }
        assert_eq!(
            "overlap".parse::<View>().unwrap_err().to_string(),
            "unknown view `overlap`; expected one of `overlay`, `heatmap`, `side-by-side`, `contour`, `boxes`"
        );
    }

    #[test]
    fn every_view_checks_size_and_style() {
        let values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        let map = grid(2, 3, &values);
        let bad = [
            (
                Style {
                    alpha: 1.5,
                    ..Style::default()
                },
                "alpha must lie between 0 and 1, found 1.5",
            ),
            (
                Style {
                    alpha: f32::NAN,
                    ..Style::default()
                },
                "alpha must lie between 0 and 1, found NaN",
            ),
            (
                Style {
                    scale: Some(-1.0),
                    ..Style::default()
                },
                "the scale must be a finite number of at least 0, found -1",
            ),
            (
                Style {
                    levels: vec![0.5, 0.0],
                    ..Style::default()
                },
                "a threshold is a fraction of the maximum above 0 and up to 1, found 0",
            ),
            (
                Style {
                    box_fraction: 15.0,
                    ..Style::default()
                },
                "a threshold is a fraction of the maximum above 0 and up to 1, found 15",
            ),
        ];
        for &view in View::ALL {
            assert_eq!(
                view.draw(&RgbImage::new(2, 3), &map, &Style::default())
                    .unwrap_err()
                    .to_string(),
                "photo and map differ in size: the photo is 2x3, the map 3x2 (width x height); resize one of them first"
            );
            let photo = RgbImage::new(3, 2);
            for (style, text) in &bad {
                assert_eq!(
                    view.draw(&photo, &map, style).unwrap_err().to_string(),
                    *text
                );
            }
            view.draw(&photo, &map, &Style::default()).unwrap();
        }
    }
}
