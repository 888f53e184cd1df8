//! How much the largest value stands out.

use gradcam_map::Grid;

use super::min_max;
use crate::degenerate::check;
use crate::{Result, Undefined};

/// How a map's values are scaled before they are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Scale {
    /// As the method computed them.
    Raw,
    /// Rescaled to 0 to 1, as in the paper.
    #[default]
    MinMax,
}

/// Computes the largest value over the mean (Gomez et al. 2022, sparsity): at least 1, higher for a map with fewer and stronger positions.
///
/// It depends on the resolution (a single position of 7×7 has 49, and less after upsampling), so compare only maps of one size. No value is
/// good in itself.
///
/// # Errors
/// The errors of [`check`]; [`Undefined::NoMass`] for raw values whose mean is not positive.
pub fn sparsity(map: &Grid, scale: Scale) -> Result<f64> {
    let values = match scale {
        Scale::MinMax => min_max(map)?,
        Scale::Raw => {
            check(map)?;
            map.values().iter().map(|&v| f64::from(v)).collect()
        }
    };
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if mean > 0.0 {
        Ok(largest / mean)
    } else {
        Err(Undefined::NoMass.into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use gradcam_map::Interpolation;

    use super::*;
    use crate::testing::{grid, size, undefined};

    #[test]
    fn ramps_and_a_single_place() {
        let ramp: Vec<f32> = (0..9).map(|v| v as f32).collect();
        let raised: Vec<f32> = ramp.iter().map(|v| v + 10.0).collect();
        let (ramp, raised) = (grid(3, 3, &ramp), grid(3, 3, &raised));
        assert_eq!(sparsity(&ramp, Scale::MinMax).unwrap(), 2.0);
        assert_eq!(sparsity(&ramp, Scale::Raw).unwrap(), 2.0);
        assert_eq!(sparsity(&raised, Scale::MinMax).unwrap(), 2.0);
        let found = sparsity(&raised, Scale::Raw).unwrap();
        assert!((found - 18.0 / 14.0).abs() < 1e-12);
        let mut one = grid(7, 7, &[0.0; 49]);
        one.values_mut()[24] = 3.0;
        assert!((sparsity(&one, Scale::Raw).unwrap() - 49.0).abs() < 1e-12);
        // Bilinear, by 32: the peak is half a pixel off the sample, so (63/64)² of it is left, with 1/49 of the mass.
        let large = Interpolation::Bilinear.resize(&one, size(224, 224));
        let found = sparsity(&large, Scale::MinMax).unwrap();
        assert!(
            (found - 49.0 * (63.0_f64 / 64.0).powi(2)).abs() < 1e-3,
            "{found}"
        );
    }

    #[test]
    fn a_map_without_mass_has_none() {
        assert_eq!(
            undefined(sparsity(&grid(1, 2, &[-2.0, 1.0]), Scale::Raw)),
            Undefined::NoMass
        );
        assert_eq!(
            undefined(sparsity(&grid(1, 2, &[0.0; 2]), Scale::Raw)),
            Undefined::Zero
        );
    }
}
