//! The bytes of a `model.safetensors`, for a network of one of a few configurations.
#![no_main]

use candle_core::Device;
use gradcam_models::Model;
use libfuzzer_sys::fuzz_target;

const CONFIGS: [&str; 3] = [
    r#"{"architecture": "squeezenet1_1", "num_classes": 2}"#,
    r#"{"architecture": "alexnet", "num_classes": 2}"#,
    r#"{"architecture": "vit_tiny_patch16_224", "num_classes": 2}"#,
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, weights)) = bytes.split_first() else {
        return;
    };
    let config = CONFIGS[usize::from(*first) % CONFIGS.len()];
    let _ = Model::new("fuzzed", config, None, weights, &Device::Cpu);
});
