//! COCO's `instances.json`, beside two pictures, with its masks rasterised.
#![no_main]

use gradcam_data::Layout;
use gradcam_fuzz::{SMALL_PNG, folder, open_and_draw};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    folder(|root| {
        let images = root.join("images");
        if !images.is_dir() {
            std::fs::create_dir(&images).unwrap();
            std::fs::write(images.join("1.png"), SMALL_PNG).unwrap();
            std::fs::write(images.join("2.png"), SMALL_PNG).unwrap();
        }
        let annotations = root.join("instances.json");
        std::fs::write(&annotations, bytes).unwrap();
        open_and_draw(&annotations, Layout::Coco);
    });
});
