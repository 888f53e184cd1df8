#![doc = include_str!("../README.md")]

pub mod card;
mod degenerate;
mod error;
pub mod evaluate;
pub mod faithfulness;
pub mod methodology;
mod metric;
pub mod metrics;
pub mod nulls;
mod resolution;
pub mod sanity;
pub mod statistics;
mod undefined;

#[cfg(test)]
mod testing;

#[doc(no_inline)]
pub use candle_core;
#[doc(no_inline)]
pub use gradcam;
#[doc(no_inline)]
pub use gradcam_map;

pub use degenerate::{Tally, check, check_finite};
pub use error::{Error, Result};
pub use metric::{
    About, Against, CardTest, Cost, Direction, Evidence, Mean, Metric, Need, Places, Range,
    measure_all,
};
pub use resolution::Resolution;
pub use undefined::Undefined;
