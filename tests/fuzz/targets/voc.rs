//! A Pascal VOC annotation, beside its picture and a segmentation, with its masks rasterised.
#![no_main]

use gradcam_data::Layout;
use gradcam_fuzz::{SMALL_PNG, folder, open_and_draw};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    folder(|root| {
        if !root.join("Annotations").is_dir() {
            for part in ["JPEGImages", "Annotations", "SegmentationObject"] {
                std::fs::create_dir(root.join(part)).unwrap();
            }
            std::fs::write(root.join("JPEGImages/1.png"), SMALL_PNG).unwrap();
            std::fs::write(root.join("SegmentationObject/1.png"), SMALL_PNG).unwrap();
        }
        std::fs::write(root.join("Annotations/1.xml"), bytes).unwrap();
        open_and_draw(root, Layout::Voc);
    });
});
