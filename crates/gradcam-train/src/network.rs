//! The two networks as data.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use gradcam_nn::ops::{
    Activation, AdaptiveAvgPool2d, Conv2d, ConvOptions, Linear, MaxPool2d, Padding,
};
use gradcam_nn::{ConvNormAct, Kind, Module, ModuleTree, Weights};
use gradcam_random::Random;
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// A network to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// Channels, height and width of a picture.
    pub input: [usize; 3],
    /// The number of classes.
    pub classes: usize,
    /// The architecture.
    pub family: Family,
}

/// The architecture of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Family {
    /// The convolutional network of Adebayo et al. (2018, section 4): `conv1` 5×5 to 32 maps, pooling by 2, `conv2` 5×5 to 64 maps,
    /// pooling by 2, `fc1`, `fc2`, with ReLUs between. Its last feature maps are `relu2`.
    Cnn {
        /// Units of `fc1`; 1,024 in the paper.
        hidden: usize,
    },
    /// A small residual network (He et al. 2016): `conv1` 3×3, then `layer1` to `layer3`, of one basic block each. They have 1, 2 and
    /// 4 times as many maps, and the latter two have stride 2. An average over all positions and `fc` follow. Its last feature maps
    /// are `layer3`.
    ///
    /// There is no batch norm, and three blocks train well without. With it, the trained network, which uses its batch's statistics,
    /// would differ from the explained one.
    Residual {
        /// Maps of `conv1` and `layer1`.
        width: usize,
    },
}

impl Family {
    /// Returns the path of the last feature maps, where Grad-CAM looks.
    pub fn last_maps(self) -> &'static str {
        match self {
            Family::Cnn { .. } => "relu2",
            Family::Residual { .. } => "layer3",
        }
    }
}

/// Builds the network described by `spec`, with the parameters `weights`.
///
/// # Errors
/// When a size is zero, or a parameter is missing, not finite, or of another shape.
pub fn build(
    spec: &NetworkSpec,
    weights: &BTreeMap<String, Tensor>,
) -> Result<ModuleTree, TrainError> {
    tree(spec, &Weights::from_tensors(weights.clone()))
}

/// Draws the parameters from which training starts: the same for the same `seed`.
///
/// Weights of the paper's network are drawn from a normal distribution of standard deviation 0.1, redrawn beyond two standard
/// deviations, and its biases are 0.1 (the paper's code). Weights of the residual network are normal with variance 2 / fan-in (He et
/// al. 2015, eq. 10), and its biases zero.
///
/// # Errors
/// When a size is zero.
pub fn initial(spec: &NetworkSpec, seed: u64) -> Result<BTreeMap<String, Tensor>, TrainError> {
    let skeleton = Weights::skeleton();
    tree(spec, &skeleton)?;
    let mut random = Random::new(seed, 0);
    let mut weights = BTreeMap::new();
    for (name, shape) in skeleton.requested() {
        let count: usize = shape.iter().product();
        let fan_in: usize = shape.iter().skip(1).product();
        let mut value = || match (spec.family, shape.len()) {
            (Family::Cnn { .. }, 1) => 0.1,
            (Family::Cnn { .. }, _) => 0.1 * random.truncated_normal(2.0),
            (Family::Residual { .. }, 1) => 0.0,
            (Family::Residual { .. }, _) => (2.0 / fan_in as f64).sqrt() * random.normal(),
        };
        let values: Vec<f32> = (0..count).map(|_| value() as f32).collect();
        weights.insert(name, Tensor::from_vec(values, shape, &Device::Cpu)?);
    }
    Ok(weights)
}

pub(crate) fn tree(spec: &NetworkSpec, weights: &Weights) -> Result<ModuleTree, TrainError> {
    let [channels, height, width] = spec.input;
    let size = match spec.family {
        Family::Cnn { hidden } => hidden,
        Family::Residual { width } => width,
    };
    for (what, found) in [
        ("the number of channels", channels),
        ("the height", height),
        ("the width", width),
        ("the number of classes", spec.classes),
        ("the network's size", size),
    ] {
        if found == 0 {
            return Err(TrainError::Setting {
                what,
                expected: "at least 1",
                found: found.to_string(),
            });
        }
    }
    let modules = match spec.family {
        Family::Cnn { hidden } => cnn(spec, hidden, weights)?,
        Family::Residual { width } => residual(spec, width, weights)?,
    };
    Ok(ModuleTree::new(modules, weights))
}

