//! Compares the networks with candle-transformers, another implementation, on the same random weights.
//!
//! Its VGG13 and VGG19 are left out: they differ from VGG16 only in the number of convolutions, and are as slow. It has no AlexNet,
//! SqueezeNet, GoogLeNet, Inception, DenseNet, or MobileNet v2 and v3.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../../gradcam-nn/tests/numbers/mod.rs"]
mod numbers;

use std::collections::BTreeMap;

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::{Module, ModuleT, VarBuilder};
use candle_transformers::models::efficientnet::{EfficientNet, MBConvConfig};
use candle_transformers::models::{convnext, resnet, vgg};
use gradcam_models::architectures::{self, Naming};
use gradcam_nn::{Network, Weights};

use numbers::splitmix64;

/// Draws numbers uniformly between `low` and `high`, with a separate stream for every name.
fn uniform(name: &str, shape: &[usize], low: f32, high: f32) -> Tensor {
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut next = splitmix64(seed);
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| low + (high - low) * (next() >> 40) as f32 / (1u32 << 24) as f32)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Makes a parameter such that every part matters: kernels keep the scale of their input, and no norm is the identity.
fn parameter(name: &str, shape: &[usize]) -> Tensor {
    match name.rsplit('.').next().unwrap() {
        "weight" if shape.len() > 1 => {
            // The standard deviation of He's normal distribution.
            let fan_in: usize = shape[1..].iter().product();
            let bound = (6.0 / fan_in as f32).sqrt();
            uniform(name, shape, -bound, bound)
        }
        "weight" | "running_var" => uniform(name, shape, 0.5, 1.5),
        _ => uniform(name, shape, -0.5, 0.5),
    }
}

/// Builds our network `name`, and returns its logits for `x` and the weights under our names.
fn ours(name: &str, classes: usize, x: &Tensor) -> (Tensor, BTreeMap<String, Tensor>) {
    let architecture = architectures::find(name).unwrap();
    let skeleton = Weights::skeleton();
    architecture.build(&skeleton, classes).unwrap();
    let tensors: BTreeMap<String, Tensor> = skeleton
        .requested()
        .into_iter()
        .map(|(name, shape)| {
            let tensor = parameter(&name, &shape).to_dtype(x.dtype()).unwrap();
            (name, tensor)
        })
        .collect();
    let weights = Weights::from_tensors(tensors.clone());
    let network = architecture.build(&weights, classes).unwrap();
    assert!(weights.unused().is_empty());
    (network.forward(x, &mut ()).unwrap(), tensors)
}

/// Wraps the same weights for candle's networks.
fn builder(tensors: BTreeMap<String, Tensor>, dtype: DType) -> VarBuilder<'static> {
    VarBuilder::from_tensors(tensors.into_iter().collect(), dtype, &Device::Cpu)
}

/// Compares logits; the tolerance is relative to the largest.
fn assert_close(found: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(found.dims(), expected.dims());
    let wide = |x: &Tensor| x.to_dtype(DType::F64).unwrap();
    let (found, expected) = (wide(found), wide(expected));
    let largest = |x: &Tensor| -> f64 {
        let x = x.abs().unwrap().flatten_all().unwrap();
        x.max(0).unwrap().to_scalar().unwrap()
    };
    let scale = largest(&expected);
    let difference = largest(&(&found - &expected).unwrap());
    assert!(
        difference <= tolerance * scale,
        "differs by {difference}, largest {scale}"
    );
    // Logits that hardly depend on class and image would prove little.
    for dim in [0, 1] {
        let mean = expected.mean_keepdim(dim).unwrap();
        let spread = largest(&expected.broadcast_sub(&mean).unwrap());
        let single = expected.dim(dim).unwrap() == 1;
        assert!(
            single || spread > 0.02 * scale,
            "along {dim} the logits spread by {spread}, largest {scale}"
        );
    }
}

/// Makes a dark and a bright image.
fn images(height: usize, width: usize) -> Tensor {
    let shape = [1, 3, height, width];
    let images = [
        uniform("dark", &shape, -3.0, 0.0),
        uniform("bright", &shape, -1.0, 3.0),
    ];
    Tensor::cat(&images, 0).unwrap()
}

/// Compares the logits of our network `name` and `theirs`: within 1e-10 of the largest in `f64`, where rounding hides no difference, and
/// within 1e-4 in `f32`.
fn check<M: Module>(
    name: &str,
    (height, width): (usize, usize),
    dtypes: &[DType],
    theirs: impl Fn(VarBuilder<'static>) -> Result<M>,
) {
    for &dtype in dtypes {
        let tolerance = if dtype == DType::F64 { 1e-10 } else { 1e-4 };
        let x = images(height, width).to_dtype(dtype).unwrap();
        let (found, tensors) = ours(name, 10, &x);
        let network = theirs(builder(tensors, dtype)).unwrap();
        assert_close(&found, &network.forward(&x).unwrap(), tolerance);
    }
}

#[test]
fn resnets() {
    let both = [DType::F64, DType::F32];
    check("resnet18", (65, 96), &both, |w| resnet::resnet18(10, w));
    check("resnet34", (64, 64), &both, |w| resnet::resnet34(10, w));
    check("resnet50", (65, 96), &both, |w| resnet::resnet50(10, w));
}

#[test]
fn convnexts() {
    // candle's layer norm does not support `f64`.
    check("convnext_tiny", (65, 96), &[DType::F32], |w| {
        convnext::convnext(&convnext::Config::tiny(), 10, w)
    });
}

/// candle has the networks with TensorFlow's padding and norms, and torchvision's names.
#[test]
fn efficientnets() {
    let check = |size: usize, dtypes: &[DType], configs: fn() -> Vec<MBConvConfig>| {
        let names = architectures::find(&format!("efficientnet_b{size}")).unwrap();
        let name = format!("tf_efficientnet_b{size}");
        check(&name, (65, 96), dtypes, |w| {
            let w = w.rename_f(|name| names.parameter(Naming::Torchvision, name).unwrap());
            EfficientNet::new(w, configs(), 10)
        });
    };
    check(0, &[DType::F64, DType::F32], MBConvConfig::b0);
    // With random weights the larger network amplifies rounding errors a thousandfold: too much for `f32`.
    check(2, &[DType::F64], MBConvConfig::b2);
}

/// candle's VGG takes one image of 224×224 pixels, always has 1000 classes, and ends in a ReLU.
#[test]
fn vggs() {
    let x = uniform("image", &[1, 3, 224, 224], -2.0, 2.0);
    let (found, tensors) = ours("vgg16", 1000, &x);
    let network = vgg::Vgg::new(builder(tensors, DType::F32), vgg::Models::Vgg16).unwrap();
    let expected = network.forward_t(&x.squeeze(0).unwrap(), false).unwrap();
    assert!(expected.max(D::Minus1).unwrap().to_vec1::<f32>().unwrap()[0] > 0.0);
    assert_close(&found.relu().unwrap(), &expected, 1e-4);
}
