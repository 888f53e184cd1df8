//! The text of a `config.json`; after a NUL follows the text of a `preprocessor_config.json`.
#![no_main]

use gradcam_models::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (config, processor) = match text.split_once('\0') {
        Some((config, processor)) => (config, Some(processor)),
        None => (text, None),
    };
    let _ = Config::parse(config, processor);
});
