//! How good is a saliency map?
//!
//! There is no one answer. A map may be *faithful*, so that the network's score falls when what it shows is hidden; it may lie on the
//! *object*, for which somebody must have marked the object; it may be *stable*, *focused*, or like the map of another network. For each
//! there are published metrics, and each has its traps: a step size, a blur, a rule for ties, a window. They are functions here, each
//! with its protocol as plain data and its traps in its documentation:
//!
//! - [`metrics`] look at a map, at two maps, or at a map and a mask;
//! - [`faithfulness`] asks the network again, under masks or at other inputs;
//! - [`sanity`] asks other networks: randomised ones, retrained ones, twins;
//! - [`methodology`] measures what a method costs, and what it depends on;
//! - [`nulls`] are maps that know nothing, which a method must beat on the same images;
//! - [`statistics`] make an interval of many values, and a grade of an interval ([`statistics::grade`]);
//! - [`card`] is where the grades of a method are put together, and shown.
//!
//! [`Metric`] is the same as a table, for whoever names metrics in text; [`evaluate`] measures methods on a data set with it.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use gradcam::Grid;
//! use gradcam_eval::faithfulness::Sample;
//! use gradcam_eval::{Evidence, Metric, nulls};
//! use gradcam_nn::{Network, Pass};
//!
//! /// The first class is the brightness of the upper left quarter of 16 × 16 pixels.
//! struct Corner;
//!
//! impl Network for Corner {
//!     fn forward(&self, x: &Tensor, _pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
//!         let mean = x.narrow(2, 0, 8)?.narrow(3, 0, 8)?.mean((1, 2, 3))?.unsqueeze(1)?;
//!         Tensor::cat(&[&(&mean * 5.0)?, &mean.zeros_like()?], 1)
//!     }
//! }
//!
//! let image = Tensor::ones((1, 3, 16, 16), candle_core::DType::F32, &Device::Cpu)?;
//! let corner = |i: usize| if i / 16 < 8 && i % 16 < 8 { 1.0 } else { 0.0 };
//! let honest = Grid { height: 16, width: 16, values: (0..256).map(corner).collect() };
//! let chance = nulls::random_map(16, 16, 1);
//!
//! let deletion = |map: &Grid| {
//!     let sample = Sample { network: &Corner, image: &image, target: 0 };
//!     let evidence = Evidence {
//!         map,
//!         upsampled: map,
//!         sample: Some(sample),
//!         mask: None,
//!         other: None,
//!         explain: None,
//!         rank: None,
//!         threshold: None,
//!         seed: 0,
//!     };
//!     "deletion".parse::<Metric>()?.measure(&evidence)
//! };
//! // Lower is better: the score falls at once when the corner goes first.
//! assert!(deletion(&honest)? < deletion(&chance)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **No NaN.** A map that is zero, constant or not finite, a mask without a pixel, a curve that does not move: where a metric has no value,
//! it says so and why ([`Undefined`]). A [`Tally`] keeps these samples beside the others; none is dropped in silence.
//!
//! **Determinism.** Whatever is drawn is drawn from a seed, one ChaCha8 stream a draw; sums are taken in f64 and in a fixed order. The same
//! arguments give the same bits on any number of threads.

pub mod card;
mod degenerate;
mod error;
pub mod evaluate;
pub mod faithfulness;
pub mod methodology;
mod metric;
pub mod metrics;
pub mod nulls;
mod random;
mod resolution;
pub mod sanity;
pub mod statistics;
mod undefined;

#[cfg(test)]
mod testing;

pub use degenerate::{Tally, check, check_finite};
pub use error::{Error, Result};
pub use metric::{About, Direction, Evidence, Metric, Need, Range, measure_all};
pub use resolution::Resolution;
pub use undefined::Undefined;
