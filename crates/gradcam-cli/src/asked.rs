//! Turns arguments into a request: the network, methods, layers and targets.

mod device;
pub(crate) mod explainers;
mod graph;
pub(crate) mod layers;
pub(crate) mod methods;
pub(crate) mod model;
pub(crate) mod targets;
pub(crate) mod unsuited;
