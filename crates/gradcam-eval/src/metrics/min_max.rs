//! Maps rescaled to 0 to 1.

use gradcam_map::Grid;

use crate::Result;
use crate::degenerate::check;

/// Rescales the map's values to 0 to 1.
pub(crate) fn min_max(map: &Grid) -> Result<Vec<f64>> {
    check(map)?;
    let (low, high) = (f64::from(map.min()), f64::from(map.max()));
    let scaled = map
        .values()
        .iter()
        .map(|&v| (f64::from(v) - low) / (high - low));
    Ok(scaled.collect())
}

/// Rescales the map to 0 to 1.
pub(crate) fn brought_to_one(map: &Grid) -> Result<Grid> {
    let values = min_max(map)?;
    Ok(Grid::from_fn(map.size(), |i| values[i] as f32))
}
