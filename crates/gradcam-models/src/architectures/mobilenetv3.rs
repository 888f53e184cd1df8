//! MobileNet v3 (Howard et al. 2019), with timm's paths: a trunk of inverted bottlenecks, with the widest convolution after the pooling.

use gradcam_nn::ops::Activation;
use gradcam_nn::{Kind, Module, Weights};

use super::family::{Family, INCEPTION, Normalisation};
use super::mbconv::{Numbering, Row, Squeeze, Trunk};
use super::mbconv_names::parameter;
use crate::layers::{Conv, Result, global_pool_map, group, linear};
use crate::preprocess::Interpolation;

/// Table 2 of the paper.
const SMALL: &[&[Row]] = &[
    &[Row::separable(3, 2, 16).squeeze().relu()],
    &[
        Row::inverted(1, 3, 2, 4.5, 24).relu(),
        Row::inverted(1, 3, 1, 3.67, 24).relu(),
    ],
    &[
        Row::inverted(1, 5, 2, 4.0, 40).squeeze(),
        Row::inverted(2, 5, 1, 6.0, 40).squeeze(),
    ],
    &[Row::inverted(2, 5, 1, 3.0, 48).squeeze()],
    &[Row::inverted(3, 5, 2, 6.0, 96).squeeze()],
    &[Row::pointwise(576)],
];

/// Table 1 of the paper.
const LARGE: &[&[Row]] = &[
    &[Row::separable(3, 1, 16).relu()],
    &[
        Row::inverted(1, 3, 2, 4.0, 24).relu(),
        Row::inverted(1, 3, 1, 3.0, 24).relu(),
    ],
    &[Row::inverted(3, 5, 2, 3.0, 40).squeeze().relu()],
    &[
        Row::inverted(1, 3, 2, 6.0, 80),
        Row::inverted(1, 3, 1, 2.5, 80),
        Row::inverted(2, 3, 1, 2.3, 80),
    ],
    &[Row::inverted(2, 3, 1, 6.0, 112).squeeze()],
    &[Row::inverted(3, 5, 2, 6.0, 160).squeeze()],
    &[Row::pointwise(960)],
];

/// A network of the family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MobileNetV3 {
    trunk: Trunk,
    /// Channels of the convolution after the pooling.
    features: usize,
}

impl MobileNetV3 {
    const fn new(stages: &'static [&'static [Row]], features: usize) -> Self {
        MobileNetV3 {
            trunk: Trunk {
                stages,
                stem: 16,
                width: 1.0,
                depth: 1.0,
                fixed_ends: false,
                activation: Activation::HardSwish,
                squeeze: Some(Squeeze::OfExpanded),
                eps: 1e-5,
                same: false,
                torchvision: None,
            },
            features,
        }
    }
    /// The small network as trained by timm (`mobilenetv3_small_100`).
    pub(crate) const fn small() -> Self {
        MobileNetV3::new(SMALL, 1024)
    }
    /// The large network as trained by timm (`mobilenetv3_large_100`).
    pub(crate) const fn large() -> Self {
        MobileNetV3::new(LARGE, 1280)
    }
    /// Switches to the padding and norms of networks ported from TensorFlow (`tf_mobilenetv3_small_100`).
    pub(crate) const fn tensorflow(self) -> Self {
        let trunk = Trunk {
            eps: 1e-3,
            same: true,
            ..self.trunk
        };
        MobileNetV3 { trunk, ..self }
    }
    /// Switches to torchvision's norms (`mobilenet_v3_small`).
    pub(crate) const fn torchvision(self) -> Self {
        let trunk = Trunk {
            eps: 1e-3,
            torchvision: Some(Numbering::Flat),
            ..self.trunk
        };
        MobileNetV3 { trunk, ..self }
    }
}

impl Family for MobileNetV3 {
    fn build(&self, w: &Weights, classes: usize) -> Result<Vec<Module>> {
        let (mut modules, inputs) = self.trunk.build(w)?;
        let (mut names, conv) = Conv::new(inputs, self.features, 1)
            .bias()
            .named(&w.at("conv_head"))?;
        names.push(w.path("norm_head"));
        let activation = (vec![w.path("act2")], self.trunk.activation);
        modules.push(global_pool_map(&w.at("global_pool")));
        modules.push(group((names, conv), None, Some(activation))?);
        modules.push(Module::new(w.path("flatten"), Kind::Flatten));
        modules.push(linear(&w.at("classifier"), self.features, classes)?);
        Ok(modules)
    }

    fn from_torchvision(&self, module: &str) -> Option<String> {
        self.trunk.torchvision?;
        let path: Vec<&str> = module.split('.').collect();
        let name = match path.as_slice() {
            ["features"] => "blocks",
            ["features", path @ ..] => return self.trunk.torchvision_module(path, |_| None),
            ["avgpool"] => "global_pool",
            ["classifier", "0"] => "conv_head",
            ["classifier", "1"] => "act2",
            ["classifier", "2"] => "flatten",
            ["classifier"] | ["classifier", "3"] => "classifier",
            _ => return None,
        };
        Some(name.into())
    }

    fn torchvision_parameter(&self, name: &str) -> Option<String> {
        parameter(name, |module| self.from_torchvision(module))
    }

    fn torchvision_marker(&self) -> Option<&'static str> {
        self.trunk.torchvision.map(|_| "features.0.0.weight")
    }

    fn normalisation(&self, name: &str) -> Option<Normalisation> {
        name.starts_with("tf_").then_some(INCEPTION)
    }

    /// Returns bicubic for timm's own networks, bilinear for torchvision's and TensorFlow's.
    fn interpolation(&self, name: &str) -> Interpolation {
        if name.starts_with("mobilenetv3_") {
            Interpolation::Bicubic
        } else {
            Interpolation::Bilinear
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::architectures::tests::{logits, parameter_count};

    #[test]
    fn parameters_are_the_published_ones() {
        let count = |net: MobileNetV3| parameter_count(|w| net.build(w, 1000));
        for (net, expected) in [
            (MobileNetV3::small(), 2_542_856),
            (MobileNetV3::large(), 5_483_032),
        ] {
            assert_eq!(count(net), expected);
            assert_eq!(count(net.tensorflow()), expected);
            assert_eq!(count(net.torchvision()), expected);
        }
    }

    #[test]
    fn small_pictures_run() {
        for net in [MobileNetV3::small().tensorflow(), MobileNetV3::large()] {
            let w = Weights::random(1);
            logits(&net.build(&w, 5).unwrap(), &w, (64, 33), 5);
        }
    }

    #[test]
    fn torchvision_modules_are_timms() {
        let net = MobileNetV3::small().torchvision();
        let renamed = |m: &str| net.from_torchvision(m);
        // The first block has no expansion, the second no excitation, the fourth both.
        assert_eq!(
            renamed("features.1.block.1.fc1").unwrap(),
            "blocks.0.0.se.conv_reduce"
        );
        assert_eq!(
            renamed("features.2.block.2.0").unwrap(),
            "blocks.1.0.conv_pwl"
        );
        assert_eq!(renamed("features.4.block.3").unwrap(), "blocks.2.0.bn3");
        assert_eq!(renamed("features.12.0").unwrap(), "blocks.5.0.conv");
        assert_eq!(renamed("features.13"), None);
        assert_eq!(renamed("features.1.block.1.avgpool"), None);
        let parameter = net.torchvision_parameter("features.12.1.bias");
        assert_eq!(parameter.unwrap(), "blocks.5.0.bn1.bias");
        assert_eq!(MobileNetV3::small().torchvision_marker(), None);
    }
}
