//! Metrics of maps alone, or of a map and a mask: no network is asked.

mod calibration;
mod energy;
mod gini;
mod hog;
mod localisation;
mod otsu;
mod overlap;
mod pointing;
mod precision;
mod rank;
mod segmentation;
mod sparsity;
mod ssim;

pub use calibration::{pearson, score_changes};
pub use energy::energy_inside;
pub use gini::{entropy, gini};
pub use hog::{hog, hog_correlation};
pub use localisation::{BoundingBox, Localised, bounding_box, box_of_mask, localise};
pub use otsu::{otsu_mask, otsu_threshold};
pub use overlap::{displacement, top_overlap};
pub use pointing::{POINTING_TOLERANCE, pointing, scaled_tolerance};
pub use precision::{average_precision, precision_trapezoid};
pub use rank::{spearman, spearman_absolute};
pub use segmentation::{Cuts, THRESHOLDS, Threshold, cuts, iou, segmentation_iou, tuned_threshold};
pub use sparsity::{Scale, sparsity};
pub use ssim::{Window, ssim};

use gradcam::Grid;

use crate::Result;
use crate::degenerate::check;

/// The map's values brought to 0 to 1.
pub(crate) fn min_max(map: &Grid) -> Result<Vec<f64>> {
    check(map)?;
    let (low, high) = (f64::from(map.min()), f64::from(map.max()));
    let scaled = map
        .values
        .iter()
        .map(|&v| (f64::from(v) - low) / (high - low));
    Ok(scaled.collect())
}

/// The map brought to 0 to 1.
pub(crate) fn brought_to_one(map: &Grid) -> Result<Grid> {
    Ok(Grid {
        height: map.height,
        width: map.width,
        values: min_max(map)?.into_iter().map(|v| v as f32).collect(),
    })
}
