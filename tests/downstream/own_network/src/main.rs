//! Explains a network on candle's tensors: at a layer by Grad-CAM, and at the pixels by gradient times input.

use std::error::Error;

use gradcam::candle_core::{self, Device, Tensor};
use gradcam::{Explainer, Method, Network, Pass, Target, Verdict};

/// A network with two feature maps, the picture's brightness and its darkness, which are pooled to half their size and averaged to two
/// logits.
struct Brightness;

impl Network for Brightness {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
        let bright = x.mean_keepdim(1)?;
        let maps = Tensor::cat(&[&bright, &(1.0 - &bright)?], 1)?;
        let maps = pass.tap("maps", maps)?;
        let pooled = pass.tap("pooled", maps.avg_pool2d(2)?)?;
        pooled.mean((2, 3))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // One bright pixel of 8 × 8, at row 5 and column 2.
    let mut pixels = vec![0.1_f32; 3 * 64];
    for channel in 0..3 {
        pixels[channel * 64 + 5 * 8 + 2] = 0.9;
    }
    let picture = Tensor::from_vec(pixels, (1, 3, 8, 8), &Device::Cpu)?;

    let grad_cam = Explainer::default().at("pooled");
    let heatmap = grad_cam.explain_one(&Brightness, &picture, Target::Index(0))?;
    println!(
        "grad-cam: {:?}, {}",
        heatmap.raw().argmax(),
        heatmap.verdict
    );
    assert_eq!(heatmap.raw().argmax(), Some((2, 1)));
    assert_eq!(heatmap.verdict, Verdict::Ok);
    assert_eq!(heatmap.upsampled.size().height_width(), (8, 8));

    let pixels = Explainer::of(Method::InputTimesGradient);
    let heatmap = pixels.explain_one(&Brightness, &picture, Target::Index(0))?;
    println!(
        "input-x-gradient: {:?}, {}",
        heatmap.raw().argmax(),
        heatmap.verdict
    );
    assert_eq!(heatmap.raw().argmax(), Some((5, 2)));
    Ok(())
}