fn cnn(spec: &NetworkSpec, hidden: usize, weights: &Weights) -> Result<Vec<Module>, TrainError> {
    let [channels, height, width] = spec.input;
    // A last, partial window counts, as with the original's padding.
    let pool = MaxPool2d {
        ceil_mode: true,
        ..MaxPool2d::new(2, 2, 0)
    };
    let relu = |name| Some((name, Activation::Relu));
    let features = 64 * height.div_ceil(2).div_ceil(2) * width.div_ceil(2).div_ceil(2);
    Ok(vec![
        conv(weights, "conv1", [channels, 32, 5, 1], relu("relu1"))?,
        Module::new("pool1", Kind::MaxPool(pool)),
        conv(weights, "conv2", [32, 64, 5, 1], relu("relu2"))?,
        Module::new("pool2", Kind::MaxPool(pool)),
        Module::new("flatten", Kind::Flatten),
        linear(weights, "fc1", features, hidden)?,
        Module::new("relu3", Kind::Activation(Activation::Relu)),
        linear(weights, "fc2", hidden, spec.classes)?,
    ])
}

fn residual(
    spec: &NetworkSpec,
    width: usize,
    weights: &Weights,
) -> Result<Vec<Module>, TrainError> {
    let relu = Some(("relu", Activation::Relu));
    let mut modules = vec![conv(weights, "conv1", [spec.input[0], width, 3, 1], relu)?];
    for (name, inputs, outputs, stride) in [
        ("layer1", width, width, 1),
        ("layer2", width, 2 * width, 2),
        ("layer3", 2 * width, 4 * width, 2),
    ] {
        let scope = weights.at(name);
        let relu = Some(("relu1", Activation::Relu));
        let branch = vec![
            conv(&scope, "conv1", [inputs, outputs, 3, stride], relu)?,
            conv(&scope, "conv2", [outputs, outputs, 3, 1], None)?,
        ];
        let shortcut = match stride {
            1 => Vec::new(),
            _ => vec![conv(
                &scope,
                "downsample",
                [inputs, outputs, 1, stride],
                None,
            )?],
        };
        let activation = Some((vec![scope.path("relu2")], Activation::Relu));
        modules.push(Module::new(
            name,
            Kind::Residual {
                branch,
                shortcut,
                activation,
            },
        ));
    }
    let average = Kind::AdaptiveAvgPool(AdaptiveAvgPool2d::new(1));
    modules.push(Module::new("avgpool", average));
    modules.push(Module::new("flatten", Kind::Flatten));
    modules.push(linear(weights, "fc", 4 * width, spec.classes)?);
    Ok(modules)
}

/// Makes a convolution from `[inputs, outputs, kernel, stride]`; an odd kernel at stride 1 keeps the size.
fn conv(
    weights: &Weights,
    name: &str,
    [inputs, outputs, kernel, stride]: [usize; 4],
    activation: Option<(&str, Activation)>,
) -> Result<Module, TrainError> {
    let scope = weights.at(name);
    let options = ConvOptions {
        stride: (stride, stride),
        padding: Padding::all(kernel / 2),
        ..ConvOptions::default()
    };
    let weight = scope.get("weight", &[outputs, inputs, kernel, kernel])?;
    let bias = scope.get("bias", &[outputs])?;
    let layer = Conv2d::new(weight, Some(bias), options);
    let activation = activation.map(|(name, f)| (vec![weights.path(name)], f));
    let group = ConvNormAct::new((vec![weights.path(name)], layer), None, activation)?;
    Ok(Module::unnamed(Kind::Conv(Box::new(group))))
}

