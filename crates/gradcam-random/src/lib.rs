#![doc = include_str!("../README.md")]

mod generator;
mod normal;
mod order;
mod uniform;
mod whole;

pub use generator::Random;
