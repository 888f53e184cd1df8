//! Metrics of maps alone, or of a map and a mask: they run no network.

mod calibration;
mod difference;
mod energy;
mod gini;
mod hog;
mod localisation;
mod min_max;
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
#[doc(inline)]
pub use gradcam_map::BoundingBox;
pub use hog::{hog, hog_correlation};
pub use localisation::{Localised, box_of_mask, localise};
pub use otsu::{otsu_mask, otsu_threshold};
pub use overlap::{displacement, top_overlap};
pub use pointing::{POINTING_TOLERANCE, pointing, scaled_tolerance};
pub use precision::{average_precision, precision_trapezoid};
pub use rank::{spearman, spearman_absolute};
pub use segmentation::{Cuts, THRESHOLDS, Threshold, cuts, iou, segmentation_iou, tuned_threshold};
pub use sparsity::{Scale, sparsity};
pub use ssim::{Window, ssim};

pub(crate) use difference::{apart, largest, relative};
pub(crate) use min_max::{brought_to_one, min_max};
