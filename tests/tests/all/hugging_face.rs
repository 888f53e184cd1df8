//! Networks of Hugging Face transformers, with parameters by formula under its names, against that library's logits.

use std::collections::BTreeMap;

use candle_core::Tensor;
use gradcam_models::{architectures, rename};
use gradcam_nn::{Network, Weights};
use serde::Deserialize;

use crate::committed::committed;
use crate::golden::{Input, by_formula, compare, parameter};

#[derive(Deserialize)]
struct Golden {
    transformers: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    name: String,
    gain: f64,
    /// Height and width of the input.
    size: usize,
    /// Shapes by name.
    state: BTreeMap<String, Vec<usize>>,
    /// The first logits.
    logits: Vec<f32>,
}

#[test]
fn logits_are_those_of_transformers() {
    let golden: Golden = committed("golden.json.gz");
    assert_eq!(golden.transformers.len(), 5);
    for expected in golden.transformers {
        let architecture = architectures::find(&expected.name).unwrap();
        let tensors: BTreeMap<String, Tensor> = expected
            .state
            .iter()
            .map(|(name, shape)| {
                let value = parameter(name, shape, expected.gain).unwrap();
                (name.clone(), value)
            })
            .collect();
        let stored = Weights::from_tensors(tensors);
        let naming = architecture.naming(expected.state.keys().map(String::as_str));
        let own = rename(&stored, architecture, naming, 1000).unwrap();
        let network = architecture.build(&own, 1000).unwrap();
        let size = expected.size;
        let x = by_formula(&Input {
            name: "input".into(),
            shape: [1, 3, size, size],
        });
        let logits = network.forward(&x.unwrap(), &mut ()).unwrap();
        let found: Vec<f32> = logits.get(0).unwrap().to_vec1().unwrap();
        let found = &found[..expected.logits.len()];
        compare(&expected.name, found, &expected.logits, 1e-4);
    }
}
