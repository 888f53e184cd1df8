//! The names of a card's data sets.

/// The user's data set.
pub(super) const IMAGES: &str = "images";
/// Small labelled pictures.
pub(super) const DIGITS: &str = "digits";
/// Drawn objects on drawn scenes.
pub(super) const SCENES: &str = "scenes";

/// Returns the data set that a test was measured on.
pub(super) fn measured_on(test: &str) -> &'static str {
    match test {
        "data_randomization" | "repeatability" | "reproducibility" => DIGITS,
        "model_contrast_score" => SCENES,
        _ => IMAGES,
    }
}
