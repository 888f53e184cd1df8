//! EfficientNet (Tan & Le 2019), EfficientNet-Lite and MobileNet v2 (Sandler et al. 2018), with timm's paths: a trunk of inverted
//! bottlenecks, then a convolution to many channels before the pooling.

use gradcam_nn::ops::Activation;
use gradcam_nn::{Module, Weights};

use super::family::{CROP, Family, INCEPTION, Normalisation};
use super::mbconv::{Numbering, Row, Squeeze, Trunk, round_channels};
use super::mbconv_names::{parameter, unit};
use crate::layers::{Conv, Result, global_pool, linear};
use crate::preprocess::Interpolation;

/// Channels before the pooling, at width 1.
const FEATURES: usize = 1280;
/// The convolution before the pooling and its norm.
const HEAD: (&str, &str) = ("conv_head", "bn2");

/// Width and depth of the sizes 0 to 4 (EfficientNet, section 3.3, and the authors' code for Lite).
const SCALES: [(f64, f64); 5] = [(1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8)];

/// Table 1 of the paper.
const EFFICIENTNET: &[&[Row]] = &[
    &[Row::separable(3, 1, 16).squeeze()],
    &[Row::inverted(2, 3, 2, 6.0, 24).squeeze()],
    &[Row::inverted(2, 5, 2, 6.0, 40).squeeze()],
    &[Row::inverted(3, 3, 2, 6.0, 80).squeeze()],
    &[Row::inverted(3, 5, 1, 6.0, 112).squeeze()],
    &[Row::inverted(4, 5, 2, 6.0, 192).squeeze()],
    &[Row::inverted(1, 3, 1, 6.0, 320).squeeze()],
];

/// Table 2 of the paper.
const MOBILENET_V2: &[&[Row]] = &[
    &[Row::separable(3, 1, 16)],
    &[Row::inverted(2, 3, 2, 6.0, 24)],
    &[Row::inverted(3, 3, 2, 6.0, 32)],
    &[Row::inverted(4, 3, 2, 6.0, 64)],
    &[Row::inverted(3, 3, 1, 6.0, 96)],
    &[Row::inverted(3, 3, 2, 6.0, 160)],
    &[Row::inverted(1, 3, 1, 6.0, 320)],
];

/// A network of the family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EfficientNet {
    trunk: Trunk,
}

impl EfficientNet {
    /// EfficientNet-B0 to B4, as trained by timm (`efficientnet_b0`) and torchvision.
    pub(crate) const fn b(size: usize) -> Self {
        let (width, depth) = SCALES[size];
        let trunk = Trunk {
            stages: EFFICIENTNET,
            stem: 32,
            width,
            depth,
            fixed_ends: false,
            activation: Activation::Silu,
            squeeze: Some(Squeeze::OfInputs),
            eps: 1e-5,
            same: false,
            torchvision: Some(Numbering::Staged),
        };
        EfficientNet { trunk }
    }
    /// EfficientNet-Lite0 to Lite4 (`efficientnet_lite0`): ReLU6, no squeeze and excitation, stem and head of fixed size.
    pub(crate) const fn lite(size: usize) -> Self {
        let trunk = Trunk {
            fixed_ends: true,
            activation: Activation::RELU6,
            squeeze: None,
            torchvision: None,
            ..EfficientNet::b(size).trunk
        };
        EfficientNet { trunk }
    }
    /// MobileNet v2 (`mobilenetv2_100`, torchvision's `mobilenet_v2`).
    pub(crate) const fn mobilenet_v2() -> Self {
        let trunk = Trunk {
            stages: MOBILENET_V2,
            activation: Activation::RELU6,
            squeeze: None,
            torchvision: Some(Numbering::Flat),
            ..EfficientNet::b(0).trunk
        };
        EfficientNet { trunk }
    }
    /// Switches to the padding and norms of networks ported from TensorFlow (`tf_efficientnet_b0`).
    pub(crate) const fn tensorflow(self) -> Self {
        let trunk = Trunk {
            eps: 1e-3,
            same: true,
            torchvision: None,
            ..self.trunk
        };
        EfficientNet { trunk }
    }
}

impl Family for EfficientNet {
    fn build(&self, w: &Weights, classes: usize) -> Result<Vec<Module>> {
        let trunk = &self.trunk;
        let (mut modules, inputs) = trunk.build(w)?;
        let features = if trunk.fixed_ends {
            FEATURES
        } else {
            round_channels(FEATURES, trunk.width)
        };
        let conv = Conv::new(inputs, features, 1);
        modules.push(trunk.unit(w, conv, HEAD, trunk.activation, &[])?);
        modules.push(global_pool(&w.at("global_pool")));
        modules.push(linear(&w.at("classifier"), features, classes)?);
        Ok(modules)
    }

