//! Tests of the whole workspace, in one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod audit;
mod card;
mod clip;
mod committed;
mod crates;
mod cuda;
mod default_model;
mod documents;
mod files;
mod golden;
mod hub;
mod hugging_face;
mod laws;
mod linear_maps;
mod masks;
mod methods;
mod metrics;
mod parameters;
mod pictures;
mod pixels;
mod precision;
mod suits;
mod tape;
mod workflows;
