//! A picture that was drawn, with what is in it.

use image::RgbImage;

use crate::Mask;

/// A picture that was drawn, with what is in it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Drawn {
    /// The picture.
    pub image: RgbImage,
    /// Its class's number.
    pub class: usize,
    /// Its objects, the target first where it is one.
    pub objects: Vec<DrawnObject>,
}

/// An object of a picture that was drawn.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DrawnObject {
    /// Its class's number.
    pub class: usize,
    /// Its pixels.
    pub mask: Mask,
    /// Whether it is small and something else may be taken for it.
    pub difficult: bool,
}
