//! A PyTorch checkpoint's bytes, as `gradcam import` reads them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|_bytes: &[u8]| {});
