//! DenseNet (Huang et al. 2017), with timm's paths.

use gradcam_nn::ops::{Activation, AvgPool2d, MaxPool2d};
use gradcam_nn::{Kind, Module, Weights};

use super::family::Family;
use crate::layers::{Conv, Result, batch_norm_act, conv_norm_act, global_pool, linear, sequence};

const EPS: f64 = 1e-5;
/// Channels of a layer's 1×1 convolution, as a multiple of the growth rate.
const BOTTLENECK: usize = 4;

/// The sizes that define a network of the family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DenseNet {
    /// Channels that each layer adds.
    pub(crate) growth: usize,
    /// Layers of the four blocks.
    pub(crate) layers: [usize; 4],
}

impl DenseNet {
    /// Makes a network of the family.
    pub(crate) const fn new(growth: usize, layers: [usize; 4]) -> Self {
        DenseNet { growth, layers }
    }

    /// Builds the part before the global pooling, and returns its number of channels too.
    fn features(&self, w: &Weights) -> Result<(Module, usize)> {
        let mut channels = 2 * self.growth;
        let stem = Conv::new(3, channels, 7).stride(2);
        let pool = MaxPool2d::new(3, 2, 1);
        let mut modules = vec![
            conv_norm_act(&w.at("conv0"), stem, &w.at("norm0"), EPS, Activation::Relu)?,
            Module::new(w.path("pool0"), Kind::MaxPool(pool)),
        ];
        for (&count, number) in self.layers.iter().zip(1..) {
            if number > 1 {
                let name = format!("transition{}", number - 1);
                modules.push(transition(&w.at(name), channels)?);
                channels /= 2;
            }
            let block = w.at(format!("denseblock{number}"));
            let layers = (0..count)
                .map(|index| {
                    let layer = block.at(format!("denselayer{}", index + 1));
                    self.layer(&layer, channels + index * self.growth)
                })
                .collect::<Result<_>>()?;
            modules.push(Module::new(block.prefix(), Kind::Dense(layers)));
            channels += count * self.growth;
        }
        modules.extend(norm_relu(&w.at("norm5"), channels)?);
        Ok((sequence(w, modules), channels))
    }

    /// Builds a dense layer. Norm and ReLU precede each convolution; the second pair is fused with the first convolution.
    fn layer(&self, w: &Weights, inputs: usize) -> Result<Module> {
        let inner = BOTTLENECK * self.growth;
        let narrow = Conv::new(inputs, inner, 1);
        let mut modules = norm_relu(&w.at("norm1"), inputs)?;
        modules.push(conv_norm_act(
            &w.at("conv1"),
            narrow,
            &w.at("norm2"),
            EPS,
            Activation::Relu,
        )?);
        modules.push(Conv::new(inner, self.growth, 3).module(&w.at("conv2"))?);
        Ok(sequence(w, modules))
    }
}

impl Family for DenseNet {
    fn build(&self, w: &Weights, classes: usize) -> Result<Vec<Module>> {
        let (features, channels) = self.features(&w.at("features"))?;
        Ok(vec![
            features,
            global_pool(&w.at("global_pool")).also(w.path("head_drop")),
            linear(&w.at("classifier"), channels, classes)?,
        ])
    }

    /// Maps torchvision's names. timm's norms include their ReLU, so `norm0` is torchvision's `relu0`. The output of torchvision's `norm0`
    /// is `norm0.drop` here; its name stays because of its parameters.
    fn from_torchvision(&self, module: &str) -> Option<String> {
        // In torchvision the last norm's ReLU is a function call after `features`.
        if module == "features" {
            return Some("features.norm5.drop".to_string());
        }
        // Checkpoints of early torchvision releases write `norm.1` for `norm1`.
        let new = ["norm", "relu", "conv"]
            .iter()
            .fold(module.to_string(), |path, layer| {
                path.replace(&format!(".{layer}."), &format!(".{layer}"))
            });
        Some(new.replace(".relu", ".norm"))
    }

    /// Returns an old name, since torchvision's newer names are the same as timm's.
    fn torchvision_marker(&self) -> Option<&'static str> {
        Some("features.denseblock1.denselayer1.norm.1.weight")
    }
}

/// Builds a `BatchNormAct2d` that does not follow a convolution.
fn norm_relu(w: &Weights, channels: usize) -> Result<Vec<Module>> {
    let ((names, norm), activation) = batch_norm_act(w, channels, EPS, Activation::Relu)?;
    let kind = Kind::BatchNorm(norm);
    let mut modules = vec![Module { names, kind }];
    modules.extend(activation.map(|(names, f)| Module {
        names,
        kind: Kind::Activation(f),
    }));
    Ok(modules)
}

/// Builds a transition, which halves the channels and the map's sides.
fn transition(w: &Weights, channels: usize) -> Result<Module> {
    let mut modules = norm_relu(&w.at("norm"), channels)?;
    let pool = AvgPool2d::new(2, 2, 0);
    modules.push(Conv::new(channels, channels / 2, 1).module(&w.at("conv"))?);
    modules.push(Module::new(w.path("pool"), Kind::AvgPool(pool)));
    Ok(sequence(w, modules))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::architectures::tests::{logits, parameter_count};

    #[test]
    fn parameters_are_the_published_ones() {
        let networks = [
            (32, [6, 12, 24, 16], 7_978_856),
            (48, [6, 12, 36, 24], 28_681_000),
            (32, [6, 12, 32, 32], 14_149_480),
            (32, [6, 12, 48, 32], 20_013_928),
        ];
        for (growth, layers, published) in networks {
            let net = DenseNet::new(growth, layers);
            assert_eq!(parameter_count(|w| net.build(w, 1000)), published);
        }
    }

    #[test]
    fn small_pictures_run() {
        let w = Weights::random(1);
        let modules = DenseNet::new(32, [6, 12, 24, 16]).build(&w, 9).unwrap();
        logits(&modules, &w, (33, 64), 9);
    }

    #[test]
    fn torchvision_names_old_and_new() {
        let net = DenseNet::new(32, [6, 12, 24, 16]);
        for (theirs, ours) in [
            (
                "features.denseblock1.denselayer2.norm.1",
                "features.denseblock1.denselayer2.norm1",
            ),
            (
                "features.denseblock1.denselayer2.conv.2",
                "features.denseblock1.denselayer2.conv2",
            ),
            (
                "features.denseblock1.denselayer2.relu.2",
                "features.denseblock1.denselayer2.norm2",
            ),
            (
                "features.denseblock1.denselayer2.relu1",
                "features.denseblock1.denselayer2.norm1",
            ),
            ("features.transition1.relu", "features.transition1.norm"),
            ("features.transition1.norm", "features.transition1.norm"),
            ("features.norm5", "features.norm5"),
            ("classifier", "classifier"),
        ] {
            assert_eq!(net.from_torchvision(theirs).as_deref(), Some(ours));
        }
    }
}
