//! A CUDA device gives what the processor gives. Where there is none, these tests say so and check nothing.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor, Var};
use gradcam::{Explainer, Method, RecordedGradCam, Target, grad_cam_batch, input_gradient};
use gradcam_models::architectures;
use gradcam_models::preprocess::{Fit, Preprocess};
use gradcam_nn::ops::{
    Activation, AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, Axis, BatchNorm, Conv2d,
    ConvOptions, LayerNorm, Linear, MaxPool2d, Padding, Rearrange, ResizeMode, add, concat,
    log_softmax, matmul, multiply, resize, softmax,
};
use gradcam_nn::{ModuleTree, Weights, cuda_device};

/// The first device, or a line that says why there is none.
#[allow(clippy::print_stderr)]
fn device() -> Option<Device> {
    match cuda_device(0) {
        Ok(device) => Some(device),
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.lines().next().unwrap_or_default();
            eprintln!("skipped: no CUDA device ({reason})");
            None
        }
    }
}

/// Values of both signs without a pattern that an operation could hide behind.
fn values(shape: &[usize], seed: usize) -> Tensor {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count)
        .map(|i| ((i * i % 1013 + 7 * i + 31 * seed) as f32 * 0.37).sin() * 2.0)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// The result of `f` for a variable on a device, and the gradient of a sum of the result with weights of both signs.
fn run(
    f: &dyn Fn(&Tensor, &Device) -> Result<Tensor>,
    x: &Tensor,
    device: &Device,
) -> Result<[Vec<f64>; 2]> {
    let x = Var::from_tensor(&x.to_device(device)?)?;
    let y = f(x.as_tensor(), device)?;
    let weights = values(y.dims(), 5).to_dtype(y.dtype())?.to_device(device)?;
    let gradient = (&y * weights)?.sum_all()?.backward()?;
    let gradient = gradient.get(x.as_tensor()).cloned();
    let flat = |x: &Tensor| {
        let x = x.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
        x.flatten_all()?.to_vec1::<f64>()
    };
    let gradient = match gradient {
        Some(gradient) => flat(&gradient)?,
        None => Vec::new(),
    };
    Ok([flat(&y)?, gradient])
}

/// The largest difference, as a share of the largest value.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let largest = a.iter().fold(1e-30_f64, |m, v| m.max(v.abs()));
    let pairs = a.iter().zip(b);
    pairs.fold(0.0_f64, |m, (a, b)| match (a - b).abs() {
        difference if difference.is_nan() => f64::INFINITY,
        difference => m.max(difference / largest),
    })
}

/// Holds an operation on a device against the processor's, in single and double precision.
fn agrees(name: &str, shape: &[usize], f: impl Fn(&Tensor, &Device) -> Result<Tensor>) {
    let Some(device) = device() else { return };
    for (dtype, limit) in [(DType::F32, 2e-5), (DType::F64, 1e-12)] {
        let x = values(shape, 1).to_dtype(dtype).unwrap();
        let here = run(&f, &x, &Device::Cpu).unwrap();
        let there = run(&f, &x, &device).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (part, (here, there)) in ["result", "gradient"].iter().zip(here.iter().zip(&there)) {
            let found = apart(here, there);
            assert!(
                found < limit,
                "{name}, {dtype:?}: the {part} is {found:e} off"
            );
        }
    }
}

/// A parameter in the type and at the place of `x`.
fn parameter(shape: &[usize], seed: usize, x: &Tensor) -> Result<Tensor> {
    values(shape, seed)
        .to_dtype(x.dtype())?
        .to_device(x.device())
}

#[test]
fn activations_agree() {
    use Activation::*;
    for f in [
        Relu,
        Relu6,
        Silu,
        Gelu,
        GeluTanh,
        QuickGelu,
        HardSwish,
        HardSigmoid,
        Sigmoid,
    ] {
        let scaled = move |x: &Tensor, _: &Device| f.forward(&(x * 4.0)?);
        agrees(&format!("{f:?} of a map"), &[2, 3, 5, 4], scaled);
        agrees(&format!("{f:?} of rows"), &[7, 9], scaled);
    }
}

