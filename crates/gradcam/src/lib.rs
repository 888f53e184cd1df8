#![doc = include_str!("../README.md")]
// The options of a method are of use to those alone who can name their type.
#![warn(unnameable_types)]

mod ask;
mod error;
pub mod methods;
mod saliency;
mod seen;
mod target;

#[doc(no_inline)]
pub use candle_core;
#[doc(no_inline)]
pub use gradcam_nn::{self, Network, Pass, Rules, Tokens};

pub use ask::audit::{Audit, audit_gradient, audit_gradient_by};
pub use ask::batch::{BatchMaps, RecordedGradCam, grad_cam_batch};
pub use ask::dense::{Dense, predicted_region};
pub use ask::explainer::{Cost, Explainer, Fusion, PassCost, explain_each};
pub use ask::heatmap::{Heatmap, LayerMap, Verdict};
pub use error::{Error, Result};
pub use methods::baseline::{Baseline, Inputs};
pub use methods::{About, Method, MethodError};
pub use saliency::{Features, Saliency, SignedMap, Source, Subject};
pub use seen::input_gradient::input_gradient;
pub use seen::layers::{Layer, Layers, coincide, layers};
pub use seen::masks::{Mask, Taps, masked_logits};
pub use target::{Explained, Score, Target, TargetError, probabilities, ranking};

#[doc(inline)]
pub use gradcam_map::{Error as MapError, Grid, Interpolation, Size, rank_correlations};
