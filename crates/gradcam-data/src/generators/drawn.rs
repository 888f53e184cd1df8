//! A drawn picture with its annotations.

use image::RgbImage;

use crate::Mask;

/// A drawn picture with its annotations.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Drawn {
    /// The picture.
    pub image: RgbImage,
    /// Its class's number.
    pub class: usize,
    /// Its objects; the target, if any, comes first.
    pub objects: Vec<DrawnObject>,
}

/// An object of a drawn picture.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DrawnObject {
    /// Its class's number.
    pub class: usize,
    /// Its pixels.
    pub mask: Mask,
    /// Whether it is small and could be confused with another object.
    pub difficult: bool,
}