#[test]
fn pooling_agrees() {
    for (kernel, stride, padding, ceil_mode) in [
        (2, 2, 0, false),
        (3, 2, 1, false),
        (3, 2, 1, true),
        (3, 1, 1, false),
        (2, 3, 1, true),
    ] {
        let max = MaxPool2d {
            ceil_mode,
            ..MaxPool2d::new(kernel, stride, padding)
        };
        agrees(&format!("{max:?}"), &[2, 5, 9, 11], |x, _| max.forward(x));
        for count_include_pad in [false, true] {
            let mean = AvgPool2d {
                ceil_mode,
                count_include_pad,
                ..AvgPool2d::new(kernel, stride, padding)
            };
            agrees(&format!("{mean:?}"), &[2, 5, 9, 11], |x, _| mean.forward(x));
        }
    }
    let wide = MaxPool2d {
        dilation: (2, 3),
        ..MaxPool2d::new(3, 2, 1)
    };
    agrees("dilated", &[1, 4, 13, 14], |x, _| wide.forward(x));
    // Equal values: the first takes the gradient.
    agrees("ties", &[1, 2, 6, 6], |x, _| {
        MaxPool2d::new(3, 2, 1).forward(&(x * 0.0)?)
    });
    for output in [(1, 1), (3, 2), (7, 5)] {
        let mean = AdaptiveAvgPool2d { output };
        agrees(&format!("{mean:?}"), &[2, 3, 7, 8], |x, _| mean.forward(x));
        let max = AdaptiveMaxPool2d { output };
        agrees(&format!("{max:?}"), &[2, 3, 7, 8], |x, _| max.forward(x));
    }
}

#[test]
fn convolutions_agree() {
    let plain = ConvOptions::default();
    let cases = [
        (8, 6, (1, 1), plain),
        (
            8,
            6,
            (1, 1),
            ConvOptions {
                stride: (2, 2),
                ..plain
            },
        ),
        (
            3,
            5,
            (7, 7),
            ConvOptions {
                stride: (2, 2),
                padding: Padding::all(3),
                ..plain
            },
        ),
        (
            4,
            6,
            (3, 3),
            ConvOptions {
                padding: Padding::all(1),
                ..plain
            },
        ),
        (
            4,
            6,
            (3, 2),
            ConvOptions {
                stride: (2, 1),
                padding: Padding::Same,
                dilation: (2, 1),
                ..plain
            },
        ),
        (
            8,
            8,
            (3, 3),
            ConvOptions {
                padding: Padding::all(1),
                groups: 8,
                ..plain
            },
        ),
        (
            8,
            12,
            (3, 3),
            ConvOptions {
                stride: (2, 2),
                padding: Padding::all(1),
                groups: 4,
                ..plain
            },
        ),
        (4, 5, (9, 10), plain),
    ];
    for (inputs, outputs, (kh, kw), options) in cases {
        let shape = [outputs, inputs / options.groups, kh, kw];
        for biased in [false, true] {
            let conv = |x: &Tensor, _: &Device| {
                let bias = biased.then(|| parameter(&[outputs], 3, x)).transpose()?;
                Conv2d::new(parameter(&shape, 2, x)?, bias, options).forward(x)
            };
            agrees(
                &format!("{shape:?} {options:?} {biased}"),
                &[2, inputs, 9, 10],
                conv,
            );
        }
    }
}

