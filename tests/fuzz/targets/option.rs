//! The text of `--set`: a method on the first line, then an option and its value per line.
#![no_main]

use gradcam::Method;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let method = lines.next().unwrap_or("");
    let options: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once('='))
        .map(|(option, value)| (option.to_string(), value.to_string()))
        .collect();
    if let Ok(method) = Method::with_options(method, &options) {
        let _ = method.options();
    }
});
