//! Explains with a method of your own: from the observation of an image to a signed map.
#![allow(clippy::print_stdout)]

use gradcam::candle_core::{Device, Result, Tensor};
use gradcam::{Explainer, Grid, Network, Pass, Saliency, SignedMap, Subject, Target};

/// The gradient times the activation of the channel in which their product is largest, at each position.
struct StrongestChannel;

impl Saliency for StrongestChannel {
    fn name(&self) -> &str {
        "strongest-channel"
    }

    fn signed_map(&self, subject: &Subject<'_>) -> gradcam::Result<SignedMap> {
        let features = subject.features;
        let products = features.activation.iter().zip(features.gradient);
        let products: Vec<f32> = products.map(|(a, g)| a * g).collect();
        // Channel by channel, each with a value for every position.
        let channels = |i: usize| products.iter().skip(i).step_by(features.size.area());
        let largest = |i: usize| channels(i).copied().fold(f32::NEG_INFINITY, f32::max);
        Ok(Grid::from_fn(features.size, largest).into())
    }
}

/// Two feature maps (the picture and its negative), averaged into two logits.
struct Bright;

impl Network for Bright {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let maps = Tensor::cat(&[x, &(1.0 - x)?], 1)?;
        pass.tap("maps", maps)?.mean((2, 3))
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let picture = Tensor::new(&[[[[0.9_f32, 0.1], [0.2, 0.3]]]], &Device::Cpu)?;
    let explainer = Explainer::of(StrongestChannel).at("maps");
    let heatmap = explainer.explain_one(&Bright, &picture, Target::Index(0))?;
    println!(
        "{}: {:?}, verdict {}",
        explainer.method.name(),
        heatmap.raw().values(),
        heatmap.verdict
    );
    Ok(())
}
