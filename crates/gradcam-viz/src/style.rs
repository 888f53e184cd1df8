//! Drawing options that the views share.

use gradcam_map::Grid;

use crate::{ColorMap, Error, Result};

/// Drawing options. Each view reads the fields it needs, but checks them all.
///
/// ```
/// use gradcam_viz::{ColorMap, Style};
///
/// // Maps with a common scale can be compared.
/// let style = Style {
///     colors: ColorMap::Viridis,
///     scale: Some(7.3),
///     ..Style::default()
/// };
/// assert_eq!(style.alpha, 0.5);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Style {
    /// The colour map. Default: turbo.
    pub colors: ColorMap,
    /// Opacity of the strongest evidence in an overlay, 0..=1. Default: 0.5.
    pub alpha: f32,
    /// The value at the end of the colour map; `None` for [`ColorMap::scale_of`] the map. Give several maps a common scale to compare them.
    /// Values beyond it have the last colour. 0 paints nothing.
    pub scale: Option<f32>,
    /// Levels of [`contour`](crate::contour()), each a fraction of the scale, above 0 and up to 1. Default: only 0.5.
    pub levels: Vec<f64>,
    /// Threshold of [`boxes`](crate::boxes()) as a fraction of the map's maximum. Default: 0.15 (Selvaraju et al. 2017, section 3.2).
    pub box_fraction: f64,
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
    /// Checks that every field is in its range.
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

    /// Returns the value at the end of the colour map for `map`.
    pub(crate) fn scale_for(&self, map: &Grid) -> f32 {
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
