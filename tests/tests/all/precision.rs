//! bf16 gives the maps of f32, nearly.

use std::path::Path;

use candle_core::Device;
use gradcam::{Explainer, Target};
use gradcam_models::Model;
use gradcam_models::picture::{self, Limits};
use gradcam_models::preprocess::Fit;
use gradcam_nn::ops::Precision;

/// The committed photos.
const PHOTOS: [&str; 4] = ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"];

/// Computes Spearman's rank correlation; ties, which such maps often have at 0, share their mean rank.
fn spearman(a: &[f32], b: &[f32]) -> f64 {
    let ranks = |values: &[f32]| {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
        let mut ranks = vec![0.0; values.len()];
        for run in order.chunk_by(|&i, &j| values[i] == values[j]) {
            let before = order.partition_point(|&i| values[i] < values[run[0]]);
            for &i in run {
                ranks[i] = before as f64 + (run.len() - 1) as f64 / 2.0;
            }
        }
        ranks
    };
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() - 1) as f64 / 2.0;
    let dot = |x: &[f64], y: &[f64]| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum()
    };
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

#[test]
fn bf16_maps_rank_the_pixels_as_f32_maps_do() {
    // Without bf16 support the computation is in f32, and the maps are the same.
    let rounds = Precision::Bf16.is_supported();
    let mut model = Model::default_model(&Device::Cpu).unwrap();
    let explain = |model: &Model| -> Vec<Vec<f32>> {
        PHOTOS
            .iter()
            .map(|name| {
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/photos");
                let photo = picture::read(&folder.join(name), Limits::default()).unwrap();
                let prepared = model.preprocess.prepare(&photo, Fit::Crop, &Device::Cpu);
                let x = prepared.unwrap().tensor.unsqueeze(0).unwrap();
                let map = Explainer::default()
                    .at(model.default_layer())
                    .explain_one(&model.network, &x, Target::Index(281))
                    .unwrap();
                map.raw().values().to_vec()
            })
            .collect()
    };
    let exact = explain(&model);
    model.network.set_precision(Precision::Bf16);
    let rounded = explain(&model);
    for (exact, rounded) in exact.iter().zip(&rounded) {
        assert_eq!(exact != rounded, rounds);
        let correlation = spearman(exact, rounded);
        assert!(correlation > 0.99, "{correlation}");
    }
}
