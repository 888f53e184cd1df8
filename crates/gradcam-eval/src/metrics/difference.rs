//! The distance between two maps that should be equal.

use gradcam_map::Grid;

use crate::degenerate::{check, check_finite, check_pair};
use crate::{Error, Result};

/// Returns the largest difference between two maps as a share of the first one's largest absolute value.
pub(crate) fn apart(a: &Grid, b: &Grid) -> Result<f64> {
    check(a)?;
    check_finite(b)?;
    check_pair(a, b)?;
    relative(&wide(a), &wide(b))
}

fn wide(map: &Grid) -> Vec<f64> {
    map.values().iter().map(|&v| f64::from(v)).collect()
}

/// Returns the largest of some non-negative numbers, 0 if there are none; unlike [`f64::max`] it keeps a NaN.
pub(crate) fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    let larger = |m: f64, v: f64| {
        if m.is_nan() || v.is_nan() {
            f64::NAN
        } else {
            m.max(v)
        }
    };
    values.into_iter().fold(0.0, larger)
}

/// Returns the largest difference as a share of the largest absolute value of `a`; 0 if nothing differs.
pub(crate) fn relative(a: &[f64], b: &[f64]) -> Result<f64> {
    if a.len() != b.len() {
        return Err(Error::Length {
            expected: a.len(),
            found: b.len(),
        });
    }
    let difference = largest(a.iter().zip(b).map(|(a, b)| (a - b).abs()));
    let largest = largest(a.iter().map(|v| v.abs()));
    Ok(if difference == 0.0 {
        0.0
    } else {
        difference / largest
    })
}
