//! Tests the command line through its real binary, in one test binary.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod bad_input;
mod bad_models;
mod binary;
mod card;
mod card_run;
mod cli;
mod compare;
mod determinism;
mod escapes;
mod evaluate;
mod evaluate_company;
mod import;
mod keeping;
mod limits;
mod methods;
mod onnx;
mod options;
mod order;
mod outputs;
mod own_data;
mod pages;
mod pictures;
mod pixel_pictures;
mod readable;
mod stops;
mod studies;
