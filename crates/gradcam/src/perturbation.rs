//! Methods that hide parts of the picture and look at the scores alone.

pub(crate) mod ablation;
mod hidden;
mod lab;
pub(crate) mod lime;
pub(crate) mod occlusion;
mod regression;
pub(crate) mod rise;
mod sampling;
pub(crate) mod shap;
mod slic;
pub(crate) mod superpixels;

#[cfg(test)]
mod golden;
#[cfg(test)]
pub(crate) mod testing;
