//! Maps from gradients at the pixels, and from other rules that propagate back to them.

mod blur;
mod deep_lift;
mod full_gradient;
mod gradient;
mod integrated;
mod quadrature;
pub(super) mod rectified;
pub(super) mod reduce;
mod relevance;
pub(super) mod smooth;
pub(super) mod through;
mod xrai;

pub use self::blur::BlurIntegratedGradients;
pub use self::deep_lift::DeepLift;
pub(super) use self::full_gradient::FullGrad;
pub use self::gradient::Gradient;
pub(super) use self::gradient::InputTimesGradient;
pub(crate) use self::integrated::relative;
pub use self::integrated::{ExpectedGradients, IntegratedGradients, SmoothIntegratedGradients};
pub(super) use self::rectified::{Deconvolution, GuidedBackpropagation};
pub use self::reduce::Channels;
pub use self::relevance::{Lrp, LrpRule};
pub use self::smooth::SmoothGrad;
pub(super) use self::smooth::VarGrad;
pub use self::xrai::Xrai;
