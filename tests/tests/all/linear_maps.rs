//! Under every rule, a linear map equals the fully connected layer with its matrix.

use candle_core::{DType, Device, Result, Tensor};
use gradcam::{Explainer, Inputs, Method, Target};
use gradcam_nn::ops::{
    Activation, AdaptiveAvgPool2d, AvgPool2d, Conv2d, ConvOptions, ConvTranspose2d, Linear,
    LinearMap, Rearrange, Reduce, Resize, ResizeMode,
};
use gradcam_nn::{Network, Pass};

/// The shape of the linear map's input, the convolution's output.
const DIMS: [usize; 4] = [1, 4, 6, 6];

fn wave(shape: &[usize], step: f64) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|i| (i as f64 * step).sin()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

enum Way {
    Map(LinearMap),
    Matrix(Linear),
}

/// A convolution with its ReLU, a linear map, and a classifier.
struct Mapped {
    conv: Conv2d,
    way: Way,
    classifier: Linear,
}

impl Mapped {
    fn new(way: Way, features: usize) -> Self {
        let bias = wave(&[4], 1.3);
        let conv = Conv2d::new(wave(&[4, 2, 3, 3], 0.7), Some(bias), ConvOptions::default());
        let weight = wave(&[3, features], 0.9);
        Mapped {
            conv,
            way,
            classifier: Linear::new(weight, Some(wave(&[3], 0.4))),
        }
    }

    /// Builds the network with the map, and the one with its matrix.
    fn both(map: &LinearMap) -> [Self; 2] {
        let count = DIMS.iter().product();
        let each = Tensor::eye(count, DType::F64, &Device::Cpu).unwrap();
        let each = each.reshape((count, DIMS[1], DIMS[2], DIMS[3])).unwrap();
        let columns = map.forward(&each).unwrap().contiguous().unwrap();
        let columns = columns.reshape((count, ())).unwrap();
        let matrix = Linear::new(columns.t().unwrap().contiguous().unwrap(), None);
        let features = columns.dim(1).unwrap();
        let ways = [Way::Map(map.clone()), Way::Matrix(matrix)];
        ways.map(|way| Mapped::new(way, features))
    }
}

impl Network for Mapped {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let x = pass.conv2d(&self.conv, x)?;
        let x = pass.activation(Activation::Relu, &x)?;
        let x = pass.tap("maps", x)?;
        let x = match &self.way {
            Way::Map(map) => pass.linear_map(map, &x)?,
            Way::Matrix(matrix) => {
                let x = pass.flatten(&x)?;
                pass.linear(matrix, &x)?
            }
        };
        let x = match x.rank() {
            2 => x,
            _ => pass.flatten(&x)?,
        };
        pass.linear(&self.classifier, &x)
    }
    fn passes_all(&self) -> bool {
        true
    }
}

fn maps() -> Vec<LinearMap> {
    let reduce = |dims: &[usize], mean| {
        LinearMap::Reduce(Reduce {
            dims: dims.to_vec(),
            mean,
            keep: false,
        })
    };
    let resize = |size, mode| {
        LinearMap::Resize(Resize {
            size,
            mode,
            align_corners: false,
        })
    };
    let strided = ConvOptions {
        stride: (2, 2),
        ..ConvOptions::default()
    };
    let weight = wave(&[4, 2, 3, 3], 0.31).abs().unwrap();
    vec![
        LinearMap::Contiguous,
        LinearMap::Flatten,
        LinearMap::Permute(vec![0, 3, 1, 2]),
        LinearMap::Slice {
            dim: 2,
            start: 1,
            len: 2,
            step: 3,
        },
        LinearMap::narrow(1, 1, 2),
        LinearMap::Select { dim: 1, index: 2 },
        LinearMap::Take {
            dim: 2,
            indices: vec![5, 1, 5, 0],
        },
        LinearMap::Pad(vec![(0, 0), (0, 1), (1, 0), (2, 2)]),
        LinearMap::Expand(vec![4, 6, 6]),
        LinearMap::Rearrange(Rearrange::Tokens),
        LinearMap::Rearrange(Rearrange::Merge),
        LinearMap::AvgPool(AvgPool2d::new(2, 2, 0)),
        LinearMap::AdaptiveAvgPool(AdaptiveAvgPool2d { output: (4, 1) }),
        resize((4, 9), ResizeMode::Nearest),
        resize((9, 4), ResizeMode::Bilinear),
        reduce(&[2, 3], true),
        reduce(&[1], false),
        LinearMap::ConvTranspose(ConvTranspose2d::new(weight, strided, (1, 0))),
    ]
}

fn method(name: &str, options: &[(&str, &str)]) -> Method {
    let options: Vec<_> = options
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    Method::with_options(name, &options).unwrap()
}

#[test]
fn every_rule_has_a_place_for_linear_maps() {
    let picture = wave(&[1, 2, 8, 8], 0.23);
    let lrp = [("rule", "epsilon"), ("epsilon", "1e-9")];
    let methods = [
        method("gradient", &[]),
        method("guided-backprop", &[]),
        method("deconvolution", &[]),
        method("deeplift", &[]),
        method("fullgrad", &[]),
        method("lrp", &lrp),
    ];
    for map in maps() {
        let networks = Mapped::both(&map);
        for method in &methods {
            let [found, expected] = networks.each_ref().map(|network| {
                let explainer = Explainer::of(method.clone()).inputs(Inputs {
                    black: vec![0.0; 2],
                    white: vec![1.0; 2],
                    background: None,
                });
                let map = explainer.explain_one(network, &picture, Target::Index(1));
                map.unwrap().raw().values().to_vec()
            });
            let largest = expected.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
            assert!(largest > 0.0, "{map:?}, {}", method.name());
            for (found, expected) in found.iter().zip(&expected) {
                assert!(
                    (found - expected).abs() <= 1e-4 * largest,
                    "{map:?}, {}: {found}, {expected}",
                    method.name()
                );
            }
        }
    }
}