#[test]
fn norms_and_rows_agree() {
    agrees("batch norm", &[2, 6, 4, 5], |x, _| {
        let variance = parameter(&[6], 4, x)?.sqr()?;
        let of = |seed| parameter(&[6], seed, x);
        BatchNorm::new(of(1)?, of(2)?, of(3)?, variance, 1e-3)?.forward(x)
    });
    let norm = |axis| {
        move |x: &Tensor, _: &Device| {
            let (weight, bias) = (parameter(&[70], 2, x)?, parameter(&[70], 3, x)?);
            let eps = 1e-5;
            let norm = LayerNorm {
                weight,
                bias,
                eps,
                axis,
            };
            norm.forward(x)
        }
    };
    agrees("layer norm of rows", &[3, 5, 70], norm(Axis::Last));
    agrees(
        "layer norm of channels",
        &[2, 70, 3, 4],
        norm(Axis::Channel),
    );
    agrees("softmax", &[3, 4, 70], |x, _| softmax(x, 2));
    agrees("softmax of one", &[3, 1], |x, _| softmax(x, 1));
    agrees("log softmax", &[3, 70, 4], |x, _| log_softmax(x, 1));
    for rank in [2, 3] {
        let shape = &[2, 5, 12][3 - rank..];
        agrees("linear", shape, |x, _| {
            let bias = Some(parameter(&[7], 3, x)?);
            Linear::new(parameter(&[7, 12], 2, x)?, bias).forward(x)
        });
    }
    agrees("matmul", &[2, 3, 5, 4], |x, _| {
        matmul(x, &parameter(&[2, 3, 6, 4], 2, x)?.t()?)
    });
}

#[test]
fn combinations_agree() {
    // A map in the other order in memory.
    let turned = |x: &Tensor| -> Result<Tensor> {
        let x = x.permute((0, 2, 3, 1))?.contiguous()?;
        x.permute((0, 3, 1, 2))
    };
    agrees("add", &[2, 3, 4, 5], |x, _| {
        add(&turned(x)?, &parameter(&[2, 3, 4, 5], 2, x)?)
    });
    for gate in [&[2, 3, 1, 1][..], &[3, 1, 1], &[1, 3, 1, 1]] {
        agrees("multiply", &[2, 3, 4, 5], |x, _| {
            multiply(x, &parameter(gate, 2, x)?)
        });
    }
    agrees("gate", &[2, 3, 1, 1], |gate, _| {
        multiply(&parameter(&[2, 3, 4, 5], 2, gate)?, gate)
    });
    agrees("concat", &[2, 3, 4, 5], |x, _| {
        concat(&[turned(x)?, x.clone(), (x * 2.0)?])
    });
    for (mode, corners) in [
        (ResizeMode::Nearest, false),
        (ResizeMode::Bilinear, false),
        (ResizeMode::Bilinear, true),
        (ResizeMode::Bicubic, false),
        (ResizeMode::Bicubic, true),
    ] {
        for size in [(14, 3), (3, 9), (1, 1), (56, 40)] {
            agrees(
                &format!("{mode:?} {corners} {size:?}"),
                &[2, 2, 7, 3],
                |x, _| resize(x, size, mode, corners),
            );
        }
    }
    let shift = (2, 1);
    for way in [
        Rearrange::Tokens,
        Rearrange::Windows { size: 4, shift },
        Rearrange::Merge,
    ] {
        agrees(&format!("{way:?}"), &[2, 3, 9, 7], |x, _| way.forward(x));
    }
}

/// The same network on the processor and on a device.
fn networks(name: &str, device: &Device) -> [ModuleTree; 2] {
    in_type(name, device, DType::F32)
}

/// The same, with matrices of another type on the device.
fn in_type(name: &str, device: &Device, dtype: DType) -> [ModuleTree; 2] {
    let architecture = architectures::find(name).unwrap();
    let random = Weights::random(3);
    let here = architecture.build(&random, 10).unwrap();
    let parameters: BTreeMap<String, Tensor> = random
        .requested()
        .into_iter()
        .map(|(name, shape)| {
            let parameter = random.get(&name, &shape).unwrap();
            let parameter = match shape.len() {
                0 | 1 => parameter,
                _ => parameter.to_dtype(dtype).unwrap(),
            };
            (name, parameter.to_device(device).unwrap())
        })
        .collect();
    let there = architecture.build(&Weights::from_tensors(parameters), 10);
    [here, there.unwrap()]
}

