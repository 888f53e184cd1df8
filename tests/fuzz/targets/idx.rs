//! A file in MNIST's format, plain or gzipped, read as pictures and as labels.
#![no_main]

use gradcam_fuzz::in_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    in_file("images", bytes, |path| {
        if let Ok(images) = gradcam_data::Images::open(path) {
            let _ = images.picture(0);
            let _ = images.picture(images.count().saturating_sub(1));
            let _ = images.picture(images.count());
        }
        let _ = gradcam_data::read_labels(path);
    });
});
