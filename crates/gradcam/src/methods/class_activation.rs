//! Signed maps from the activations of one layer and, for most methods, the gradient of the score there.
//!
//! Sums run in `f64` and in a fixed order.

mod ablation;
mod cam;
mod channels;
mod component;
mod eigen;
mod fem;
mod finer;
mod grad_cam;
mod grad_cam_plus_plus;
mod guided;
mod positions;
mod recipro;
mod score;
mod shapley;
mod smooth;
mod xgrad_cam;

pub(super) use self::ablation::AblationCam;
pub(super) use self::cam::Cam;
pub use self::eigen::EigenCam;
pub(super) use self::eigen::EigenGradCam;
pub use self::fem::Fem;
pub use self::finer::FinerCam;
pub(super) use self::grad_cam::GradCam;
pub use self::grad_cam_plus_plus::GradCamPlusPlus;
pub(super) use self::guided::{GuidedGradCam, SmoothGradGradCam};
pub(super) use self::positions::{ElementWiseCam, HiResCam, LayerCam};
pub use self::recipro::ReciproCam;
pub(super) use self::score::ScoreCam;
pub use self::score::{IsCam, SsCam};
pub use self::shapley::ShapleyCam;
pub use self::smooth::SmoothGradCamPlusPlus;
pub use self::xgrad_cam::XGradCam;
