//! The text of `--target`: a class, a rank, or one class rather than another.
#![no_main]

use gradcam::Target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let labels = ["tabby", "tiger cat", "A-B", "1", "top2", "", "Ärmelkanal", "a"].map(String::from);
    let _ = Target::parse(text, &labels);
});