fn linear(
    weights: &Weights,
    name: &str,
    inputs: usize,
    outputs: usize,
) -> Result<Module, TrainError> {
    let scope = weights.at(name);
    let weight = scope.get("weight", &[outputs, inputs])?;
    let bias = scope.get("bias", &[outputs])?;
    let layer = Linear::new(weight, Some(bias));
    Ok(Module::new(weights.path(name), Kind::Linear(layer)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use gradcam_nn::Network;

    use super::*;

    const PAPER: NetworkSpec = NetworkSpec {
        input: [1, 28, 28],
        classes: 10,
        family: Family::Cnn { hidden: 1024 },
    };

    fn count(spec: &NetworkSpec) -> usize {
        let network = tree(spec, &Weights::skeleton()).unwrap();
        network.parameters().iter().map(|(_, count)| count).sum()
    }

    fn deviation(tensor: &Tensor) -> (f64, f64) {
        let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        let square: f64 = values.iter().map(|v| f64::from(*v).powi(2)).sum();
        let largest = values.iter().fold(0.0, |a: f32, v| a.max(v.abs()));
        ((square / values.len() as f64).sqrt(), f64::from(largest))
    }

    #[test]
    fn networks_have_the_parameters_that_their_descriptions_say() {
        let paper = (25 + 1) * 32 + (800 + 1) * 64 + (3136 + 1) * 1024 + (1024 + 1) * 10;
        assert_eq!(count(&PAPER), paper);
        let residual = NetworkSpec {
            family: Family::Residual { width: 16 },
            ..PAPER
        };
        let block = |i: usize, o: usize| (9 * i + 1) * o + (9 * o + 1) * o;
        let shortcuts = (16 + 1) * 32 + (32 + 1) * 64;
        let blocks = block(16, 16) + block(16, 32) + block(32, 64) + shortcuts;
        assert_eq!(count(&residual), (9 + 1) * 16 + blocks + (64 + 1) * 10);
    }

    #[test]
    fn any_size_gives_logits_and_maps() {
        for family in [Family::Cnn { hidden: 3 }, Family::Residual { width: 2 }] {
            for input in [[1, 1, 1], [3, 5, 9]] {
                let spec = NetworkSpec {
                    input,
                    classes: 4,
                    family,
                };
                let network = build(&spec, &initial(&spec, 0).unwrap()).unwrap();
                let x = Tensor::ones(
                    (2, input[0], input[1], input[2]),
                    candle_core::DType::F32,
                    &Device::Cpu,
                );
                let mut tape = gradcam_nn::Tape::at(&[family.last_maps().to_string()]);
                let logits = network.forward(&x.unwrap(), &mut tape).unwrap();
                assert_eq!(logits.dims(), [2, 4]);
                assert_eq!(tape.activations()[0].as_ref().unwrap().rank(), 4);
            }
        }
    }

    #[test]
    fn initial_parameters_have_the_papers_distributions() {
        let weights = initial(&PAPER, 1).unwrap();
        assert_eq!(weights["fc1.bias"].to_vec1::<f32>().unwrap(), [0.1; 1024]);
        // A normal distribution cut at two standard deviations keeps 0.8796 of its standard deviation.
        let (found, largest) = deviation(&weights["conv2.weight"]);
        assert!((found - 0.08796).abs() < 0.001, "{found}");
        assert!(largest <= 0.2 && largest > 0.199, "{largest}");
        let spec = NetworkSpec {
            family: Family::Residual { width: 16 },
            ..PAPER
        };
        let weights = initial(&spec, 1).unwrap();
        assert_eq!(
            weights["layer2.conv1.bias"].to_vec1::<f32>().unwrap(),
            [0.0; 32]
        );
        let (found, _) = deviation(&weights["layer3.conv2.weight"]);
        let he = (2.0 / (64.0 * 9.0_f64)).sqrt();
        assert!((found / he - 1.0).abs() < 0.02, "{found}, {he}");
    }

    #[test]
    fn descriptions_are_plain_data() {
        let json = r#"{"input":[1,28,28],"classes":10,"family":{"cnn":{"hidden":1024}}}"#;
        assert_eq!(serde_json::to_string(&PAPER).unwrap(), json);
        assert_eq!(serde_json::from_str::<NetworkSpec>(json).unwrap(), PAPER);
    }

    #[test]
    fn a_size_of_zero_is_an_error() {
        let spec = NetworkSpec {
            classes: 0,
            ..PAPER
        };
        assert_eq!(
            initial(&spec, 0).unwrap_err().to_string(),
            "the number of classes must be at least 1, found 0"
        );
    }
}
