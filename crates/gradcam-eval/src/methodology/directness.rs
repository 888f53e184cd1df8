//! What a class activation map consists of.

use gradcam_map::Grid;
use gradcam_nn::Network;
use serde::Serialize;

use crate::degenerate::check_finite;
use crate::statistics::Measured;
use crate::{Result, Tally, Undefined};

/// What a map of a layer can show.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Directness {
    /// The layer.
    pub layer: String,
    /// Its output's shape for one image: `[channels, height, width]`, or `[tokens, channels]`.
    pub shape: Vec<usize>,
    /// Input pixels from one position of the map to the next, in rows and columns.
    pub stride: Option<(usize, usize)>,
    /// The receptive field of one position, in rows and columns of the input; `None` after attention, where it is the whole input.
    pub field: Option<(usize, usize)>,
    /// The share of the absolute mass of each signed map that a ReLU removes, 0 to 1.
    pub removed: Measured,
}

/// Describes the maps of a layer, for inputs of `(channels, height, width)`; `signed` are maps of that layer before the ReLU, one per
/// image.
///
/// # Errors
/// If the network refuses the input or has no such layer, or a map is malformed.
pub fn directness(
    network: &dyn Network,
    input: (usize, usize, usize),
    layer: &str,
    signed: &[Grid],
    seed: u64,
) -> Result<Directness> {
    let layers = gradcam::layers(network, input)?;
    let layer = layers.find(layer)?;
    let share = |map: &Grid| {
        check_finite(map)?;
        if map.values().iter().all(|&v| v == 0.0) {
            Err(Undefined::Zero.into())
        } else {
            Ok(f64::from(map.negative_mass()))
        }
    };
    let removed = Measured::of(Tally::collect(signed.iter().map(share))?, seed)?;
    Ok(Directness {
        layer: layer.name.clone(),
        shape: layer.shape.clone(),
        stride: layer.stride,
        field: layer.field,
        removed,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use gradcam_nn::ops::{Activation, Conv2d, ConvOptions, MaxPool2d, Padding};
    use gradcam_nn::{ConvNormAct, Kind, Module, ModuleTree, Weights};

    use super::*;
    use crate::testing::grid;

    fn conv(name: &str, kernel: usize, stride: usize) -> Module {
        let options = ConvOptions {
            stride: (stride, stride),
            padding: Padding::all(kernel / 2),
            ..ConvOptions::default()
        };
        let weight = Weights::skeleton()
            .get("w", &[1, 1, kernel, kernel])
            .unwrap();
        let conv = (vec![name.to_string()], Conv2d::new(weight, None, options));
        let group = ConvNormAct::new(conv, None, None).unwrap();
        Module::unnamed(Kind::Conv(Box::new(group)))
    }

    fn field(modules: Vec<Module>, layer: &str) -> Option<(usize, usize)> {
        let tree = ModuleTree::new(modules, &Weights::skeleton());
        directness(&tree, (1, 224, 224), layer, &[], 0)
            .unwrap()
            .field
    }

    /// AlexNet's last pooling has a receptive field of 195 pixels (Araujo et al. 2019, table 1).
    #[test]
    fn alexnet_sees_195_pixels() {
        let pool = |name: &str| Module::new(name, Kind::MaxPool(MaxPool2d::new(3, 2, 0)));
        let modules = || {
            vec![
                conv("conv1", 11, 4),
                pool("pool1"),
                conv("conv2", 5, 1),
                pool("pool2"),
                conv("conv3", 3, 1),
                conv("conv4", 3, 1),
                conv("conv5", 3, 1),
                pool("pool5"),
            ]
        };
        for (layer, expected) in [
            ("conv1", 11),
            ("pool1", 19),
            ("conv2", 51),
            ("pool2", 67),
            ("conv5", 163),
            ("pool5", 195),
        ] {
            assert_eq!(
                field(modules(), layer),
                Some((expected, expected)),
                "{layer}"
            );
        }
    }

    #[test]
    fn a_sum_sees_what_its_longer_way_sees() {
        let block = Kind::Residual {
            branch: vec![conv("a", 3, 1), conv("b", 3, 1)],
            shortcut: vec![conv("c", 1, 1)],
            activation: Some((vec!["relu".to_string()], Activation::Relu)),
        };
        let modules = vec![conv("stem", 3, 2), Module::new("block", block)];
        // 3, plus 2 positions of 2 pixels for each of two convolutions.
        assert_eq!(field(modules.clone(), "block"), Some((11, 11)));
        assert_eq!(field(modules.clone(), "c"), Some((3, 3)));
        let joined = Kind::Concat(vec![conv("d", 5, 1), conv("e", 1, 1)]);
        assert_eq!(
            field(vec![Module::new("join", joined)], "join"),
            Some((5, 5))
        );
    }

    #[test]
    fn what_the_relu_removes() {
        let tree = ModuleTree::new(vec![conv("a", 3, 2)], &Weights::skeleton());
        let maps = [
            grid(1, 3, &[3.0, -1.0, 0.0]),
            grid(1, 2, &[0.0; 2]),
            grid(1, 2, &[1.0, 2.0]),
        ];
        let found = directness(&tree, (1, 8, 6), "a", &maps, 0).unwrap();
        assert_eq!(
            (found.shape.as_slice(), found.stride),
            ([1, 4, 3].as_slice(), Some((2, 2)))
        );
        assert_eq!(
            found.removed.values.outcomes,
            [Ok(0.25), Err(Undefined::Zero), Ok(0.0)]
        );
        assert!(directness(&tree, (1, 8, 6), "b", &maps, 0).is_err());
    }
}
