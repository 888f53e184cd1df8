//! Every operation and its gradient.

use candle_core::{DType, Device, Result, Tensor, Var};
use gradcam_nn::ops::{
    Activation, AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, Axis, BatchNorm, Conv2d,
    ConvOptions, LayerNorm, Linear, LinearMap, MaxPool2d, Padding, Rearrange, ResizeMode, add,
    concat, log_softmax, matmul, multiply, resize, softmax,
};

use super::{apart, device, values};

/// Computes `f` of a variable on a device, and the gradient of a sum of the result with weights of both signs.
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

/// Compares an operation on a device with the processor's, in single and double precision.
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

/// Makes a parameter of the type and on the device of `x`.
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
        Activation::RELU6,
        Clip {
            low: -0.5,
            high: 0.25,
        },
        LeakyRelu { slope: 0.2 },
        Silu,
        Gelu,
        GeluTanh,
        QuickGelu,
        HardSwish,
        Activation::HARD_SIGMOID,
        Tanh,
        Exp,
        Erf,
        Softplus,
        Mish,
        Softsign,
        Abs,
        Sin,
        Cos,
        Elu {
            alpha: 1.3,
            rate: 0.7,
        },
        Power { exponent: 2.0 },
        Power { exponent: 3.0 },
        Round {
            low: -1.0,
            high: 1.0,
        },
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
    // Ties: the first value takes the gradient.
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
    // A map in the other memory order.
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
    for (dim, indices) in [(1, vec![2, 0, 2, 2]), (3, vec![6, 1])] {
        let take = LinearMap::Take { dim, indices };
        agrees(&format!("{take:?}"), &[2, 3, 9, 7], |x, _| {
            take.forward(&turned(x)?)
        });
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
