//! From arguments to what is asked: of which network, by which methods, at which layers, for which targets.

mod device;
pub(crate) mod explainers;
pub(crate) mod layers;
pub(crate) mod methods;
pub(crate) mod model;
pub(crate) mod targets;
pub(crate) mod unsuited;
