//! The tape's gradient equals that of candle's graph.

use candle_core::{Device, Result, Tensor, Var};
use gradcam::{Explainer, Target, input_gradient};
use gradcam_models::architectures;
use gradcam_nn::ops::{AdaptiveAvgPool2d, Conv2d, ConvOptions};
use gradcam_nn::{Network, Op, Pass, Tape, Tokens, Weights};

/// A network that needs candle's graph.
struct Opaque<'a>(&'a dyn Network);

impl Network for Opaque<'_> {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        self.0.forward(x, pass)
    }
    fn tokens(&self) -> Option<Tokens> {
        self.0.tokens()
    }
}

/// Compares one network of each family: residuals, gates, concatenations, dense blocks, layer norms, every activation.
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
        "vit_tiny_patch16_224",
        "deit_tiny_distilled_patch16_224",
        "dinov2_vits14_reg_lc",
        "swin_tiny_patch4_window7_224",
    ] {
        let architecture = architectures::find(name).unwrap();
        let network = architecture.build(&Weights::random(3), 10).unwrap();
        // Swin's windows need a large picture, and DINOv2's patches another size.
        let side = match name {
            name if name.starts_with("swin") => 200,
            name if name.contains("14") => 56,
            _ => 64,
        };
        let values: Vec<f32> = (0..2 * 3 * side * side)
            .map(|i| (i as f32 * 0.7).sin())
            .collect();
        let images = Tensor::from_vec(values, (2, 3, side, side), &Device::Cpu).unwrap();
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

/// Compares two layers, one of which depends on the other, with two targets per image.
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
        (
            "vit_tiny_patch16_224",
            ["blocks.2.norm2", "blocks.11.norm1"],
        ),
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
        let method = Explainer {
            layers: layers.map(str::to_string).to_vec(),
            ..Explainer::default()
        };
        let maps = |network: &dyn Network| method.explain(network, &images, &targets).unwrap();
        let (tape, graph) = (maps(&network), maps(&Opaque(&network)));
        assert_eq!(tape.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        for (tape, graph) in tape.iter().flatten().zip(graph.iter().flatten()) {
            for (tape, graph) in tape.layers.iter().zip(&graph.layers) {
                assert_eq!(tape.layer, graph.layer);
                let values = graph.raw.values().iter();
                let largest = values.fold(0.0_f32, |a, b| a.max(b.abs()));
                assert!(largest > 0.0, "{name}");
                for (tape, graph) in tape.raw.values().iter().zip(graph.raw.values()) {
                    assert!(
                        (tape - graph).abs() <= 1e-4 * largest,
                        "{name}: {tape}, {graph}"
                    );
                }
            }
        }
    }
}

/// A map times a factor of a shape that broadcasts to it.
struct Broadcast {
    conv: Conv2d,
    shape: fn(&Tensor) -> Result<Tensor>,
    by_tape: bool,
}

impl Network for Broadcast {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let x = pass.conv2d(&self.conv, x)?;
        // The gate depends on the map too, if the pass can see it.
        let gate = if self.by_tape {
            (self.shape)(&x)?.detach()
        } else {
            (self.shape)(&x.detach())?
        };
        let y = pass.multiply(&x, &gate)?;
        let y = pass.adaptive_avg_pool(&AdaptiveAvgPool2d::new(1), &y)?;
        pass.flatten(&y)
    }
    fn passes_all(&self) -> bool {
        self.by_tape
    }
}

#[test]
fn every_factor_that_broadcasts_has_a_gradient() {
    let shapes: [fn(&Tensor) -> Result<Tensor>; 6] = [
        |x| x.mean_keepdim((2, 3)),
        |x| x.mean_keepdim(1),
        |x| x.sqr(),
        |x| x.mean_all()?.reshape((1, 1, 1, 1)),
        |x| x.mean_keepdim((0, 2, 3)),
        |x| x.mean((0, 2, 3))?.reshape(((), 1, 1)),
    ];
    for (number, shape) in shapes.into_iter().enumerate() {
        let wave = |count: usize| {
            (0..count)
                .map(|i| (i as f32 * 0.7).sin())
                .collect::<Vec<_>>()
        };
        let weight = Tensor::from_vec(wave(4 * 3 * 9), (4, 3, 3, 3), &Device::Cpu).unwrap();
        let images = Tensor::from_vec(wave(2 * 3 * 64), (2, 3, 8, 8), &Device::Cpu).unwrap();
        let gradient = |by_tape: bool| -> Vec<f32> {
            let conv = Conv2d::new(weight.clone(), None, ConvOptions::default());
            let network = Broadcast {
                conv,
                shape,
                by_tape,
            };
            let targets = [Target::Index(1), Target::Index(2)];
            let gradient = input_gradient(&network, &images, &targets).unwrap();
            gradient.flatten_all().unwrap().to_vec1().unwrap()
        };
        for (tape, graph) in gradient(true).iter().zip(gradient(false)) {
            assert!((tape - graph).abs() <= 1e-5, "{number}: {tape}, {graph}");
        }
    }
}

/// Both factors depend on the input, and the gate has one number per position.
#[test]
fn a_gate_of_positions_takes_its_part_of_the_gradient() {
    let values: Vec<f64> = (0..2 * 3 * 20).map(|i| (i as f64 * 0.7).sin()).collect();
    let x = Tensor::from_vec(values, (2, 3, 4, 5), &Device::Cpu).unwrap();
    let conv = |outputs: usize| {
        let values: Vec<f64> = (0..outputs * 3).map(|i| (i as f64).cos()).collect();
        let weight = Tensor::from_vec(values, (outputs, 3, 1, 1), &Device::Cpu).unwrap();
        Conv2d::new(weight, None, ConvOptions::default())
    };
    for outputs in [1, 3] {
        let (gate, map) = (conv(outputs), conv(3));
        let compute = |x: &Tensor, pass: &mut dyn Pass| -> Result<Tensor> {
            let (gate, map) = (pass.conv2d(&gate, x)?, pass.conv2d(&map, x)?);
            pass.multiply(&map, &gate)
        };
        let mut tape = Tape::new(&x);
        let y = compute(&x, &mut tape).unwrap();
        let grad = y.ones_like().unwrap();
        let found = tape.backward(&y, grad, &[&x]).unwrap().remove(0).unwrap();
        let variable = Var::from_tensor(&x).unwrap();
        let total = compute(variable.as_tensor(), &mut ())
            .unwrap()
            .sum_all()
            .unwrap();
        let graph = total.backward().unwrap();
        let expected = graph.get(variable.as_tensor()).unwrap();
        let apart = (found - expected)
            .unwrap()
            .abs()
            .unwrap()
            .max_all()
            .unwrap();
        assert!(
            apart.to_scalar::<f64>().unwrap() < 1e-12,
            "{outputs}: {apart}"
        );
    }
    let mut tape = Tape::new(&x);
    let y = tape.operation(Op::Conv2d(&conv(2)), &[&x]).unwrap();
    let error = tape.backward(&y, x.clone(), &[&x]).unwrap_err().to_string();
    assert!(error.contains("[2, 2, 4, 5]"), "{error}");
}
