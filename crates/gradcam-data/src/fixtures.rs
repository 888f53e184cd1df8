//! Small data sets for the tests, in folders of their own.

use std::path::Path;

use image::RgbImage;
use tempfile::TempDir;

/// A folder with text files.
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

/// A black picture; the ending says the format.
pub(crate) fn picture(root: &Path, path: &str, width: u32, height: u32) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::new(width, height).save(path).unwrap();
}
