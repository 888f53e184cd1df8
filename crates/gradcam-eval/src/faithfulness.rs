//! Metrics that run the network again: how does its score change if the regions that the map shows are hidden, or are all that is left?

mod average_drop;
mod blur;
mod curve;
mod gomez;
mod impute;
mod infidelity;
mod invariance;
mod order;
mod petsiuk;
mod region;
mod road;
mod sample;
mod sensitivity_n;
mod stability;

pub use average_drop::{Drop, average_drop};
pub use blur::{box_blurred, rise_blurred, rise_kernel};
pub use curve::{Curve, area};
pub use gomez::{Calibrated, Gomez, gomez_deletion, gomez_insertion};
pub use impute::impute;
pub use infidelity::{Squares, infidelity};
pub use invariance::{Shifted, input_invariance};
pub use order::{Ties, order, tie_fraction};
pub use petsiuk::{Petsiuk, deletion, insertion};
pub use region::{Regions, region_perturbation};
pub use road::{Road, RoadCurves, road};
pub(crate) use sample::logits;
pub use sample::{Explain, Output, Sample};
pub use sensitivity_n::{Subsets, sensitivity_n};
pub use stability::{Ball, max_sensitivity};
