//! VGG (Simonyan & Zisserman 2015), with and without batch norm, with timm's paths.
//!
//! timm writes the first two fully connected layers as convolutions, so that a larger picture gives a map, which is pooled afterwards;
//! torchvision pools before them. Up to 224×224 pixels both agree.

use gradcam_nn::ops::{Activation, MaxPool2d, Padding};
use gradcam_nn::{Kind, Module, Weights};

use super::family::Family;
use crate::layers::{Conv, Result, batch_norm, global_pool, group, linear, sequence};
use crate::preprocess::Interpolation;

const EPS: f64 = 1e-5;
/// Channels of the five stages.
const CHANNELS: [usize; 5] = [64, 128, 256, 512, 512];
/// Channels of the two fully connected layers before the classifier.
const HIDDEN: usize = 4096;
/// Rows and columns of the map that the first of these layers covers.
const MAP: usize = 7;

/// The sizes that define a network of the family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vgg {
    /// Convolutions of the five stages.
    pub(crate) convolutions: [usize; 5],
    /// Whether a batch norm follows every convolution.
    pub(crate) batch_norm: bool,
}

impl Vgg {
    /// Makes a network of the paper.
    pub(crate) const fn plain(convolutions: [usize; 5]) -> Self {
        Vgg {
            convolutions,
            batch_norm: false,
        }
    }
    /// Makes a network with batch norm (`vgg16_bn`).
    pub(crate) const fn normed(convolutions: [usize; 5]) -> Self {
        Vgg {
            convolutions,
            batch_norm: true,
        }
    }

    fn features(&self, w: &Weights) -> Result<Module> {
        let mut modules = Vec::new();
        let (mut index, mut inputs) = (0, 3);
        for (count, outputs) in self.convolutions.into_iter().zip(CHANNELS) {
            for _ in 0..count {
                let conv = Conv::new(inputs, outputs, 3).bias().named(&w.at(index))?;
                let mut norm = None;
                if self.batch_norm {
                    index += 1;
                    norm = Some(batch_norm(&w.at(index), outputs, EPS)?);
                }
                let relu = (vec![w.path(index + 1)], Activation::Relu);
                modules.push(group(conv, norm, Some(relu))?);
                index += 2;
                inputs = outputs;
            }
            let pool = Kind::MaxPool(MaxPool2d::new(2, 2, 0));
            modules.push(Module::new(w.path(index), pool));
            index += 1;
        }
        Ok(sequence(w, modules))
    }
}

impl Family for Vgg {
    fn build(&self, w: &Weights, classes: usize) -> Result<Vec<Module>> {
        let head = w.at("head");
        let classifier = vec![
            global_pool(&head.at("global_pool")).also(head.path("drop")),
            linear(&head.at("fc"), HIDDEN, classes)?.also(head.path("flatten")),
        ];
        Ok(vec![
            self.features(&w.at("features"))?,
            hidden(&w.at("pre_logits"))?,
            sequence(&head, classifier),
        ])
    }

    fn from_torchvision(&self, module: &str) -> Option<String> {
        let path = match module {
            "classifier.0" => "pre_logits.fc1",
            "classifier.1" => "pre_logits.act1",
            "classifier.2" => "pre_logits.drop",
            "classifier.3" => "pre_logits.fc2",
            "classifier.4" => "pre_logits.act2",
            "classifier.5" => "head.drop",
            "classifier.6" => "head.fc",
            "classifier" => "head",
            // A function call in timm's network.
            "avgpool" => return None,
            same => same,
        };
        Some(path.to_string())
    }

    fn torchvision_marker(&self) -> Option<&'static str> {
        Some("classifier.0.weight")
    }

    fn interpolation(&self, _: &str) -> Interpolation {
        Interpolation::Bilinear
    }
}

/// Builds the two fully connected layers as convolutions.
fn hidden(w: &Weights) -> Result<Module> {
    let valid = Padding::all(0);
    let wide = Conv::new(CHANNELS[4], HIDDEN, MAP).padding(valid).bias();
    let narrow = Conv::new(HIDDEN, HIDDEN, 1).bias();
    let first = (vec![w.path("act1"), w.path("drop")], Activation::Relu);
    let second = (vec![w.path("act2")], Activation::Relu);
    let modules = vec![
        Module::unnamed(Kind::AtLeast((MAP, MAP))),
        group(wide.named(&w.at("fc1"))?, None, Some(first))?,
        group(narrow.named(&w.at("fc2"))?, None, Some(second))?,
    ];
    Ok(sequence(w, modules))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::architectures::tests::{logits, parameter_count};

    const STAGES: [[usize; 5]; 4] = [
        [1, 1, 2, 2, 2],
        [2, 2, 2, 2, 2],
        [2, 2, 3, 3, 3],
        [2, 2, 4, 4, 4],
    ];

    #[test]
    fn parameters_are_the_published_ones() {
        let plain = STAGES.map(|s| parameter_count(|w| Vgg::plain(s).build(w, 1000)));
        assert_eq!(plain, [132_863_336, 133_047_848, 138_357_544, 143_667_240]);
        let normed = STAGES.map(|s| parameter_count(|w| Vgg::normed(s).build(w, 1000)));
        assert_eq!(normed, [132_868_840, 133_053_736, 138_365_992, 143_678_248]);
    }

    #[test]
    fn a_map_may_be_smaller_or_larger_than_the_first_hidden_layer_covers() {
        let w = Weights::random(1);
        let modules = Vgg::normed(STAGES[0]).build(&w, 4).unwrap();
        for (h, wide) in [(32, 64), (256, 32)] {
            logits(&modules, &w, (h, wide), 4);
        }
    }

    #[test]
    fn torchvision_classifier_is_timms_head() {
        let vgg = Vgg::plain(STAGES[2]);
        let renamed = |module| vgg.from_torchvision(module);
        assert_eq!(renamed("classifier.3").as_deref(), Some("pre_logits.fc2"));
        assert_eq!(renamed("features.29").as_deref(), Some("features.29"));
        assert_eq!(renamed("avgpool"), None);
    }
}
