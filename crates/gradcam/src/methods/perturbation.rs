//! Methods that hide parts of the picture and use the scores alone.

mod ablation;
mod hidden;
mod lab;
mod lime;
mod occlusion;
mod regression;
mod rise;
mod sampling;
mod shap;
mod slic;
pub(super) mod superpixels;

#[cfg(test)]
mod golden;
#[cfg(test)]
pub(crate) mod testing;

pub use self::ablation::FeatureAblation;
pub use self::lime::Lime;
pub use self::occlusion::Occlusion;
pub use self::rise::Rise;
pub use self::shap::KernelShap;
