//! Trees of modules: fused and split runs agree, and every path is offered in order.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod numbers;

use candle_core::{Device, Result, Tensor};
use gradcam_nn::ops::{
    Activation, AdaptiveAvgPool2d, AvgPool2d, BatchNorm, Conv2d, ConvOptions, Linear, MaxPool2d,
    Padding, Precision,
};
use gradcam_nn::{ConvNormAct, Kind, Module, ModuleTree, Network, Op, Pass, Weights};

use numbers::splitmix64;

const ACTIVATIONS: [Activation; 12] = [
    Activation::Identity,
    Activation::Relu,
    Activation::RELU6,
    Activation::Clip {
        low: -0.3,
        high: 0.4,
    },
    Activation::LeakyRelu { slope: 0.1 },
    Activation::Silu,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::QuickGelu,
    Activation::HardSwish,
    Activation::HARD_SIGMOID,
    Activation::Sigmoid,
];

/// Returns reproducible numbers between -1 and 1.
fn random(seed: u64, shape: &[usize]) -> Tensor {
    let mut next = splitmix64(seed);
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| (next() >> 40) as f32 / (1u32 << 23) as f32 - 1.0)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn values(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

/// Compares within 1e-6 of the largest value.
fn assert_close(found: &Tensor, expected: &Tensor) {
    assert_eq!(found.dims(), expected.dims());
    let (found, expected) = (values(found), values(expected));
    let scale = expected.iter().fold(0f32, |a, b| a.max(b.abs()));
    assert!(
        expected.iter().any(|v| *v != expected[0]),
        "equal numbers prove nothing"
    );
    for (i, (a, b)) in found.iter().zip(&expected).enumerate() {
        assert!(
            (a - b).abs() <= 1e-6 * scale,
            "at {i}: found {a}, expected {b} (largest {scale})"
        );
    }
}

/// Logs the offered tensors and the kernels that run.
#[derive(Default)]
struct Log {
    /// Whether the operations run one by one.
    split: bool,
    wanted: Vec<&'static str>,
    taps: Vec<(String, Tensor)>,
    /// `fused`, or the name of a part that ran on its own.
    kernels: Vec<&'static str>,
}

impl Log {
    fn split() -> Self {
        Log {
            split: true,
            ..Log::default()
        }
    }
    fn wanting(name: &'static str) -> Self {
        Log {
            wanted: vec![name],
            ..Log::default()
        }
    }
    fn names(&self) -> Vec<&str> {
        self.taps.iter().map(|(name, _)| name.as_str()).collect()
    }
    /// Returns the tensor offered under `name`.
    fn offered(&self, name: &str) -> &Tensor {
        &self.taps.iter().find(|tap| tap.0 == name).unwrap().1
    }
}

impl Pass for Log {
    fn tap(&mut self, name: &str, x: Tensor) -> Result<Tensor> {
        self.taps.push((name.to_string(), x.clone()));
        Ok(x)
    }
    fn wants(&self, name: &str) -> bool {
        self.wanted.contains(&name)
    }
    fn fuses(&self) -> bool {
        !self.split
    }
    fn operation(&mut self, op: Op<'_>, inputs: &[&Tensor]) -> Result<Tensor> {
        self.kernels.extend(match op {
            Op::Conv2d(_) => Some("conv"),
            Op::BatchNorm(_) => Some("norm"),
            Op::Activation(_) => Some("activation"),
            Op::Add => Some("add"),
            Op::ConvNormAct(..) => Some(match inputs.len() {
                1 => "fused",
                _ => "fused with residual",
            }),
            Op::Linear(_)
            | Op::LayerNorm(_)
            | Op::MaxPool(_)
            | Op::Softmax
            | Op::LinearMap(_)
            | Op::Multiply
            | Op::Matmul
            | Op::Concat => None,
        });
        op.forward(inputs)
    }
}

fn conv(inputs: usize, outputs: usize, kernel: usize) -> Conv2d {
    grouped(inputs, outputs, kernel, 1)
}

/// Makes a grouped convolution; `inputs` counts the channels of one group.
fn grouped(inputs: usize, outputs: usize, kernel: usize, groups: usize) -> Conv2d {
    let options = ConvOptions {
        padding: Padding::all(kernel / 2),
        groups,
        ..ConvOptions::default()
    };
    Conv2d::new(random(1, &[outputs, inputs, kernel, kernel]), None, options)
}

/// Returns the convolution with a bias.
fn biased(conv: Conv2d) -> Conv2d {
    let bias = random(7, &[conv.weight().dim(0).unwrap()]);
    Conv2d::new(conv.weight().clone(), Some(bias), conv.options())
}

fn norm(channels: usize) -> BatchNorm {
    let parameter = |seed| random(seed, &[channels]);
    let variance = (parameter(5) + 1.5).unwrap();
    BatchNorm::new(parameter(2), parameter(3), parameter(4), variance, 1e-3).unwrap()
}

fn paths(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Makes a group whose parts have the paths `NAME.conv`, `NAME.norm` and `NAME.act`.
fn group(name: &str, conv: Conv2d, norm: Option<BatchNorm>, f: Option<Activation>) -> Module {
    let path = |part: &str| vec![format!("{name}.{part}")];
    let group = ConvNormAct::new(
        (path("conv"), conv),
        norm.map(|norm| (path("norm"), norm)),
        f.map(|f| (path("act"), f)),
    )
    .unwrap();
    Module::unnamed(Kind::Conv(Box::new(group)))
}

fn tree(modules: Vec<Module>) -> ModuleTree {
    ModuleTree::new(modules, &Weights::skeleton())
}

fn run(modules: &[Module], x: &Tensor, pass: &mut dyn Pass) -> Tensor {
    tree(modules.to_vec()).forward(x, pass).unwrap()
}

/// Checks that the fused and the split run agree, and returns the fused result.
fn both_ways(modules: &[Module], x: &Tensor) -> Tensor {
    let mut log = Log::split();
    let expected = run(modules, x, &mut log);
    assert!(!log.kernels.iter().any(|kernel| kernel.starts_with("fused")));
    let found = run(modules, x, &mut ());
    assert_close(&found, &expected);
    found
}

#[test]
fn a_group_gives_what_its_parts_give() {
    let x = random(6, &[2, 6, 9, 7]);
    let sparse = ConvOptions {
        stride: (2, 1),
        padding: Padding::Same,
        ..ConvOptions::default()
    };
    let convolutions = [
        conv(6, 4, 1),
        biased(conv(6, 20, 3)),
        Conv2d::new(conv(6, 5, 3).weight().clone(), None, sparse),
        grouped(1, 6, 3, 6),
        grouped(1, 12, 3, 6),
        biased(grouped(1, 6, 3, 6)),
        biased(grouped(1, 12, 3, 6)),
    ];
    for conv in convolutions {
        let outputs = conv.weight().dim(0).unwrap();
        for f in ACTIVATIONS {
            for norm in [None, Some(norm(outputs))] {
                let mut plain = conv.forward(&x).unwrap();
                if let Some(norm) = &norm {
                    plain = norm.forward(&plain).unwrap();
                }
                let linear = group("g", conv.clone(), norm.clone(), None);
                assert_close(&both_ways(&[linear], &x), &plain);
                let whole = group("g", conv.clone(), norm, Some(f));
                assert_close(&both_ways(&[whole], &x), &f.forward(&plain).unwrap());
            }
        }
    }
}

#[test]
fn a_group_takes_the_residual_into_its_kernel() {
    let x = random(6, &[2, 6, 9, 7]);
    let depthwise = grouped(1, 6, 3, 6);
    for last in [conv(6, 6, 3), conv(6, 6, 1), depthwise] {
        for norm in [None, Some(norm(6))] {
            for f in ACTIVATIONS {
                let branch = last.forward(&x).unwrap();
                let branch = norm
                    .as_ref()
                    .map_or(Ok(branch.clone()), |norm| norm.forward(&branch))
                    .unwrap();
                let expected = f.forward(&(branch + &x).unwrap()).unwrap();
                let block = Module::new(
                    "block",
                    Kind::Residual {
                        branch: vec![group("g", last.clone(), norm.clone(), None)],
                        shortcut: vec![],
                        activation: Some((paths(&["block.act"]), f)),
                    },
                );
                assert_close(&both_ways(std::slice::from_ref(&block), &x), &expected);
                let mut log = Log::default();
                run(&[block], &x, &mut log);
                assert_eq!(log.kernels, ["fused with residual"]);
                assert_eq!(log.names(), ["block.act", "block"]);
            }
        }
    }
}

/// Returns a bottleneck with a projection, as in a ResNet, between a stem and a classifier.
fn network() -> Vec<Module> {
    let relu = Some(Activation::Relu);
    vec![
        group("stem", conv(3, 6, 3), Some(norm(6)), relu),
        Module::new("pool", Kind::MaxPool(MaxPool2d::new(2, 2, 0))),
        Module::new(
            "layer",
            Kind::Residual {
                branch: vec![
                    group("layer.a", conv(6, 5, 1), Some(norm(5)), relu),
                    group("layer.b", conv(5, 8, 3), Some(norm(8)), None),
                ],
                shortcut: vec![group("layer.down", conv(6, 8, 1), Some(norm(8)), None)],
                activation: Some((paths(&["layer.act"]), Activation::Relu)),
            },
        ),
        Module::new("global", Kind::AdaptiveAvgPool(AdaptiveAvgPool2d::new(1))).also("drop"),
        Module::unnamed(Kind::Flatten),
        Module::new(
            "fc",
            Kind::Linear(Linear::new(random(8, &[4, 8]), Some(random(9, &[4])))),
        ),
    ]
}

#[test]
fn every_path_is_offered_in_the_order_of_the_network() {
    let (modules, x) = (network(), random(10, &[2, 3, 8, 10]));
    let mut log = Log::split();
    let y = run(&modules, &x, &mut log);
    assert_eq!(y.dims(), [2, 4]);
    // The shortcut runs before the last group of the branch, whose kernel adds it. The split order is the same.
    assert_eq!(
        log.names(),
        [
            "stem.conv",
            "stem.norm",
            "stem.act",
            "pool",
            "layer.a.conv",
            "layer.a.norm",
            "layer.a.act",
            "layer.down.conv",
            "layer.down.norm",
            "layer.b.conv",
            "layer.b.norm",
            "layer.act",
            "layer",
            "global",
            "drop",
            "fc",
        ]
    );
    // Each under its own name, with the values of the parts.
    let stem = conv(3, 6, 3).forward(&x).unwrap();
    assert_close(log.offered("stem.conv"), &stem);
    let stem = norm(6).forward(&stem).unwrap();
    assert_close(log.offered("stem.norm"), &stem);
    let stem = stem.relu().unwrap();
    assert_close(log.offered("stem.act"), &stem);
    let pooled = stem.max_pool2d(2).unwrap();
    assert_close(log.offered("pool"), &pooled);
    let parts = ["layer.b.norm", "layer.down.norm"].map(|name| log.offered(name));
    let sum = (parts[0] + parts[1]).unwrap();
    assert_close(log.offered("layer"), &sum.relu().unwrap());
    assert_close(log.offered("fc"), &y);

    let mut fused = Log::default();
    let z = run(&modules, &x, &mut fused);
    assert_close(&z, &y);
    let kernels = ["fused", "fused", "fused", "fused with residual"];
    assert_eq!(fused.kernels, kernels);
    // The inner paths of a group that runs as one kernel have no value; the others are offered as before.
    assert_eq!(
        fused.names(),
        [
            "stem.act",
            "pool",
            "layer.a.act",
            "layer.down.norm",
            "layer.act",
            "layer",
            "global",
            "drop",
            "fc",
        ]
    );
    for (name, found) in &fused.taps {
        assert_close(found, log.offered(name));
    }
}

#[test]
fn a_wanted_path_splits_only_its_own_group() {
    let (modules, x) = (network(), random(10, &[2, 3, 8, 10]));
    let mut whole = Log::split();
    run(&modules, &x, &mut whole);
    let stem = [
        "conv",
        "norm",
        "activation",
        "fused",
        "fused",
        "fused with residual",
    ];
    let first = [
        "fused",
        "conv",
        "norm",
        "activation",
        "fused",
        "fused with residual",
    ];
    let last = [
        "fused",
        "fused",
        "fused",
        "conv",
        "norm",
        "add",
        "activation",
    ];
    let shortcut = ["fused", "fused", "conv", "norm", "fused with residual"];
    let none = ["fused", "fused", "fused", "fused with residual"];
    for (name, kernels) in [
        ("stem.conv", &stem[..]),
        ("stem.norm", &stem),
        ("layer.a.conv", &first),
        ("layer.a.norm", &first),
        ("layer.b.conv", &last),
        ("layer.b.norm", &last),
        ("layer.down.conv", &shortcut),
        // The last output of a group has a value in any case.
        ("stem.act", &none),
        ("layer.down.norm", &none),
        ("layer.act", &none),
        ("fc", &none),
        ("elsewhere", &none),
    ] {
        let mut log = Log::wanting(name);
        run(&modules, &x, &mut log);
        assert_eq!(log.kernels, kernels, "`{name}` is wanted");
        if name != "elsewhere" {
            assert_close(log.offered(name), whole.offered(name));
        }
    }
}

/// A pass may replace the tensor offered to it; later operations use the replacement.
#[test]
fn a_tap_may_replace_what_it_is_offered() {
    struct Zero(&'static str);
    impl Pass for Zero {
        fn tap(&mut self, name: &str, x: Tensor) -> Result<Tensor> {
            if name == self.0 {
                x.zeros_like()
            } else {
                Ok(x)
            }
        }
        fn wants(&self, name: &str) -> bool {
            name == self.0
        }
    }
    let (modules, x) = (network(), random(10, &[2, 3, 8, 10]));
    let mut whole = Log::split();
    run(&modules, &x, &mut whole);
    // Without its branch, the block is the ReLU of its shortcut.
    let expected = whole.offered("layer.down.norm").relu().unwrap();
    let expected = expected.mean((2, 3)).unwrap();
    let expected = expected.matmul(&random(8, &[4, 8]).t().unwrap()).unwrap();
    let expected = expected.broadcast_add(&random(9, &[4])).unwrap();
    assert_close(&run(&modules, &x, &mut Zero("layer.b.norm")), &expected);
    // Without the global average, the logits are the classifier's bias.
    let bias = random(9, &[1, 4]).repeat((2, 1)).unwrap();
    assert_close(&run(&modules, &x, &mut Zero("drop")), &bias);
}

#[test]
fn kinds_are_their_tensor_expressions() {
    let x = random(11, &[2, 6, 5, 7]);
    let one = |kind| both_ways(&[Module::unnamed(kind)], &x);
    let scale = || Module::unnamed(Kind::Scale(random(12, &[6, 1, 1])));
    let scaled = x.broadcast_mul(&random(12, &[6, 1, 1])).unwrap();
    let sigmoid = || Module::unnamed(Kind::Activation(Activation::Sigmoid));
    let squashed = ((x.neg().unwrap().exp().unwrap() + 1.0).unwrap())
        .recip()
        .unwrap();

    assert_close(&one(Kind::Identity), &x);
    assert_close(&one(Kind::Sequence(vec![])), &x);
    assert_close(&one(Kind::Flatten), &x.reshape((2, 210)).unwrap());
    assert_close(&one(Kind::Scale(random(12, &[6, 1, 1]))), &scaled);
    let average = AvgPool2d::new(5, 1, 0);
    assert_close(
        &one(Kind::AvgPool(average)),
        &x.avg_pool2d_with_stride((5, 5), (1, 1)).unwrap(),
    );
    assert_close(&one(Kind::AtLeast((5, 7))), &x);
    let widened = one(Kind::AtLeast((10, 3)));
    assert_eq!(widened.dims(), [2, 6, 10, 7]);
    assert_close(&widened, &x.upsample_nearest2d(10, 7).unwrap());

    // Squeeze and excitation: the gate is one number for each channel.
    let gate = vec![
        Module::new("squeeze", Kind::AdaptiveAvgPool(AdaptiveAvgPool2d::new(1))),
        sigmoid(),
    ];
    let mean = x.mean_keepdim(3).unwrap().mean_keepdim(2).unwrap();
    let expected = Activation::Sigmoid.forward(&mean).unwrap();
    let expected = x.broadcast_mul(&expected).unwrap();
    assert_close(&one(Kind::Gate(gate)), &expected);

    let parts = [&scaled, &squashed];
    assert_close(
        &one(Kind::Concat(vec![scale(), sigmoid()])),
        &Tensor::cat(&parts, 1).unwrap(),
    );

    // Every layer of a dense block takes all earlier outputs.
    let layer = |inputs| group("layer", conv(inputs, 2, 1), None, None);
    let first = conv(6, 2, 1).forward(&x).unwrap();
    let seen = Tensor::cat(&[&x, &first], 1).unwrap();
    let second = conv(8, 2, 1).forward(&seen).unwrap();
    let expected = Tensor::cat(&[&x, &first, &second], 1).unwrap();
    assert_close(&one(Kind::Dense(vec![layer(6), layer(8)])), &expected);

    let residual = |branch: Vec<Module>, shortcut: Vec<Module>, f: Option<Activation>| {
        one(Kind::Residual {
            branch,
            shortcut,
            activation: f.map(|f| (vec![], f)),
        })
    };
    let sum = (&scaled + &x).unwrap();
    assert_close(&residual(vec![scale()], vec![], None), &sum);
    assert_close(&residual(vec![], vec![scale()], None), &sum);
    let relu = Some(Activation::Relu);
    assert_close(&residual(vec![scale()], vec![], relu), &sum.relu().unwrap());
    let sum = (&scaled + &squashed).unwrap();
    assert_close(&residual(vec![scale()], vec![sigmoid()], None), &sum);
    // If a group with its own activation ends the branch, the activation comes before the sum.
    let ending = group("end", conv(6, 6, 1), None, relu);
    let branch = conv(6, 6, 1).forward(&x).unwrap().relu().unwrap();
    let expected = (branch + &x).unwrap();
    assert_close(&residual(vec![ending], vec![], None), &expected);
}

#[test]
fn misfits_are_refused() {
    let group = |conv: Conv2d, norm: BatchNorm| {
        ConvNormAct::new((vec![], conv), Some((vec![], norm)), None)
    };
    assert!(group(conv(3, 6, 1), norm(6)).is_ok());
    let biased = biased(conv(3, 6, 1));
    for channels in [1, 5, 7] {
        assert!(group(conv(3, 6, 1), norm(channels)).is_err());
        assert!(group(biased.clone(), norm(channels)).is_err());
    }
    let block = Module::unnamed(Kind::Residual {
        branch: vec![self::group("g", conv(3, 6, 1), None, None)],
        shortcut: vec![],
        activation: None,
    });
    for pass in [&mut () as &mut dyn Pass, &mut Log::split()] {
        let modules = vec![block.clone()];
        assert!(
            tree(modules)
                .forward(&random(6, &[1, 3, 4, 4]), pass)
                .is_err()
        );
    }
}

#[test]
fn a_folded_network_computes_the_same_without_norms() {
    let x = random(10, &[2, 3, 8, 10]);
    let network = tree(network());
    let folded = network.folded().unwrap();
    let (mut before, mut after) = (Log::split(), Log::split());
    let expected = network.forward(&x, &mut before).unwrap();
    let found = folded.forward(&x, &mut after).unwrap();
    assert_close(&found, &expected);
    assert!(before.kernels.contains(&"norm") && !after.kernels.contains(&"norm"));
    assert_close(
        after.offered("layer.b.norm"),
        before.offered("layer.b.norm"),
    );
    let gone: Vec<&str> = before.names();
    let gone = gone
        .into_iter()
        .filter(|name| !after.names().contains(name));
    let convolutions = [
        "stem.conv",
        "layer.a.conv",
        "layer.down.conv",
        "layer.b.conv",
    ];
    assert_eq!(gone.collect::<Vec<_>>(), convolutions);
    // As one kernel too.
    assert_close(&folded.forward(&x, &mut ()).unwrap(), &expected);
}

#[test]
fn a_folded_network_keeps_its_precision() {
    let mut network = tree(network());
    network.set_precision(Precision::Bf16);
    let folded = network.folded().unwrap();
    assert_eq!(folded.precision(), Precision::Bf16);
    // For every convolution, merged or not.
    let debug = format!("{folded:?}");
    let of = |precision: &str| debug.matches(&format!("precision: {precision}")).count();
    assert!(of("Bf16") > 1 && of("F32") == 0, "{debug}");
}
