//! Shared by the targets: a folder in memory for readers that take a path.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gradcam_data::Layout;

/// A picture of 8 × 6 pixels.
pub const SMALL_PNG: &[u8] = include_bytes!("../small.png");

/// Creates a folder for this process, in memory if the system offers that.
fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() {
memory.to_path_buf()
} else {
std::env::temp_dir()
};
        let root = base.join(format!("gradcam-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        root
    })
}

/// Calls `read` with a file that holds `bytes`.
pub fn in_file(name: &str, bytes: &[u8], read: impl FnOnce(&Path)) {
    let path = root().join(name);
    std::fs::write(&path, bytes).unwrap();
    read(&path);
}

/// Calls `fill` with a folder that persists between calls.
pub fn folder(fill: impl FnOnce(&Path)) {
    fill(root());
}

/// Opens a data set and rasterises all its masks.
pub fn open_and_draw(path: &Path, layout: Layout) {
    let Ok(data) = gradcam_data::open_as(path, layout) else {
        return;
    };
    for sample in &data.samples {
        let _ = sample.target_mask();
        let _ = sample.mask(|_| true);
        let _ = sample.rects();
    }
}
