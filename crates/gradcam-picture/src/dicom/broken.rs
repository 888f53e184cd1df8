//! Errors of DICOM data.

use crate::PictureError;

pub(super) const NAME: &str = "DICOM";

pub(super) const TRUNCATED: PictureError = PictureError::Truncated { format: NAME };

/// Makes an error for data that break the standard, or use an unsupported part of it.
pub(super) fn broken(reason: impl Into<String>) -> PictureError {
    PictureError::Decode {
        format: NAME,
        reason: reason.into(),
    }
}
