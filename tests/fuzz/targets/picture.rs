//! A picture's bytes, in every supported format.
#![no_main]

use gradcam_models::picture::{Limits, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { max_pixels: 1 << 16 };
    if let Ok(picture) = decode(bytes, limits) {
        assert!(u64::from(picture.width()) * u64::from(picture.height()) <= limits.max_pixels);
    }
});
