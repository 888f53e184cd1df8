//! The commands, one file each.

pub(crate) mod card;
pub(crate) mod check;
pub(crate) mod classify;
pub(crate) mod compare;
pub(crate) mod data;
pub(crate) mod evaluate;
pub(crate) mod explain;
pub(crate) mod import;
pub(crate) mod layers;
pub(crate) mod man;
pub(crate) mod methods;
pub(crate) mod metrics;
pub(crate) mod models;
