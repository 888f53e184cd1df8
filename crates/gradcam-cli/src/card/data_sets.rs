//! The names of the data sets on a card.

/// The user's.
pub(super) const IMAGES: &str = "images";
/// Small pictures of classes.
pub(super) const DIGITS: &str = "digits";
/// Drawn objects before drawn scenes.
pub(super) const SCENES: &str = "scenes";

/// The data set that a test was measured on.
pub(super) fn measured_on(test: &str) -> &'static str {
    match test {
        "data_randomization" | "repeatability" | "reproducibility" => DIGITS,
        "model_contrast_score" => SCENES,
        _ => IMAGES,
    }
}