/// One of each family, and the side of a small picture for it.
const FAMILIES: [(&str, usize); 14] = [
    ("resnet18", 64),
    ("resnext50_32x4d", 64),
    ("vgg11_bn", 64),
    ("densenet121", 64),
    ("googlenet", 64),
    ("inception_v3", 96),
    ("mobilenetv2_100", 64),
    ("mobilenetv3_small_100", 64),
    ("efficientnet_b0", 64),
    ("convnext_tiny", 64),
    ("squeezenet1_1", 64),
    ("vit_tiny_patch16_224", 64),
    ("dinov2_vits14_reg_lc", 56),
    ("swin_tiny_patch4_window7_224", 200),
];

#[test]
fn every_family_agrees() {
    let Some(device) = device() else { return };
    for (name, side) in FAMILIES {
        let [here, there] = networks(name, &device);
        let images = values(&[1, 3, side, side], 1);
        let moved = images.to_device(&device).unwrap();
        let targets = [vec![Target::Index(3)]];
        let maps = |network: &ModuleTree, images: &Tensor| {
            let maps = Explainer::default().explain(network, images, &targets);
            let map = maps.unwrap_or_else(|error| panic!("{name}: {error}"));
            let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
            let gradient = input_gradient(network, images, &targets[0]).unwrap();
            let gradient = gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            [wide(&map[0][0].raw().values), wide(&gradient)]
        };
        let (here, there) = (maps(&here, &images), maps(&there, &moved));
        for (part, limit) in [(0, 1e-3), (1, 1e-2)] {
            let found = apart(&here[part], &there[part]);
            assert!(found < limit, "{name}: part {part} is {found:e} off");
        }
    }
}

#[test]
fn a_batch_agrees_with_the_explainer() {
    let mut devices = vec![Device::Cpu];
    devices.extend(device());
    for device in devices {
        for name in ["mobilenetv3_small_100", "vit_tiny_patch16_224"] {
            let [here, there] = networks(name, &device);
            let layer = match name {
                "vit_tiny_patch16_224" => "blocks.11.norm1",
                _ => "blocks",
            };
            let images = values(&[2, 3, 64, 64], 1);
            let explainer = Explainer::at(layer);
            let targets = [vec![Target::Top(0)], vec![Target::Top(0)]];
            let expected = explainer.explain(&here, &images, &targets).unwrap();
            let moved = images.to_device(&device).unwrap();
            let found = grad_cam_batch(&there, &moved, layer, None).unwrap();
            let maps = found.upsampled.to_vec3::<f32>().unwrap();
            for (map, expected) in maps.iter().zip(&expected) {
                let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect();
                let expected: Vec<f64> = wide(&expected[0].upsampled.values);
                let found = apart(&expected, &wide(&map.concat()));
                assert!(found < 1e-4, "{name} on {device:?}: {found:e} off");
            }
        }
    }
}

/// Half the bits give nearly the same maps.
#[test]
fn bf16_is_near() {
    let Some(device) = device() else { return };
    for (name, layer) in [("resnet18", "layer4"), ("mobilenetv3_small_100", "blocks")] {
        let [here, there] = in_type(name, &device, DType::BF16);
        let images = values(&[2, 3, 64, 64], 1);
        let classes = |device: &Device| Tensor::new(&[3_u32, 7], device).unwrap();
        let expected = grad_cam_batch(&here, &images, layer, Some(&classes(&Device::Cpu)));
        let moved = images.to_device(&device).unwrap();
        let moved = moved.to_dtype(DType::BF16).unwrap();
        let found = grad_cam_batch(&there, &moved, layer, Some(&classes(&device))).unwrap();
        let flat = |x: &Tensor| -> Vec<f64> {
            let values = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            values.into_iter().map(f64::from).collect()
        };
        let expected = expected.unwrap();
        let apart = apart(&flat(&expected.maps), &flat(&found.maps));
        assert!(apart < 0.1, "{name}: {apart:e} off");
        assert!(apart > 1e-5, "{name} was not computed in bf16");
    }
}

