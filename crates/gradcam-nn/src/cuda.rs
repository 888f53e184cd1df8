//! Computations on a CUDA device: from candle's storages to kernels and libraries, and back.
//!
//! The kernels are in `cuda/kernels.cu` and are compiled for an element type when first needed. Data stay on the device: nothing in
//! this module reads them back.
#![allow(unsafe_code)]

pub(crate) mod array;
pub(crate) mod convolution;
#[cfg(feature = "cudnn")]
mod cudnn;
mod epilogue;
mod launch;
mod product;

pub(crate) use array::Array;
pub(crate) use epilogue::Epilogue;
pub(crate) use launch::Arg;
pub(crate) use product::Product;
