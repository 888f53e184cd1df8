//! What a picture or an object in it shows.

use std::sync::Arc;

use serde::Serialize;

/// A class: its number in the data set, and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Class {
    /// The number, from 0; the data set's own where it has one.
    pub number: usize,
    /// The name as the data set says it.
    pub name: Arc<str>,
}

/// Classes numbered by their place.
pub(crate) fn numbered<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Vec<Class> {
    let class = |(number, name): (usize, T)| Class {
        number,
        name: name.as_ref().into(),
    };
    names.into_iter().enumerate().map(class).collect()
}
