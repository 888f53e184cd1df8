//! The budget of methods that sample, and the pictures that methods compare with.

use clap::Args;

/// The budget of methods that sample, and the pictures that methods compare with.
#[derive(Debug, Args)]
#[command(next_help_heading = "Method")]
pub(crate) struct Sampling {
    /// The most forward passes per map of a method that samples; it takes at least one sample.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget: Option<u64>,
    /// Stop sampling when the map's standard error falls below this share of its range; for rise, lime and kernel-shap.
    #[arg(long, value_name = "SHARE", value_parser = positive)]
    pub(crate) tolerance: Option<f64>,
    /// Pictures to compare with, for `baseline=custom` and expected gradients: files, folders or quoted patterns.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) background: Vec<String>,
}

/// Parses a number above 0.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("expected a number above 0".to_string()),
    }
}
