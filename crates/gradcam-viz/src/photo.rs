//! A check of a photo against its map.

use gradcam_map::Grid;
use image::RgbImage;

use crate::{Error, Result};

/// Refuses a map whose size is not the photo's.
pub(crate) fn same_size(map: &Grid, photo: &RgbImage) -> Result<()> {
    let (photo_width, photo_height) = photo.dimensions();
    if (photo_width as usize, photo_height as usize) == (map.width(), map.height()) {
        return Ok(());
    }
    Err(Error::Size {
        photo_width,
        photo_height,
        map_width: map.width(),
        map_height: map.height(),
    })
}
