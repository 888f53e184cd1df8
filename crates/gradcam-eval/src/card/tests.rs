//! Tests of the card as a whole.

#![allow(clippy::unwrap_used)]

pub(super) mod example;
mod pages;
mod schema;
