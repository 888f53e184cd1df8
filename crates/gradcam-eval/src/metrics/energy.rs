//! How much of a map lies on the object.

use gradcam_map::Grid;

use crate::degenerate::{check, check_mask};
use crate::{Result, Undefined};

/// Returns the share of the map's positive mass inside the mask, 0 to 1 (Wang et al. 2020, the energy-based pointing game).
///
/// # Errors
/// If the mask does not fit or is empty; the errors of [`check`]; [`Undefined::NoMass`] if no value of the map is positive.
///
/// ```
/// use gradcam_eval::metrics::energy_inside;
/// use gradcam_eval::nulls::centre_map;
/// use gradcam_eval::gradcam_map::Size;
///
/// // 1 in the middle and exp(-8/9) beside it.
/// let share = energy_inside(&centre_map(Size::new(1, 3)?), &[false, true, false])?;
/// assert!((share - 1.0 / (1.0 + 2.0 * (-8.0_f64 / 9.0).exp())).abs() < 1e-6);
/// # Ok::<(), gradcam_eval::Error>(())
/// ```
pub fn energy_inside(map: &Grid, mask: &[bool]) -> Result<f64> {
    check(map)?;
    check_mask(map, mask)?;
    let mass = |i: usize| f64::from(map.values()[i].max(0.0));
    let total: f64 = (0..mask.len()).map(mass).sum();
    let inside: f64 = (0..mask.len()).filter(|&i| mask[i]).map(mass).sum();
    if total > 0.0 {
        Ok(inside / total)
    } else {
        Err(Undefined::NoMass.into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{grid, undefined};

    #[test]
    fn negative_values_have_no_energy() {
        let map = grid(2, 2, &[3.0, 1.0, -8.0, 0.0]);
        assert_eq!(
            energy_inside(&map, &[true, false, true, false]).unwrap(),
            0.75
        );
        let negative = map.map(|v| -v.abs());
        assert_eq!(
            undefined(energy_inside(&negative, &[true; 4])),
            Undefined::NoMass
        );
    }
}
