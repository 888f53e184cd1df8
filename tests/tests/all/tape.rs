//! The tape's gradient is that of candle's graph.

use candle_core::{Device, Result, Tensor};
use gradcam::{GradCam, Target, input_gradient};
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

/// At two layers, one of which follows from the other, and for two targets an image.
#[test]
fn maps_from_the_tape_agree_with_the_graph() {
    for (name, layers) in [
        ("resnet18", ["layer3", "layer4"]),
        (
            "densenet121",
            ["features.denseblock3", "features.denseblock4"],
        ),
        ("convnext_tiny", ["stages.2", "stages.3"]),
        ("mobilenetv3_small_100", ["blocks.3", "blocks.4"]),
    ] {
        let architecture = architectures::find(name).unwrap();
        let network = architecture.build(&Weights::random(5), 10).unwrap();
        let values: Vec<f32> = (0..2 * 3 * 64 * 64)
            .map(|i| (i as f32 * 0.7).sin())
            .collect();
        let images = Tensor::from_vec(values, (2, 3, 64, 64), &Device::Cpu).unwrap();
        let targets = [
            vec![Target::Index(3), Target::Index(1)],
            vec![Target::Index(7)],
        ];
        let method = GradCam {
            layers: layers.map(str::to_string).to_vec(),
            ..GradCam::default()
        };
        let maps = |network: &dyn Network| method.explain(network, &images, &targets).unwrap();
        let (tape, graph) = (maps(&network), maps(&Opaque(&network)));
        assert_eq!(tape.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        for (tape, graph) in tape.iter().flatten().zip(graph.iter().flatten()) {
            for (tape, graph) in tape.layers.iter().zip(&graph.layers) {
                assert_eq!(tape.layer, graph.layer);
                let values = graph.raw.values.iter();
                let largest = values.fold(0.0_f32, |a, b| a.max(b.abs()));
                assert!(largest > 0.0, "{name}");
                for (tape, graph) in tape.raw.values.iter().zip(&graph.raw.values) {
                    assert!(
                        (tape - graph).abs() <= 1e-4 * largest,
                        "{name}: {tape}, {graph}"
                    );
                }
            }
        }
    }
}
