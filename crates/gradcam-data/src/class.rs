//! The class of a picture or of an object in it.

use std::sync::Arc;

use serde::Serialize;

/// A class: its number in the data set, and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Class {
    /// The number, from 0; the data set's own number if it has one.
    pub number: usize,
    /// The name in the data set.
    pub name: Arc<str>,
}

/// Numbers classes by their position.
pub(crate) fn numbered<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Vec<Class> {
    let class = |(number, name): (usize, T)| Class {
        number,
        name: name.as_ref().into(),
    };
    names.into_iter().enumerate().map(class).collect()
}
