//! The methods: each has a file with its options, its facts and its algorithm, and a line of `table.rs`.

pub(crate) mod about;
mod attention;
pub(crate) mod baseline;
mod by_name;
mod class_activation;
pub(crate) mod noise;
pub(crate) mod perturbation;
pub(crate) mod pixels;
mod recipe;
mod table;

pub use self::about::About;
pub use self::attention::{AttentionRollout, Heads};
pub use self::by_name::MethodError;
pub use self::class_activation::{
    EigenCam, Fem, FinerCam, GradCamPlusPlus, IsCam, ReciproCam, ShapleyCam, SmoothGradCamPlusPlus,
    SsCam, XGradCam,
};
pub use self::perturbation::{FeatureAblation, KernelShap, Lime, Occlusion, Rise};
pub use self::pixels::{
    BlurIntegratedGradients, Channels, DeepLift, ExpectedGradients, Gradient, IntegratedGradients,
    Lrp, LrpRule, SmoothGrad, SmoothIntegratedGradients, Xrai,
};
pub use self::table::Method;
