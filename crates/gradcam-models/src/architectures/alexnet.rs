//! AlexNet in its second version, "one weird trick" (Krizhevsky 2014), with torchvision's paths.

use gradcam_nn::ops::{Activation, AdaptiveAvgPool2d, MaxPool2d, Padding};
use gradcam_nn::{Kind, Module, Weights};

use super::family::Family;
use crate::layers::{Conv, Result, group, linear, sequence};
use crate::preprocess::Interpolation;

/// Channels of the two fully connected layers before the classifier.
const HIDDEN: usize = 4096;
/// Rows and columns of the feature map that the first of these layers covers.
const MAP: usize = 6;

/// The only network of its family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AlexNet;

impl Family for AlexNet {
    fn build(&self, w: &Weights, classes: usize) -> Result<Vec<Module>> {
        let pool = AdaptiveAvgPool2d::new(MAP);
        Ok(vec![
            features(&w.at("features"))?,
            Module::new(w.path("avgpool"), Kind::AdaptiveAvgPool(pool)),
            Module::unnamed(Kind::Flatten),
            classifier(&w.at("classifier"), classes)?,
        ])
    }

    /// Returns the name unchanged, since the tree has torchvision's names.
    fn from_torchvision(&self, module: &str) -> Option<String> {
        Some(module.to_string())
    }

    fn interpolation(&self, _: &str) -> Interpolation {
        Interpolation::Bilinear
    }
}

fn features(w: &Weights) -> Result<Module> {
    let conv = |index: usize, conv: Conv| {
        let relu = (vec![w.path(index + 1)], Activation::Relu);
        group(conv.bias().named(&w.at(index))?, None, Some(relu))
    };
    let pool = |index: usize| Module::new(w.path(index), Kind::MaxPool(MaxPool2d::new(3, 2, 0)));
    let first = Conv::new(3, 64, 11).stride(4).padding(Padding::all(2));
    let modules = vec![
        conv(0, first)?,
        pool(2),
        conv(3, Conv::new(64, 192, 5))?,
        pool(5),
        conv(6, Conv::new(192, 384, 3))?,
        conv(8, Conv::new(384, 256, 3))?,
        conv(10, Conv::new(256, 256, 3))?,
        pool(12),
    ];
    Ok(sequence(w, modules))
}

/// Builds the fully connected layers; 0 and 3 are inactive dropouts.
fn classifier(w: &Weights, classes: usize) -> Result<Module> {
    let relu = |index: usize| Module::new(w.path(index), Kind::Activation(Activation::Relu));
    let modules = vec![
        Module::new(w.path(0), Kind::Identity),
        linear(&w.at(1), 256 * MAP * MAP, HIDDEN)?,
        relu(2).also(w.path(3)),
        linear(&w.at(4), HIDDEN, HIDDEN)?,
        relu(5),
        linear(&w.at(6), HIDDEN, classes)?,
    ];
    Ok(sequence(w, modules))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::architectures::tests::{logits, parameter_count};

    #[test]
    fn parameters_are_the_published_ones() {
        assert_eq!(parameter_count(|w| AlexNet.build(w, 1000)), 61_100_840);
    }

    #[test]
    fn small_pictures_run() {
        let w = Weights::random(1);
        let modules = AlexNet.build(&w, 5).unwrap();
        logits(&modules, &w, (63, 95), 5);
    }
}
