//! Small data sets for the tests, in folders of their own.

use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ImageEncoder, RgbImage};
use tempfile::TempDir;

/// Creates a folder with text files.
pub(crate) fn files_in(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (path, text) in files {
        bytes(dir.path(), path, text.as_bytes());
    }
    dir
}

pub(crate) fn bytes(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Writes a black picture; the extension determines the format.
pub(crate) fn picture(root: &Path, path: &str, width: u32, height: u32) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::new(width, height).save(path).unwrap();
}

/// Writes a PNG with an EXIF orientation, 1 to 8 (CIPA DC-008, 4.6.4).
pub(crate) fn oriented(root: &Path, path: &str, image: &RgbImage, orientation: u8) {
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    tiff.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]);
    let mut encoded = Vec::new();
    let mut encoder = PngEncoder::new(&mut encoded);
    encoder.set_exif_metadata(tiff).unwrap();
    image.write_with_encoder(encoder).unwrap();
    bytes(root, path, &encoded);
}