    fn from_torchvision(&self, module: &str) -> Option<String> {
        self.trunk.torchvision?;
        let path: Vec<&str> = module.split('.').collect();
        let name = match path.as_slice() {
            ["features"] => HEAD.1,
            ["features", path @ ..] => {
                return self.trunk.torchvision_module(path, |rest| unit(HEAD, rest));
            }
            ["avgpool"] => "global_pool.pool",
            ["classifier", "0"] => "global_pool",
            ["classifier"] | ["classifier", "1"] => "classifier",
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
        name.starts_with("tf_efficientnet_lite")
            .then_some(INCEPTION)
    }

    fn interpolation(&self, name: &str) -> Interpolation {
        match name {
            "mobilenet_v2" | "tf_efficientnet_lite3" | "tf_efficientnet_lite4" => {
                Interpolation::Bilinear
            }
            _ => Interpolation::Bicubic,
        }
    }

    /// Returns a larger share for TensorFlow's larger networks and for Lite.
    fn crop(&self, name: &str, side: u32) -> f64 {
        if !name.starts_with("tf_") && !name.contains("lite") {
            return CROP;
        }
        match side {
            240 => 0.882,
            260 => 0.890,
            300 => 0.904,
            380 if name == "tf_efficientnet_lite4" => 0.920,
            380 => 0.922,
            _ => CROP,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::architectures::tests::{logits, parameter_count};

    fn count(net: EfficientNet) -> usize {
        parameter_count(|w| net.build(w, 1000))
    }

    #[test]
    fn parameters_are_the_published_ones() {
        let b = [5_288_548, 7_794_184, 9_109_994, 12_233_232, 19_341_616];
        let lite = [4_652_008, 5_416_680, 6_092_072, 8_197_096, 13_006_568];
        for size in 0..5 {
            assert_eq!(count(EfficientNet::b(size)), b[size]);
            assert_eq!(count(EfficientNet::b(size).tensorflow()), b[size]);
            assert_eq!(count(EfficientNet::lite(size)), lite[size]);
            assert_eq!(count(EfficientNet::lite(size).tensorflow()), lite[size]);
        }
        assert_eq!(count(EfficientNet::mobilenet_v2()), 3_504_872);
    }

    #[test]
    fn small_pictures_run() {
        let nets = [
            EfficientNet::b(0),
            EfficientNet::lite(0).tensorflow(),
            EfficientNet::mobilenet_v2(),
        ];
        for net in nets {
            let w = Weights::random(1);
            logits(&net.build(&w, 5).unwrap(), &w, (64, 33), 5);
        }
    }

    #[test]
    fn torchvision_modules_are_timms() {
        let staged = |m: &str| EfficientNet::b(0).from_torchvision(m);
        assert_eq!(staged("features.0.1").unwrap(), "bn1.drop");
        assert_eq!(staged("features.2.1").unwrap(), "blocks.1.1");
        assert_eq!(
            staged("features.2.1.block.2.fc1").unwrap(),
            "blocks.1.1.se.conv_reduce"
        );
        assert_eq!(
            staged("features.1.0.block.2.0").unwrap(),
            "blocks.0.0.conv_pw"
        );
        assert_eq!(staged("features.8").unwrap(), "bn2");
        assert_eq!(staged("features.9"), None);
        let flat = |m: &str| EfficientNet::mobilenet_v2().from_torchvision(m);
        assert_eq!(flat("features.1.conv.2").unwrap(), "blocks.0.0.bn2");
        assert_eq!(flat("features.3.conv.2").unwrap(), "blocks.1.1.conv_pwl");
        assert_eq!(flat("features.18.0").unwrap(), "conv_head");
        assert_eq!(flat("features.19.0"), None);
        let parameter = EfficientNet::b(4).torchvision_parameter("features.0.1.running_var");
        assert_eq!(parameter.unwrap(), "bn1.running_var");
    }

    #[test]
    fn networks_that_torchvision_lacks_have_no_such_names() {
        let net = EfficientNet::b(0).tensorflow();
        assert_eq!(net.torchvision_marker(), None);
        assert_eq!(net.from_torchvision("features.0.0"), None);
    }
}
