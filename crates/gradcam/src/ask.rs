//! The user's request: a method at layers, for images and targets.

pub(crate) mod audit;
pub(crate) mod batch;
pub(crate) mod dense;
pub(crate) mod explainer;
pub(crate) mod heatmap;
