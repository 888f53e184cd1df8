//! The tape's gradient is that of candle's graph.

use candle_core::{Device, Result, Tensor};
use gradcam::{Target, input_gradient};
use gradcam_models::architectures;
use gradcam_nn::{Network, Pass, Weights};

/// A network that candle's graph has to serve.
struct Opaque<'a>(&'a dyn Network);

impl Network for Opaque<'_> {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        self.0.forward(x, pass)
    }
}

/// One of each family: residuals, gates, concatenations, dense blocks, layer norms, every activation.
#[test]
fn the_tape_agrees_with_the_graph() {
    for name in [
        "resnet18",
        "vgg11_bn",
        "densenet121",
        "googlenet",
        "mobilenetv3_small_100",
        "efficientnet_b0",
        "convnext_tiny",
        "squeezenet1_1",
    ] {
        let architecture = architectures::find(name).unwrap();
        let network = architecture.build(&Weights::random(3), 10).unwrap();
        let values: Vec<f32> = (0..2 * 3 * 64 * 64)
            .map(|i| (i as f32 * 0.7).sin())
            .collect();
        let images = Tensor::from_vec(values, (2, 3, 64, 64), &Device::Cpu).unwrap();
        let targets = [Target::Index(3), Target::Index(7)];
        let values = |network: &dyn Network| -> Vec<f32> {
            let gradient = input_gradient(network, &images, &targets).unwrap();
            assert_eq!(gradient.dims(), images.dims());
            gradient.flatten_all().unwrap().to_vec1().unwrap()
        };
        let (tape, graph) = (values(&network), values(&Opaque(&network)));
        let largest = graph.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
        assert!(largest > 0.0, "{name}");
        for (tape, graph) in tape.iter().zip(&graph) {
            assert!(
                (tape - graph).abs() <= 1e-5 * largest,
                "{name}: {tape}, {graph}"
            );
        }
    }
}
