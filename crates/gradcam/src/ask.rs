//! What a user asks: a method at layers, of images and targets.

pub(crate) mod audit;
pub(crate) mod batch;
pub(crate) mod dense;
pub(crate) mod explainer;
pub(crate) mod heatmap;
