#![doc = include_str!("../README.md")]

mod hint;
mod nearest;

pub use hint::hint;
pub use nearest::nearest;
