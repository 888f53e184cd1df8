//! Refuses parameters out of their range.

use crate::{Error, Result};

/// Refuses a side outside 16 to 4096 pixels.
pub(super) fn check_size(value: usize) -> Result<()> {
    if (16..=4096).contains(&value) {
        Ok(())
    } else {
        Err(Error::Setting {
            field: "size",
            expected: "16 to 4096 pixels",
            found: value.to_string(),
        })
    }
}

/// Refuses a parameter outside 0 to 1.
pub(super) fn check_part(field: &'static str, value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        Err(Error::Setting {
            field,
            expected: "0 to 1",
            found: value.to_string(),
        })
    }
}
