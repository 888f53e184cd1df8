//! What methods that sample, or compare with other pictures, may spend and use.

use clap::Args;

/// What methods that sample, or compare with other pictures, may spend and use.
#[derive(Debug, Args)]
#[command(next_help_heading = "Method")]
pub(crate) struct Sampling {
    /// The most forwards that a method which samples may spend on a map; it takes one sample at least.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget: Option<u64>,
    /// Stop sampling when the map's standard error is below this share of its range; for rise, lime and kernel-shap.
    #[arg(long, value_name = "SHARE", value_parser = positive)]
    pub(crate) tolerance: Option<f64>,
    /// Pictures to compare with, for `baseline=custom` and expected gradients: files, folders or quoted patterns.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) background: Vec<String>,
}

/// A number above 0.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("expected a number above 0".to_string()),
    }
}
