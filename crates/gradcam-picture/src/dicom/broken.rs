//! What is wrong with DICOM data.

use crate::PictureError;

pub(super) const NAME: &str = "DICOM";

pub(super) const TRUNCATED: PictureError = PictureError::Truncated { format: NAME };

/// Data that break the rules, or use a part of them that is not supported.
pub(super) fn broken(reason: impl Into<String>) -> PictureError {
    PictureError::Decode {
        format: NAME,
        reason: reason.into(),
    }
}
