//! From candle's storages to slices and back: the one module that knows candle's custom operations.
//!
//! A feature map has the shape `(n, c, h, w)` everywhere. An operation of this crate stores its channels last: it returns
//! `(n, h, w, c)`, and [`map`](apply::map) hands on the permuted view. A map in another layout is copied first.

pub(crate) mod apply;
pub(crate) mod computation;
#[cfg(feature = "cuda")]
pub(crate) mod device;
pub(crate) mod forwards;
pub(crate) mod layout;
pub(crate) mod processor;
pub(crate) mod storage;
