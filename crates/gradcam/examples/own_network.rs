//! Explains a network of your own: a forward pass with one `tap` for each layer worth looking at.
#![allow(clippy::print_stdout)]

use gradcam::candle_core::{Device, Result, Tensor};
use gradcam::methods::IntegratedGradients;
use gradcam::{Explainer, Method, Network, Pass, Target, layers};

/// Tells vertical edges from horizontal ones: a convolution with two filters, squared and averaged.
struct Edges {
    /// `(2, 1, 3, 3)`: Sobel's filters.
    filters: Tensor,
}

impl Edges {
    fn new() -> Result<Self> {
        let upright = [[-1.0_f32, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]];
        let level = [[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]];
        let filters = Tensor::new(&[[upright], [level]], &Device::Cpu)?;
        Ok(Edges { filters })
    }
}

impl Network for Edges {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let grey = x.mean_keepdim(1)?;
        // Padding 1, stride 1, dilation 1, one group.
        let edges = grey.conv2d(&self.filters, 1, 1, 1, 1)?;
        let edges = pass.tap("edges", edges.sqr()?)?;
        edges.mean((2, 3))
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    // A bright square in the upper left of 16 × 16 pixels, in three equal channels.
    let inside = |i: usize| (2..7).contains(&(i / 16)) && (2..7).contains(&(i % 16));
    let pixels: Vec<f32> = (0..256).map(|i| f32::from(u8::from(inside(i)))).collect();
    let image = Tensor::from_vec(pixels, (1, 1, 16, 16), &Device::Cpu)?;
    let image = image.repeat((1, 3, 1, 1))?;
    let network = Edges::new()?;

    for layer in layers(&network, (3, 16, 16))?.layers {
        println!("layer {}: {:?}", layer.name, layer.shape);
    }
    let methods = [
        Method::GradCam,
        Method::IntegratedGradients(IntegratedGradients::default()),
    ];
    for method in methods {
        let explainer = Explainer::of(method).at("edges");
        let heatmap = explainer.explain_one(&network, &image, Target::Index(0))?;
        println!(
            "{}: strongest at (row, column) {:?} of the map, verdict {}",
            explainer.method.name(),
            heatmap.raw().argmax(),
            heatmap.verdict
        );
    }
    Ok(())
}
