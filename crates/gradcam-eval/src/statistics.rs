//! How certain a mean over images is, and which grade follows from it.

mod bootstrap;
mod grade;
mod holm;
mod measured;
mod permutation;
mod sign_flip;

pub use bootstrap::{
    ALPHA, Interval, RESAMPLES, bootstrap, mean_difference, mean_interval, quantile,
    weighted_interval,
};
pub use grade::{
    Finding, Gate, Grade, Graded, MAX_DEGENERATE, MIN_SAMPLES, Null, RULE, Rule, corrected, grade,
    grade_exact,
};
pub use holm::holm;
pub use measured::{Measured, Measurement};
pub use permutation::permutation;
pub use sign_flip::{Side, sign_flip};
