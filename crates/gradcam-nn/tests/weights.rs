//! The store from which networks are built: its errors, and its fresh weights.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod numbers;

use std::collections::BTreeMap;

use numbers::splitmix64;

use candle_core::{DType, Device, Tensor};
use gradcam_nn::{ModuleTree, Network, Weights, WeightsError};

/// Returns reproducible numbers between -1 and 1.
fn random(seed: u64, shape: &[usize]) -> Tensor {
    let mut next = splitmix64(seed);
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| (next() >> 40) as f32 / (1u32 << 23) as f32 - 1.0)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn values(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

fn store() -> Weights {
    let mut tensors = BTreeMap::new();
    let mut insert = |name: &str, tensor: Tensor| tensors.insert(name.to_string(), tensor);
    insert("layer1.0.conv1.weight", random(1, &[4, 3, 3, 3]));
    insert("layer1.0.conv2.weight", random(2, &[4, 4, 3, 3]));
    insert("layer1.0.bn1.weight", random(3, &[4]));
    insert(
        "fc.bias",
        Tensor::new(&[1f32, f32::NAN, f32::INFINITY], &Device::Cpu).unwrap(),
    );
    Weights::from_tensors(tensors)
}

#[test]
fn a_store_says_what_is_wrong() {
    let store = store();
    let block = store.at("layer1").at(0);
    assert_eq!(block.prefix(), "layer1.0");
    assert_eq!(block.path("bn1"), "layer1.0.bn1");
    assert!(block.contains("bn1.weight") && !block.contains("bn2.weight"));
    let conv = block.at("conv1").get("weight", &[4, 3, 3, 3]).unwrap();
    assert_eq!(values(&conv), values(&random(1, &[4, 3, 3, 3])));

    match block.get("conv3.weight", &[4, 4, 1, 1]).unwrap_err() {
        WeightsError::Missing { name, nearest } => {
            assert_eq!(name, "layer1.0.conv3.weight");
            let close = ["layer1.0.conv1.weight", "layer1.0.conv2.weight"];
            assert_eq!(nearest[..2], close);
        }
        other => panic!("{other}"),
    }
    let error = store.get("stem.kernel", &[1]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the weights lack the parameter `stem.kernel`"
    );

    let error = block.get("bn1.weight", &[5]).unwrap_err();
    assert!(matches!(error, WeightsError::Shape { .. }));
    assert_eq!(
        error.to_string(),
        "the parameter `layer1.0.bn1.weight` has the shape [4], expected [5]"
    );
    // The same number of values in another shape.
    assert!(block.get("bn1.weight", &[2, 2]).is_err());

    match store.get("fc.bias", &[3]).unwrap_err() {
        WeightsError::NotFinite { name, count } => {
            assert_eq!((name.as_str(), count), ("fc.bias", 2));
        }
        other => panic!("{other}"),
    }
    // All scopes share one record of the requested names.
    assert_eq!(store.unused(), ["layer1.0.conv2.weight"]);
    assert!(matches!(
        Weights::from_safetensors(b"no such thing", &Device::Cpu),
        Err(WeightsError::Format(_))
    ));
}

#[test]
fn not_finite_values_are_found_in_any_layout() {
    let mut numbers = [0f32; 6];
    numbers[4] = f32::NAN;
    let x = Tensor::new(&numbers, &Device::Cpu).unwrap();
    let view = x.reshape((2, 3)).unwrap().t().unwrap();
    for tensor in [
        view,
        x.to_dtype(DType::F64).unwrap(),
        x.to_dtype(DType::F16).unwrap(),
    ] {
        let shape = tensor.dims().to_vec();
        let tensors = BTreeMap::from([("x".to_string(), tensor)]);
        let result = Weights::from_tensors(tensors).get("x", &shape);
        assert!(
            matches!(result, Err(WeightsError::NotFinite { count: 1, .. })),
            "{result:?}"
        );
    }
}

#[test]
fn a_store_can_be_renamed() {
    let renamed = store()
        .renamed(|name, tensor| {
            let Some(name) = name.strip_prefix("layer1.0.") else {
                return Ok(None);
            };
            let flat = tensor.flatten_all()?;
            Ok(Some((name.replace("conv", "stem"), flat)))
        })
        .unwrap();
    assert_eq!(
        renamed.names(),
        ["bn1.weight", "stem1.weight", "stem2.weight"]
    );
    assert_eq!(
        values(&renamed.get("stem1.weight", &[108]).unwrap()),
        values(&random(1, &[108]))
    );
    assert!(renamed.tensor("fc.bias").is_none());
    let failed = store().renamed(|_, tensor| tensor.reshape(1).map(|t| Some((String::new(), t))));
    assert!(failed.is_err());
}

#[test]
fn a_fresh_initialisation_depends_on_the_seed_and_the_name() {
    let get =
        |seed: u64, name: &str| values(&Weights::random(seed).get(name, &[64, 32, 3, 3]).unwrap());
    let kernel = get(1, "a.weight");
    assert_eq!(kernel, get(1, "a.weight"));
    assert_ne!(kernel, get(2, "a.weight"));
    assert_ne!(kernel, get(1, "b.weight"));
    // Neither on earlier requests, nor on the scope.
    let weights = Weights::random(1);
    weights.get("b.weight", &[5, 5]).unwrap();
    assert_eq!(
        kernel,
        values(&weights.at("a").get("weight", &[64, 32, 3, 3]).unwrap())
    );
    // He et al.: a normal distribution of variance 2 / fan-in. With 18,432 numbers, the bounds are five standard errors.
    let n = kernel.len() as f64;
    let mean = kernel.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let variance = kernel.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / n;
    let expected = 2.0 / (32.0 * 9.0);
    assert!(mean.abs() < 5.0 * (expected / n).sqrt(), "{mean}");
    assert!(
        (variance / expected - 1.0).abs() < 5.0 * (2.0 / n).sqrt(),
        "{variance}"
    );

    let vector = |name: &str| values(&Weights::random(1).get(name, &[3]).unwrap());
    for name in ["bn.weight", "bn.running_var", "block.gamma"] {
        assert_eq!(vector(name), [1.0; 3]);
    }
    for name in ["bn.bias", "bn.running_mean"] {
        assert_eq!(vector(name), [0.0; 3]);
    }
}

#[test]
fn a_skeleton_knows_shapes_and_counts() {
    let weights = Weights::skeleton();
    // More than any memory holds if the zeros were stored.
    let vast = weights.get("vast.weight", &[1 << 20, 1 << 20]).unwrap();
    assert_eq!(vast.dims(), [1 << 20, 1 << 20]);
    let bn = weights.at("bn");
    for name in ["weight", "bias", "running_mean", "running_var"] {
        assert_eq!(values(&bn.get(name, &[6]).unwrap()), [0.0; 6]);
    }
    assert_eq!(weights.requested().len(), 5);
    assert_eq!(weights.requested()[0], ("bn.bias".to_string(), vec![6]));
    assert!(weights.unused().is_empty() && weights.tensor("bn.bias").is_none());
    // Statistics are not parameters.
    let network = ModuleTree::new(vec![], &weights);
    let expected = [("bn.bias", 6), ("bn.weight", 6), ("vast.weight", 1 << 40)];
    let expected = expected.map(|(name, count)| (name.to_string(), count));
    assert_eq!(network.parameters(), expected);
}
