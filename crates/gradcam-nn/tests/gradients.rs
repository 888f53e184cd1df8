//! Every operation's gradient against central differences in `f64`, and against PyTorch's choice at points without a derivative.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod numbers;

use candle_core::{DType, Device, Result, Tensor, Var};
use gradcam_nn::ops::{
    Activation, AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, Axis, BatchNorm, Conv2d,
    ConvOptions, LayerNorm, Linear, MaxPool2d, Padding, ResizeMode, log_softmax, resize, softmax,
};
use gradcam_nn::{ConvNormAct, Kind, Module, ModuleTree, Network, Weights};

use numbers::splitmix64;

/// Returns reproducible numbers between -1 and 1.
fn noise(seed: u64, n: usize) -> Vec<f64> {
    let mut next = splitmix64(seed);
    (0..n)
        .map(|_| (next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
        .collect()
}

fn random(seed: u64, shape: &[usize]) -> Tensor {
    Tensor::from_vec(noise(seed, shape.iter().product()), shape, &Device::Cpu).unwrap()
}

/// Returns shuffled numbers at least 0.1 apart, so that no maximum changes within a difference quotient.
fn distinct(seed: u64, shape: &[usize]) -> Tensor {
    let keys = noise(seed, shape.iter().product());
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    let mut values = vec![0.0; keys.len()];
    for (rank, i) in order.into_iter().enumerate() {
        values[i] = 0.1 * (rank as f64 - keys.len() as f64 / 2.0);
    }
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn values(x: &Tensor) -> Vec<f64> {
    x.to_dtype(DType::F64)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap()
}

/// Computes the gradient at `x` of f's projection on `direction`, by candle's backward.
fn gradient(f: &impl Fn(&Tensor) -> Result<Tensor>, x: &Tensor, direction: &Tensor) -> Tensor {
    let x = Var::from_tensor(x).unwrap();
    let y = f(&x).unwrap();
    let direction = direction.to_dtype(y.dtype()).unwrap();
    let loss = (y * direction).unwrap().sum_all().unwrap();
    loss.backward()
        .unwrap()
        .remove(&x)
        .expect("the operation cuts the graph")
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    let scale = expected.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
    assert!(
        scale > 0.0,
        "a gradient that is zero everywhere proves nothing"
    );
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * scale,
            "at {i}: found {a}, expected {b} (largest {scale})"
        );
    }
}

/// Compares candle's backward through `f` with central differences at the `f64` tensor `x`, within 1e-6 of the largest value; then the
/// gradient in `f32` with that in `f64`. `f` takes both types.
fn assert_gradient(f: impl Fn(&Tensor) -> Result<Tensor>, x: &Tensor) {
    const STEP: f64 = 1e-5;
    let y = f(x).unwrap();
    assert!(!y.track_op(), "nothing is recorded without a variable");
    let direction = random(99, y.dims());
    let project = |x: Vec<f64>, shape: &[usize]| {
        let y = f(&Tensor::from_vec(x, shape, &Device::Cpu).unwrap()).unwrap();
        let terms = values(&y).into_iter().zip(values(&direction));
        terms.map(|(a, b)| a * b).sum::<f64>()
    };
    let start = values(x);
    let differences: Vec<f64> = (0..start.len())
        .map(|i| {
            let at = |step| {
                let mut x = start.clone();
                x[i] += step;
                x
            };
            (project(at(STEP), x.dims()) - project(at(-STEP), x.dims())) / (2.0 * STEP)
        })
        .collect();
    let found = gradient(&f, x, &direction);
    assert_eq!(found.dims(), x.dims());
    assert_close(&values(&found), &differences, 1e-6);
    let single = gradient(&f, &x.to_dtype(DType::F32).unwrap(), &direction);
    assert_eq!(single.dtype(), DType::F32);
    assert_close(&values(&single), &values(&found), 1e-5);
}

/// Checks the derivatives of a function of single numbers at `points`, in `f64` and `f32`.
fn assert_derivatives(f: Activation, points: &[f64], expected: &[f64]) {
    for dtype in [DType::F64, DType::F32] {
        let x = Tensor::new(points, &Device::Cpu)
            .unwrap()
            .to_dtype(dtype)
            .unwrap();
        let found = values(&gradient(&|x| f.forward(x), &x, &x.ones_like().unwrap()));
        for ((x, found), expected) in points.iter().zip(found).zip(expected) {
            let same = (found - expected).abs() < 1e-6 || (found.is_nan() && expected.is_nan());
            assert!(same, "{f:?}' at {x} is {found}, PyTorch has {expected}");
        }
    }
}

#[test]
fn activations() {
    use Activation::*;
    for f in [
        Identity,
        Relu,
        Activation::RELU6,
        Clip {
            low: -1.5,
            high: 2.0,
        },
        LeakyRelu { slope: 0.2 },
        LeakyRelu { slope: -0.5 },
        Silu,
        Gelu,
        GeluTanh,
        QuickGelu,
        HardSwish,
        Activation::HARD_SIGMOID,
        HardSigmoid {
            slope: 0.2,
            offset: 0.4,
        },
        Sigmoid,
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
    ] {
        // From -8.05 to 7.95 in steps of 0.1: no kink within reach of a difference.
        let points: Vec<f64> = (0..161).map(|i| 0.1 * f64::from(i) - 8.05).collect();
        assert_gradient(
            |x| f.forward(x),
            &Tensor::new(points, &Device::Cpu).unwrap(),
        );
        assert_gradient(|x| f.forward(&x.t()?), &random(1, &[3, 5]));
    }
}

#[test]
fn activations_of_positive_numbers() {
    use Activation::{Log, Power};
    for f in [
        Log,
        Power { exponent: 0.5 },
        Power { exponent: -0.5 },
        Power { exponent: -1.0 },
        Power { exponent: 0.75 },
        Power { exponent: -2.3 },
    ] {
        let points: Vec<f64> = (1..60).map(|i| 0.1 * f64::from(i) + 0.05).collect();
        assert_gradient(
            |x| f.forward(x),
            &Tensor::new(points, &Device::Cpu).unwrap(),
        );
    }
}

#[test]
fn a_transposed_input_has_the_gradient_of_its_copy() {
    let x = random(3, &[4, 5]).t().unwrap();
    let (copy, grad) = (x.contiguous().unwrap(), random(4, &[5, 4]));
    let ones = Tensor::ones(4, DType::F64, &Device::Cpu).unwrap();
    let norm = LayerNorm {
        weight: ones.clone(),
        bias: ones,
        eps: 1e-5,
        axis: Axis::Last,
    };
    let found = norm.backward(&x, &grad).unwrap();
    assert_eq!(
        values(&found),
        values(&norm.backward(&copy, &grad).unwrap())
    );
    let found = Activation::Gelu.backward(&x, &grad).unwrap();
    let expected = Activation::Gelu.backward(&copy, &grad).unwrap();
    assert_eq!(values(&found), values(&expected));
}

#[test]
fn rounding_passes_the_gradient_between_its_bounds() {
    let f = Activation::Round {
        low: -2.0,
        high: 3.0,
    };
    let x = Tensor::new(
        &[-3.0, -2.4, -1.5, 0.5, 1.5, 2.6, 3.4, 3.6, f64::NAN],
        &Device::Cpu,
    )
    .unwrap();
    let y = values(&f.forward(&x).unwrap());
    assert_eq!(y[..8], [-2.0, -2.0, -2.0, 0.0, 2.0, 3.0, 3.0, 3.0]);
    assert!(y[8].is_nan());
    let slopes = values(&gradient(&|x| f.forward(x), &x, &x.ones_like().unwrap()));
    assert_eq!(slopes, [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
}

#[test]
fn activations_at_kinks_and_beyond_numbers() {
    use Activation::*;
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let points = [-3.0, -0.0, 0.0, 3.0, 6.0, nan, -inf];
    assert_derivatives(Relu, &points, &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]);
    assert_derivatives(
        Activation::RELU6,
        &points,
        &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
    );
    let (slope, s) = (LeakyRelu { slope: 0.2 }, 0.2);
    assert_derivatives(slope, &points, &[s, s, s, 1.0, 1.0, s, s]);
    let clip = Clip {
        low: -3.0,
        high: 3.0,
    };
    assert_derivatives(clip, &points, &[0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_derivatives(HardSwish, &points, &[0.0, 0.5, 0.5, 1.0, 1.0, nan, 0.0]);
    let sixth = 1.0 / 6.0;
    assert_derivatives(
        Activation::HARD_SIGMOID,
        &points,
        &[0.0, sixth, sixth, 0.0, 0.0, 0.0, 0.0],
    );
    assert_derivatives(Silu, &[-100.0, 0.0, 100.0, nan], &[0.0, 0.5, 1.0, nan]);
    assert_derivatives(Gelu, &[-100.0, 0.0, 100.0, nan], &[0.0, 0.5, 1.0, nan]);
    assert_derivatives(GeluTanh, &[-100.0, 0.0, 100.0, nan], &[0.0, 0.5, 1.0, nan]);
    assert_derivatives(Sigmoid, &[-100.0, 0.0, 100.0, nan], &[0.0, 0.25, 0.0, nan]);
    assert_derivatives(Abs, &[-2.0, 0.0, 2.0, nan], &[-1.0, 0.0, 1.0, nan]);
    let elu = Elu {
        alpha: 2.0,
        rate: 1.0,
    };
    assert_derivatives(elu, &[-100.0, 0.0, 1.0], &[0.0, 2.0, 1.0]);
    assert_derivatives(Softplus, &[-100.0, 0.0, 100.0], &[0.0, 0.5, 1.0]);
    assert_derivatives(Power { exponent: 0.5 }, &[0.25, 4.0], &[1.0, 0.25]);
}

#[test]
fn a_closed_gate_stops_an_undefined_gradient() {
    let x = Tensor::new(&[-4.0, 0.0, 4.0, 7.0], &Device::Cpu).unwrap();
    let direction = Tensor::full(f64::NAN, 4, &Device::Cpu).unwrap();
    for (f, open) in [
        (Activation::Relu, [false, false, true, true]),
        (Activation::RELU6, [false, false, true, false]),
        (Activation::HardSwish, [false, true, true, true]),
        (Activation::HARD_SIGMOID, [false, true, false, false]),
        (Activation::Sigmoid, [true; 4]),
    ] {
        let found = values(&gradient(&|x| f.forward(x), &x, &direction));
        assert_eq!(
            found.iter().map(|g| g.is_nan()).collect::<Vec<_>>(),
            open,
            "{f:?}"
        );
    }
}

#[test]
fn max_pool() {
    for (pool, shape) in [
        (MaxPool2d::new(2, 2, 0), [2, 2, 7, 6]),
        (MaxPool2d::new(3, 2, 1), [1, 3, 9, 8]),
        (MaxPool2d::new(3, 1, 1), [1, 1, 5, 7]),
        (
            MaxPool2d {
                ceil_mode: true,
                ..MaxPool2d::new(3, 2, 0)
            },
            [1, 2, 8, 7],
        ),
        (
            MaxPool2d {
                ceil_mode: true,
                ..MaxPool2d::new(3, 2, 1)
            },
            [1, 1, 6, 6],
        ),
        (
            MaxPool2d {
                ceil_mode: true,
                ..MaxPool2d::new(3, 5, 0)
            },
            [1, 1, 7, 11],
        ),
        (
            MaxPool2d {
                kernel: (3, 2),
                stride: (1, 3),
                padding: (1, 0),
                dilation: (2, 3),
                ceil_mode: false,
            },
            [2, 1, 9, 11],
        ),
    ] {
        assert_gradient(|x| pool.forward(x), &distinct(2, &shape));
    }
}

#[test]
fn avg_pool() {
    for count_include_pad in [true, false] {
        for ceil_mode in [true, false] {
            let square = |kernel, stride, padding| AvgPool2d {
                ceil_mode,
                count_include_pad,
                ..AvgPool2d::new(kernel, stride, padding)
            };
            for (pool, shape) in [
                (square(2, 2, 0), [2, 2, 7, 6]),
                (square(3, 2, 1), [1, 3, 8, 5]),
                (square(3, 1, 1), [1, 1, 5, 7]),
                (
                    AvgPool2d {
                        kernel: (3, 5),
                        stride: (2, 3),
                        padding: (0, 2),
                        ..square(1, 1, 0)
                    },
                    [1, 2, 6, 9],
                ),
            ] {
                assert_gradient(|x| pool.forward(x), &random(3, &shape));
            }
        }
    }
}

#[test]
fn adaptive_pools() {
    for (output, shape) in [
        ((1, 1), [2, 3, 7, 5]),
        ((2, 3), [1, 2, 7, 5]),
        ((6, 6), [1, 1, 13, 9]),
        ((7, 4), [1, 1, 3, 5]),
        ((1, 3), [1, 2, 4, 3]),
    ] {
        assert_gradient(
            |x| AdaptiveAvgPool2d { output }.forward(x),
            &random(4, &shape),
        );
        assert_gradient(
            |x| AdaptiveMaxPool2d { output }.forward(x),
            &distinct(5, &shape),
        );
    }
}

#[test]
fn the_first_maximum_takes_the_gradient() {
    let ones = Tensor::ones((1, 1, 3, 4), DType::F64, &Device::Cpu).unwrap();
    let check = |f: &dyn Fn(&Tensor) -> Result<Tensor>, x: &Tensor, expected: &[f64]| {
        let y = f(x).unwrap();
        let found = gradient(&f, x, &y.ones_like().unwrap());
        assert_eq!(values(&found), expected);
    };
    // Windows that begin at columns 0 and 2, or overlap in columns 1 and 2.
    let halves = MaxPool2d {
        kernel: (3, 2),
        ..MaxPool2d::new(3, 2, 0)
    };
    check(
        &|x| halves.forward(x),
        &ones,
        &[1., 0., 1., 0., 0., 0., 0., 0., 0., 0., 0., 0.],
    );
    let overlapping = MaxPool2d {
        kernel: (2, 3),
        ..MaxPool2d::new(3, 1, 0)
    };
    check(
        &|x| overlapping.forward(x),
        &ones,
        &[1., 1., 0., 0., 1., 1., 0., 0., 0., 0., 0., 0.],
    );
    let padded = MaxPool2d::new(3, 2, 1);
    check(
        &|x| padded.forward(x),
        &ones,
        &[1., 1., 0., 0., 1., 1., 0., 0., 0., 0., 0., 0.],
    );
    let adaptive = AdaptiveMaxPool2d { output: (2, 3) };
    check(
        &|x| adaptive.forward(x),
        &ones,
        &[1., 1., 1., 0., 1., 1., 1., 0., 0., 0., 0., 0.],
    );
    // The last NaN wins, and a plane of only -∞ still has a first position.
    let rows = Tensor::new(&[[[[1.0, f64::NAN, 2.0, f64::NAN, 3.0]]]], &Device::Cpu).unwrap();
    check(
        &|x| AdaptiveMaxPool2d::new(1).forward(x),
        &rows,
        &[0., 0., 0., 1., 0.],
    );
    let low = Tensor::full(f64::NEG_INFINITY, (1, 1, 1, 3), &Device::Cpu).unwrap();
    check(
        &|x| AdaptiveMaxPool2d::new(1).forward(x),
        &low,
        &[1., 0., 0.],
    );
}

#[test]
fn batch_norm() {
    let c = 5;
    let norm = |x: &Tensor| {
        let parameter = |seed| random(seed, &[c]).to_dtype(x.dtype());
        let variance = (parameter(9)? + 1.5)?;
        BatchNorm::new(parameter(6)?, parameter(7)?, parameter(8)?, variance, 1e-3)?.forward(x)
    };
    assert_gradient(norm, &random(10, &[2, c, 3, 5]));
    assert_gradient(norm, &random(11, &[3, c, 1, 1]));
    assert_gradient(norm, &random(12, &[3, c]));
}

#[test]
fn layer_norm() {
    let norm = |axis: Axis, c: usize| {
        move |x: &Tensor| {
            let parameter = |seed| random(seed, &[c]).to_dtype(x.dtype());
            LayerNorm {
                weight: parameter(13)?,
                bias: parameter(14)?,
                eps: 1e-2,
                axis,
            }
            .forward(x)
        }
    };
    for shape in [&[7][..], &[3, 5], &[2, 3, 2, 19]] {
        assert_gradient(norm(Axis::Last, shape[shape.len() - 1]), &random(15, shape));
    }
    // More channels than one block of the sum, more positions than one task.
    assert_gradient(norm(Axis::Channel, 35), &random(16, &[2, 35, 1, 3]));
    assert_gradient(norm(Axis::Channel, 2), &random(17, &[1, 2, 15, 19]));
}

#[test]
fn softmaxes() {
    for dim in 0..3 {
        assert_gradient(|x| softmax(x, dim), &random(18, &[3, 4, 5]));
        assert_gradient(|x| log_softmax(x, dim), &random(19, &[3, 4, 5]));
    }
    assert_gradient(|x| softmax(&(x * 5.0)?, 0), &random(20, &[37]));
}

#[test]
fn resizes() {
    for (shape, size) in [
        ([1, 2, 3, 5], (7, 11)),
        ([2, 1, 7, 4], (3, 9)),
        ([1, 1, 6, 6], (12, 12)),
        ([1, 1, 1, 3], (4, 1)),
        ([1, 1, 5, 5], (5, 5)),
    ] {
        for (mode, align_corners) in [
            (ResizeMode::Nearest, false),
            (ResizeMode::Bilinear, false),
            (ResizeMode::Bilinear, true),
            (ResizeMode::Bicubic, false),
            (ResizeMode::Bicubic, true),
        ] {
            assert_gradient(
                |x| resize(x, size, mode, align_corners),
                &random(21, &shape),
            );
        }
    }
}

/// Makes a convolution of stride and dilation 1, in the element type of `x`; the weight is `(out, in / groups, kh, kw)`.
fn conv(weight: [usize; 4], groups: usize, padding: Padding, x: &Tensor) -> Result<Conv2d> {
    moving(
        weight,
        x,
        ConvOptions {
            groups,
            padding,
            ..ConvOptions::default()
        },
    )
}

/// As [`conv`], with all options.
fn moving(weight: [usize; 4], x: &Tensor, options: ConvOptions) -> Result<Conv2d> {
    let bias = random(23, &weight[..1]).to_dtype(x.dtype())?;
    let weight = random(22, &weight).to_dtype(x.dtype())?;
    Ok(Conv2d::new(weight, Some(bias), options))
}

#[test]
fn conv2d() {
    let skewed = Padding::Explicit {
        top: 2,
        bottom: 0,
        left: 1,
        right: 4,
    };
    for (weight, groups, shape) in [
        ([4, 3, 3, 3], 1, [2, 3, 7, 5]),
        ([3, 2, 1, 1], 1, [2, 2, 5, 3]),
        ([5, 2, 2, 4], 1, [1, 2, 6, 9]),
        // Several groups; depthwise; depthwise with a multiplier.
        ([6, 2, 3, 2], 2, [1, 4, 5, 7]),
        ([3, 1, 3, 3], 3, [2, 3, 5, 6]),
        ([6, 1, 2, 3], 2, [1, 2, 7, 6]),
    ] {
        for padding in [Padding::all(0), Padding::all(1), skewed, Padding::Same] {
            for (stride, dilation) in [
                ((1, 1), (1, 1)),
                ((2, 2), (1, 1)),
                ((3, 1), (1, 2)),
                ((1, 2), (2, 1)),
            ] {
                let f = |x: &Tensor| {
                    let options = ConvOptions {
                        stride,
                        padding,
                        dilation,
                        groups,
                    };
                    moving(weight, x, options)?.forward(x)
                };
                assert_gradient(f, &random(24, &shape));
            }
        }
    }
    // A view, and strides that leave rows and columns out.
    let f = |x: &Tensor| {
        let sparse = ConvOptions {
            stride: (3, 2),
            ..ConvOptions::default()
        };
        moving([2, 3, 1, 1], x, sparse)?.forward(&x.transpose(2, 3)?)
    };
    assert_gradient(f, &random(25, &[1, 3, 4, 7]));
}

/// Covers more channels than one task of the gradient takes; each sums over all output channels.
#[test]
fn conv2d_with_many_channels() {
    for (weight, groups) in [([9, 37, 3, 3], 1), ([6, 21, 1, 1], 1), ([10, 11, 2, 2], 2)] {
        let f = |x: &Tensor| conv(weight, groups, Padding::Same, x)?.forward(x);
        assert_gradient(f, &random(26, &[1, weight[1] * groups, 4, 3]));
    }
}

#[test]
fn linear() {
    for shape in [&[7][..], &[3, 5], &[2, 3, 4], &[2, 1100]] {
        let f = |x: &Tensor| {
            let inputs = x.dim(x.rank() - 1)?;
            let layer = Linear::new(
                random(27, &[6, inputs]).to_dtype(x.dtype())?,
                Some(random(28, &[6]).to_dtype(x.dtype())?),
            );
            layer.forward(x)
        };
        assert_gradient(f, &random(29, shape));
    }
}

/// Checks that a recorded gradient goes through the parts of a group, which is one kernel in inference.
#[test]
fn groups() {
    let group = |x: &Tensor, weight: [usize; 4], activation: Option<Activation>| {
        let parameter = |seed| random(seed, &weight[..1]).to_dtype(x.dtype());
        let variance = (parameter(30)? + 1.5)?;
        let norm = BatchNorm::new(
            parameter(31)?,
            parameter(32)?,
            parameter(33)?,
            variance,
            1e-3,
        )?;
        let group = ConvNormAct::new(
            (vec![], conv(weight, 1, Padding::Same, x)?),
            Some((vec![], norm)),
            activation.map(|f| (vec![], f)),
        )?;
        Result::Ok(Module::unnamed(Kind::Conv(Box::new(group))))
    };
    for f in [Activation::Silu, Activation::Relu] {
        for closing in [None, Some((vec![], f))] {
            let run = |x: &Tensor| {
                let residual = Kind::Residual {
                    branch: vec![
                        group(x, [5, 3, 1, 1], Some(f))?,
                        group(x, [4, 5, 3, 3], None)?,
                    ],
                    shortcut: vec![group(x, [4, 3, 1, 1], None)?],
                    activation: closing.clone(),
                };
                let modules = vec![Module::unnamed(residual), group(x, [2, 4, 3, 1], Some(f))?];
                ModuleTree::new(modules, &Weights::skeleton()).forward(x, &mut ())
            };
            assert_gradient(run, &random(34, &[2, 3, 4, 5]));
        }
    }
}