/// A picture that is prepared on a device is the processor's.
#[test]
fn preprocessing_agrees() {
    let Some(device) = device() else { return };
    let picture = image::RgbImage::from_fn(97, 71, |x, y| {
        image::Rgb([0, 83, 166].map(|c| ((37 * x + 59 * y + c) % 256) as u8))
    });
    let settings = Preprocess::default();
    let expected = settings.prepare(&picture, Fit::Crop, &Device::Cpu).unwrap();
    let (found, _) = settings.prepare_on(&picture, Fit::Crop, &device).unwrap();
    let flat = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(flat(&found), flat(&expected.tensor));
}

/// No family reads the device on the way to its maps: work that does cannot be recorded. Swin writes tables to it that are too large.
#[test]
fn nothing_is_read_on_the_way() {
    let Some(device) = device() else { return };
    for (name, side) in FAMILIES {
        if name.starts_with("swin") {
            continue;
        }
        let [_, network] = networks(name, &device);
        let images = values(&[1, 3, side, side], 1).to_device(&device).unwrap();
        let layer = architectures::find(name).unwrap().default_layer;
        if let Err(error) = RecordedGradCam::new(&network, &images, layer, None) {
            panic!("{name}: {error}");
        }
    }
}

/// Methods of each kind, on a device.
#[test]
fn methods_agree() {
    let Some(device) = device() else { return };
    let [here, there] = networks("mobilenetv3_small_100", &device);
    let image = values(&[1, 3, 64, 64], 1);
    let moved = image.to_device(&device).unwrap();
    for name in [
        "grad-cam++",
        "layer-cam",
        "ablation-cam",
        "guided-backprop",
        "integrated-gradients",
        "deeplift",
        "lrp",
        "fullgrad",
        "occlusion",
        "score-cam",
        "rise",
        "feature-ablation",
    ] {
        let method: Method = name.parse().unwrap();
        let raw = |network: &ModuleTree, image: &Tensor| {
            let explainer = Explainer {
                budget: Some(40),
                ..Explainer::of(method.clone())
            };
            let map = explainer.explain_one(network, image, Target::Index(3));
            let map = map.unwrap_or_else(|error| panic!("{name}: {error}"));
            let values = map.raw().values.iter();
            values.map(|&v| f64::from(v)).collect::<Vec<_>>()
        };
        let found = apart(&raw(&here, &image), &raw(&there, &moved));
        assert!(found < 1e-3, "{name}: {found:e} off");
    }
}

/// A recorded batch sees new images, and gives what is computed step by step.
#[test]
fn a_recorded_batch_agrees() {
    let Some(device) = device() else { return };
    let [_, network] = networks("mobilenetv3_small_100", &device);
    let images = |seed| values(&[2, 3, 64, 64], seed).to_device(&device).unwrap();
    let given = Tensor::new(&[3_u32, 7], &device).unwrap();
    for (classes, seed) in [(None, 2), (None, 3), (Some(&given), 4)] {
        let recorded = RecordedGradCam::new(&network, &images(1), "blocks", classes).unwrap();
        let found = recorded.maps(&images(seed)).unwrap();
        let expected = grad_cam_batch(&network, &images(seed), "blocks", classes).unwrap();
        for (found, expected) in [
            (&found.upsampled, &expected.upsampled),
            (&found.maps, &expected.maps),
            (&found.logits, &expected.logits),
        ] {
            let flat = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(flat(found), flat(expected));
        }
    }
}
