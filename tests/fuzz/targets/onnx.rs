//! The bytes of an `.onnx` file, with a file of weights beside it.
#![no_main]

use std::sync::Once;

use gradcam_fuzz::{folder, in_file};
use libfuzzer_sys::fuzz_target;

/// The weights beside the model, under the name that the seed states.
const WEIGHTS: [u8; 64] = [0; 64];
static WRITTEN: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    WRITTEN.call_once(|| {
        folder(|folder| std::fs::write(folder.join("external.onnx.data"), WEIGHTS).unwrap());
    });
    in_file("fuzzed.onnx", bytes, |path| {
        let _ = gradcam_onnx::read(path, &gradcam_onnx::Limits::default());
    });
});
