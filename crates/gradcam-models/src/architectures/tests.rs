//! Checks that the tests of all architectures share.
#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device, Tensor};
use gradcam_nn::{Module, ModuleTree, Network, Weights};

use super::*;
use crate::layers::Result;

/// Counts the trained parameters of the network that `build` makes.
pub(crate) fn parameter_count(build: impl Fn(&Weights) -> Result<Vec<Module>>) -> usize {
    let w = Weights::skeleton();
    let tree = ModuleTree::new(build(&w).unwrap(), &w);
    tree.parameters().iter().map(|(_, count)| count).sum()
}

/// Checks a network's logits for two pictures of `size` (height, width): finite, of the expected shape, and not all equal.
pub(crate) fn logits(modules: &[Module], w: &Weights, size: (usize, usize), classes: usize) {
    let count = 2 * 3 * size.0 * size.1;
    let values: Vec<f32> = (0..count).map(|i| ((i as f32) * 0.37).sin()).collect();
    let x = Tensor::from_vec(values, (2, 3, size.0, size.1), &Device::Cpu).unwrap();
    let tree = ModuleTree::new(modules.to_vec(), w);
    let y = tree.forward(&x, &mut ()).unwrap();
    assert_eq!(y.dims(), [2, classes]);
    assert_eq!(y.dtype(), DType::F32);
    let y: Vec<f32> = y.flatten_all().unwrap().to_vec1().unwrap();
    assert!(y.iter().all(|v| v.is_finite()), "{y:?}");
    assert!(y.iter().any(|v| *v != y[0]), "{y:?}");
}

#[test]
fn names_differ_by_more_than_case_and_punctuation() {
    let names: std::collections::BTreeSet<_> = all().iter().map(|a| letters(a.name)).collect();
    assert_eq!(names.len(), all().len());
    for (written, name) in [
        ("ResNet50", "resnet50"),
        ("EfficientNet-B0", "efficientnet_b0"),
        ("resnet50.a1_in1k", "resnet50"),
        ("SqueezeNet 1.1", "squeezenet1_1"),
        ("ViT_Base_Patch16_224", "vit_base_patch16_224"),
    ] {
        assert_eq!(find(written).unwrap().name, name);
    }
    assert_eq!(find("ResNet51").unwrap_err().nearest[0], "resnet50");
    assert_eq!(
        named_in("wide_resnet50_2-95faca4d").unwrap().name,
        "wide_resnet50_2"
    );
    assert!(named_in("checkpoint-final").is_none());
}
