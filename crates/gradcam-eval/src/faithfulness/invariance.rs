//! Input invariance, after Kindermans et al. 2019.

use std::fmt;

use candle_core::{Result as Candle, Tensor};
use gradcam_nn::{Network, Pass, Tokens};

use super::sample::{Explain, Sample};
use crate::metrics::apart;
use crate::{Error, Result};

/// A network whose inputs have a constant added to each channel, and whose outputs are those of the inner network without the constant.
///
/// The paper puts the shift into the bias of the first layer, `b - W m`, which is equivalent if that layer does not pad. Here the shift is
/// subtracted from the input, which is always equivalent.
pub struct Shifted<'a> {
    network: &'a dyn Network,
    shift: Vec<f32>,
}

impl fmt::Debug for Shifted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shifted")
            .field("shift", &self.shift)
            .finish_non_exhaustive()
    }
}

impl<'a> Shifted<'a> {
    /// Wraps `network` with a shift of one number per channel.
    pub fn new(network: &'a dyn Network, shift: Vec<f32>) -> Self {
        Shifted { network, shift }
    }

    /// Returns `sign` times the shift, in the shape of `image`, `(n, channels, height, width)`.
    fn moved(&self, image: &Tensor, sign: f32) -> Candle<Tensor> {
        let shift: Vec<f32> = self.shift.iter().map(|v| sign * v).collect();
        let shift = Tensor::new(shift, image.device())?.to_dtype(image.dtype())?;
        shift
            .reshape((1, (), 1, 1))?
            .broadcast_as(image.shape())?
            .contiguous()
    }

    /// Converts `image`, `(n, channels, height, width)`, to this network's input.
    ///
    /// # Errors
    /// If the shift does not have one number per channel.
    pub fn input(&self, image: &Tensor) -> Result<Tensor> {
        Ok((image + self.moved(image, 1.0)?)?)
    }
}

impl Network for Shifted<'_> {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Candle<Tensor> {
        let back = self.moved(x, -1.0)?;
        // Goes through the pass, so that gradient rules reach the input.
        let x = pass.add(x, &back)?;
        self.network.forward(&x, pass)
    }
    fn passes_all(&self) -> bool {
        self.network.passes_all()
    }
    fn tokens(&self) -> Option<Tokens> {
        self.network.tokens()
    }
    fn parameters(&self) -> Vec<(String, usize)> {
        self.network.parameters()
    }
}

/// Compares the map of the image with the map of the shifted image under the network that removes the shift. Returns the largest difference
/// as a share of the map's largest absolute value. A method that depends on the network's computation has 0 up to rounding (1e-5 is ample
/// in f32); one that multiplies by the input does not.
///
/// # Errors
/// If the shift does not have one number per channel, or `explain` fails; the errors of [`check`](crate::check) for the image's map.
pub fn input_invariance(sample: &Sample<'_>, explain: &Explain<'_>, shift: &[f32]) -> Result<f64> {
    let (channels, ..) = sample.shape()?;
    if shift.len() != channels {
        return Err(Error::Length {
            expected: channels,
            found: shift.len(),
        });
    }
    let shifted = Shifted::new(sample.network, shift.to_vec());
    let before = explain(sample.network, sample.image)?;
    let after = explain(&shifted, &shifted.input(sample.image)?)?;
    apart(&before, &after)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{DType, Device};
    use gradcam::{Explainer, Method, Target};
    use gradcam_map::Grid;
    use gradcam_nn::ops::{Activation, AdaptiveAvgPool2d, Conv2d, ConvOptions, Linear, Padding};
    use gradcam_nn::{ConvNormAct, Kind, Module, ModuleTree, Weights};

    use super::*;

    fn network() -> ModuleTree {
        let weights = Weights::random(3);
        let options = ConvOptions {
            padding: Padding::all(1),
            ..ConvOptions::default()
        };
        let conv = Conv2d::new(
            weights.get("conv.weight", &[5, 3, 3, 3]).unwrap(),
            None,
            options,
        );
        let relu = Some((vec!["relu".to_string()], Activation::Relu));
        let group = ConvNormAct::new((vec!["conv".to_string()], conv), None, relu);
        let pool = Kind::AdaptiveAvgPool(AdaptiveAvgPool2d { output: (1, 1) });
        let head = Linear::new(weights.get("head.weight", &[4, 5]).unwrap(), None);
        ModuleTree::new(
            vec![
                Module::unnamed(Kind::Conv(Box::new(group.unwrap()))),
                Module::new("pool", pool),
                Module::new("flatten", Kind::Flatten),
                Module::new("head", Kind::Linear(head)),
            ],
            &weights,
        )
    }

    fn changed(method: &str) -> f64 {
        let network = network();
        let image = (0..3 * 9 * 8).map(|i| (i as f32 * 0.37).sin()).collect();
        let image = Tensor::from_vec(image, (1, 3, 9, 8), &Device::Cpu).unwrap();
        let sample = Sample {
            network: &network,
            image: &image.to_dtype(DType::F32).unwrap(),
            target: 1,
        };
        let explain = |network: &dyn Network, image: &Tensor| -> Result<Grid> {
            let explainer = Explainer::of(method.parse::<Method>().unwrap());
            let found = explainer.explain_one(network, image, Target::Index(1))?;
            Ok(found.raw().clone())
        };
        input_invariance(&sample, &explain, &[-1.0, 0.5, 2.0]).unwrap()
    }

    #[test]
    fn maps_of_the_network_stay_and_maps_of_the_input_move() {
        for method in ["grad-cam", "hires-cam", "gradient", "guided-backprop"] {
            assert!(changed(method) < 1e-5, "{method}: {}", changed(method));
        }
        assert!(changed("input-x-gradient") > 0.1);
    }

    #[test]
    fn a_shift_needs_a_number_a_channel() {
        let network = network();
        let image = Tensor::zeros((1, 3, 4, 4), DType::F32, &Device::Cpu).unwrap();
        let sample = Sample {
            network: &network,
            image: &image,
            target: 0,
        };
        let explain = |_: &dyn Network, _: &Tensor| unreachable!();
        assert!(input_invariance(&sample, &explain, &[1.0]).is_err());
    }
}
