//! How a map is shown: the views by name, and the style that they share.

use std::{fmt, str::FromStr};

use image::RgbImage;

use crate::{ColorMap, Error, Grid, Result, boxes, contour, heatmap, overlay, side_by_side};

/// A picture of one map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// [`overlay`]: the photo, coloured where there is evidence.
    #[default]
    Overlay,
    /// [`heatmap`]: the map alone.
    Heatmap,
    /// [`side_by_side`]: the photo, and its overlay to the right.
    SideBySide,
    /// [`contour`]: the photo with lines of equal evidence.
    Contour,
    /// [`boxes`]: the photo with the box of the paper's localisation protocol.
    Boxes,
}

impl View {
    /// Every view.
    pub const ALL: [Self; 5] = [
        Self::Overlay,
        Self::Heatmap,
        Self::SideBySide,
        Self::Contour,
        Self::Boxes,
    ];

    /// The name that users type: `overlay`, `side-by-side`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Heatmap => "heatmap",
            Self::SideBySide => "side-by-side",
            Self::Contour => "contour",
            Self::Boxes => "boxes",
        }
    }

    /// Draws this view of `map` over `photo`, which must have its size.
    ///
    /// # Errors
    /// As the view's own function; [`Error::Size`] also for [`View::Heatmap`].
    pub fn draw(self, photo: &RgbImage, map: Grid<'_>, style: &Style) -> Result<RgbImage> {
        map.same_size(photo)?;
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
            .into_iter()
            .find(|view| view.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| Error::View(name.to_owned()))
    }
}

/// How a view is drawn. Each view reads the fields that it needs; all are checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Style {
    /// The colour map. Default: turbo.
    pub colors: ColorMap,
    /// Opacity of the strongest evidence in an overlay, 0..=1. Default: 0.5.
    pub alpha: f32,
    /// The value at the end of the colour map; `None` takes [`ColorMap::scale_of`] the map. Give several maps one
    /// common scale to compare them. Values beyond it have the end's colour. 0 paints nothing.
    pub scale: Option<f32>,
    /// Levels of [`contour`], each a fraction of the scale in 0 (excluded) to 1. Default: 0.5 alone.
    pub levels: Vec<f32>,
    /// Threshold of [`boxes`] as a fraction of the map's maximum. Default: 0.15 (Selvaraju et al. 2017, section 3.2).
    pub box_fraction: f32,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            colors: ColorMap::default(),
            alpha: 0.5,
            scale: None,
            levels: vec![0.5],
            box_fraction: 0.15,
        }
    }
}

impl Style {
    /// Whether every field is in its range.
    pub(crate) fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.alpha) {
            return Err(Error::Alpha(self.alpha));
        }
        if let Some(scale) = self.scale {
            check_scale(scale)?;
        }
        let mut fractions = self.levels.iter().copied().chain([self.box_fraction]);
        match fractions.find(|&fraction| !(fraction > 0.0 && fraction <= 1.0)) {
            Some(fraction) => Err(Error::Fraction(fraction)),
            None => Ok(()),
        }
    }

    /// The value at the end of the colour map for `map`.
    pub(crate) fn scale_for(&self, map: Grid<'_>) -> f32 {
        self.scale.unwrap_or_else(|| self.colors.scale_of(map))
    }
}

pub(crate) fn check_scale(scale: f32) -> Result<()> {
    if scale.is_finite() && scale >= 0.0 {
        Ok(())
    } else {
        Err(Error::Scale(scale))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_round_trip() {
        for view in View::ALL {
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
        let map = Grid::new(2, 3, &values).unwrap();
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
        for view in View::ALL {
            assert_eq!(
                view.draw(&RgbImage::new(2, 3), map, &Style::default())
                    .unwrap_err()
                    .to_string(),
                "photo and map differ in size: the photo is 2x3, the map 3x2 (width x height); resize one of them first"
            );
            let photo = RgbImage::new(3, 2);
            for (style, text) in &bad {
                assert_eq!(
                    view.draw(&photo, map, style).unwrap_err().to_string(),
                    *text
                );
            }
            view.draw(&photo, map, &Style::default()).unwrap();
        }
    }
}
