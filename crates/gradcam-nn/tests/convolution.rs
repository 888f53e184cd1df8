//! Convolutions and fully connected layers against loops over their definition.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod numbers;

use candle_core::{DType, Device, Result, Tensor, Var};
use gradcam_nn::ops::{Conv2d, ConvOptions, Linear, Padding};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use numbers::splitmix64;

/// Runs `test` on `cases` random cases, the same in every run.
fn check<S: Strategy>(
    cases: u32,
    strategy: S,
    test: impl Fn(S::Value) -> std::result::Result<(), TestCaseError>,
) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
        .run(&strategy, test)
        .unwrap_or_else(|error| panic!("{error}"));
}

/// Returns reproducible numbers between -1 and 1.
fn noise(seed: u64, n: usize) -> Vec<f64> {
    let mut next = splitmix64(seed);
    (0..n)
        .map(|_| (next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
        .collect()
}

fn random(seed: u64, shape: &[usize], dtype: DType) -> Tensor {
    Tensor::from_vec(noise(seed, shape.iter().product()), shape, &Device::Cpu)
        .unwrap()
        .to_dtype(dtype)
        .unwrap()
}

fn values(x: &Tensor) -> Vec<f64> {
    let x = x.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
    x.to_vec1().unwrap()
}

/// Returns the values bit by bit; widening to `f64` keeps every bit.
fn bits(x: &Tensor) -> Vec<u64> {
    values(x).into_iter().map(f64::to_bits).collect()
}

/// A sum of products, and the sum of their magnitudes, which bounds its rounding error.
#[derive(Clone, Copy, Default)]
struct Sum {
    value: f64,
    magnitude: f64,
}

impl Sum {
    fn add(&mut self, term: f64) {
        self.value += term;
        self.magnitude += term.abs();
    }
}

/// Reports the first value of `found` that sums of `terms` terms, in any order, could not give. The bound is twice the classic one for
/// a sum of products, since the expected sum is rounded too (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section
/// 3.1).
fn differs(found: &Tensor, expected: &[Sum], terms: usize) -> Option<String> {
    let unit = match found.dtype() {
        DType::F32 => f64::from(f32::EPSILON) / 2.0,
        _ => f64::EPSILON / 2.0,
    };
    let found = values(found);
    assert_eq!(found.len(), expected.len());
    found
        .iter()
        .zip(expected)
        .enumerate()
        .find_map(|(i, (&y, sum))| {
            let bound = 2.0 * (terms + 2) as f64 * unit * sum.magnitude;
            let close = (y - sum.value).abs() <= bound;
            (!close).then(|| format!("at {i}: found {y}, expected {} ± {bound:e}", sum.value))
        })
}

/// One axis of a convolution: its sizes, and the zeros before and after the input.
#[derive(Clone, Copy)]
struct Line {
    size: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    zeros: (usize, usize),
}

impl Line {
    fn new(conv: &Conv2d, axis: usize, size: usize) -> Self {
        let pick = |pair: (usize, usize)| if axis == 0 { pair.0 } else { pair.1 };
        let kernel = conv.weight().dim(2 + axis).unwrap();
        let (stride, dilation) = (pick(conv.options().stride), pick(conv.options().dilation));
        let zeros = match conv.options().padding {
            Padding::Explicit {
                top,
                bottom,
                left,
                right,
            } => [(top, bottom), (left, right)][axis],
            // As in TensorFlow's documentation of `tf.nn.convolution`.
            Padding::Same => {
                let outputs = size.div_ceil(stride) as i64;
                let reach = (dilation * (kernel - 1) + 1) as i64;
                let needed = (outputs - 1) * stride as i64 + reach - size as i64;
                let needed = needed.max(0) as usize;
                (needed / 2, needed - needed / 2)
            }
        };
        Line {
            size,
            kernel,
            stride,
            dilation,
            zeros,
        }
    }

    /// Counts the positions at which the kernel is inside the padded input.
    fn outputs(&self) -> usize {
        let padded = self.zeros.0 + self.size + self.zeros.1;
        (0..padded)
            .step_by(self.stride)
            .filter(|start| start + self.dilation * (self.kernel - 1) < padded)
            .count()
    }

    /// Returns the input position under a tap; `None` in the padding.
    fn input(&self, output: usize, tap: usize) -> Option<usize> {
        let padded = output * self.stride + tap * self.dilation;
        let position = padded.checked_sub(self.zeros.0)?;
        (position < self.size).then_some(position)
    }
}

/// Convolves by definition, with one loop for each index; `None` if the kernel fits nowhere.
fn naive(conv: &Conv2d, x: &Tensor) -> Option<([usize; 4], Vec<Sum>)> {
    let (n, inputs, height, width) = x.dims4().unwrap();
    let (outputs, group_in, kh, kw) = conv.weight().dims4().unwrap();
    let group_out = outputs / conv.options().groups;
    let (rows, columns) = (Line::new(conv, 0, height), Line::new(conv, 1, width));
    let (oh, ow) = (rows.outputs(), columns.outputs());
    if oh * ow == 0 {
        return None;
    }
    let (x, weight) = (values(x), values(conv.weight()));
    let bias = conv.bias().map(values);
    let mut sums = Vec::with_capacity(n * outputs * oh * ow);
    for image in 0..n {
        for output in 0..outputs {
            for oy in 0..oh {
                for ox in 0..ow {
                    let mut sum = Sum::default();
                    sum.add(bias.as_ref().map_or(0.0, |bias| bias[output]));
                    for c in 0..group_in {
                        let channel = image * inputs + output / group_out * group_in + c;
                        for ky in 0..kh {
                            for kx in 0..kw {
                                let (Some(y), Some(z)) =
                                    (rows.input(oy, ky), columns.input(ox, kx))
                                else {
                                    continue;
                                };
                                let tap = ((output * group_in + c) * kh + ky) * kw + kx;
                                sum.add(weight[tap] * x[(channel * height + y) * width + z]);
                            }
                        }
                    }
                    sums.push(sum);
                }
            }
        }
    }
    Some(([n, outputs, oh, ow], sums))
}

/// The numbers that define a convolution and its input.
#[derive(Debug, Clone)]
struct Case {
    n: usize,
    /// Groups, and the input and output channels of each.
    channels: (usize, usize, usize),
    size: (usize, usize),
    kernel: (usize, usize),
    stride: (usize, usize),
    dilation: (usize, usize),
    padding: Padding,
    bias: bool,
    dtype: DType,
    seed: u64,
}

/// Returns the convolution with other options.
fn with(conv: &Conv2d, change: impl Fn(ConvOptions) -> ConvOptions) -> Conv2d {
    let options = change(conv.options());
    Conv2d::new(conv.weight().clone(), conv.bias().cloned(), options)
}

impl Case {
    /// Returns a single `f32` image under a square kernel, with padding that keeps its size.
    fn new(channels: (usize, usize, usize), size: (usize, usize), kernel: usize) -> Self {
        Case {
            n: 1,
            channels,
            size,
            kernel: (kernel, kernel),
            stride: (1, 1),
            dilation: (1, 1),
            padding: Padding::all(kernel / 2),
            bias: true,
            dtype: DType::F32,
            seed: 1,
        }
    }

    fn conv(&self) -> Conv2d {
        let (groups, group_in, group_out) = self.channels;
        let outputs = groups * group_out;
        let shape = [outputs, group_in, self.kernel.0, self.kernel.1];
        Conv2d::new(
            random(self.seed, &shape, self.dtype),
            self.bias
                .then(|| random(self.seed ^ 1, &[outputs], self.dtype)),
            ConvOptions {
                stride: self.stride,
                padding: self.padding,
                dilation: self.dilation,
                groups,
            },
        )
    }

    fn input(&self) -> Tensor {
        let (groups, group_in, _) = self.channels;
        let shape = [self.n, groups * group_in, self.size.0, self.size.1];
        random(self.seed ^ 2, &shape, self.dtype)
    }

    /// Describes the error of the library's convolution, if any.
    fn fault(&self) -> Option<String> {
        let (conv, x) = (self.conv(), self.input());
        let (found, size) = (conv.forward(&x), conv.output_size(self.size));
        let Some((shape, sums)) = naive(&conv, &x) else {
            let message = "is larger than the padded input";
            return match (found, size) {
                (Err(a), Err(b))
                    if a.to_string().contains(message) && b.to_string().contains(message) =>
                {
                    None
                }
                other => Some(format!("a kernel that fits nowhere gives {other:?}")),
            };
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => return Some(format!("refused: {error}")),
        };
        if found.dims() != shape || found.dtype() != self.dtype {
            return Some(format!("shape {:?}, expected {shape:?}", found.shape()));
        }
        match size {
            Ok(size) if size == (shape[2], shape[3]) => {}
            other => return Some(format!("`output_size` is {other:?} for {shape:?}")),
        }
        if self.padding == Padding::Same {
            let kept =
                |axis: usize, stride: usize| shape[2 + axis] == x.dims()[2 + axis].div_ceil(stride);
            if !kept(0, self.stride.0) || !kept(1, self.stride.1) {
                return Some(format!("`same` padding gives {shape:?}"));
            }
        }
        let terms = self.channels.1 * self.kernel.0 * self.kernel.1 + 1;
        differs(&found, &sums, terms)
    }
}

fn channels() -> impl Strategy<Value = (usize, usize, usize)> {
    prop_oneof![
        // One group; several; depthwise; depthwise with a multiplier.
        (Just(1), 1..10usize, 1..20usize),
        (2..5usize, 2..6usize, 1..6usize),
        (2..12usize, Just(1), Just(1)),
        (2..7usize, Just(1), 2..4usize),
    ]
}

fn padding() -> impl Strategy<Value = Padding> {
    prop_oneof![
        1 => Just(Padding::all(0)),
        1 => (0..4usize, 0..4usize).prop_map(|(rows, columns)| Padding::symmetric(rows, columns)),
        // Up to more zeros than the kernel has taps.
        2 => [0..7usize, 0..7, 0..7, 0..7].prop_map(|[top, bottom, left, right]| Padding::Explicit {
            top,
            bottom,
            left,
            right,
        }),
        2 => Just(Padding::Same),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    let pair = |range: std::ops::Range<usize>| (range.clone(), range);
    let sizes = (pair(1..21), pair(1..6), pair(1..4), pair(1..4));
    let dtype = prop_oneof![Just(DType::F32), Just(DType::F64)];
    let rest = (padding(), any::<bool>(), dtype, any::<u64>());
    (1..4usize, channels(), sizes, rest).prop_map(|(n, channels, sizes, rest)| Case {
        n,
        channels,
        size: sizes.0,
        kernel: sizes.1,
        stride: sizes.2,
        dilation: sizes.3,
        padding: rest.0,
        bias: rest.1,
        dtype: rest.2,
        seed: rest.3,
    })
}

#[test]
fn convolution_is_its_definition() {
    check(1500, cases(), |case| match case.fault() {
        None => Ok(()),
        Some(fault) => Err(TestCaseError::fail(fault)),
    });
}

/// Lists sizes beyond one tile of the matrix product, in channels and positions, and beyond one task of the direct kernel.
fn large() -> Vec<Case> {
    let twice = |case: Case| Case { n: 2, ..case };
    let same = |case: Case| Case {
        padding: Padding::Same,
        stride: (2, 2),
        ..case
    };
    vec![
        twice(Case::new((1, 64, 96), (30, 31), 3)),
        Case::new((1, 300, 130), (7, 7), 3),
        twice(Case::new((1, 300, 300), (7, 7), 1)),
        Case::new((1, 3, 40), (67, 61), 7),
        same(Case::new((1, 48, 70), (33, 28), 5)),
        Case {
            dtype: DType::F64,
            dilation: (2, 3),
            ..Case::new((1, 64, 33), (30, 31), 3)
        },
        twice(Case::new((4, 40, 36), (29, 23), 3)),
        twice(Case::new((70, 1, 1), (41, 37), 3)),
        same(twice(Case::new((20, 1, 3), (41, 37), 5))),
        Case::new((96, 1, 1), (19, 50), 7),
    ]
}

#[test]
fn large_convolutions_are_their_definition() {
    for case in large() {
        assert_eq!(case.fault(), None, "{case:?}");
    }
}

/// Lists sizes for which a shortcut could be taken wrongly.
fn edges() -> Vec<Case> {
    let explicit = |top, bottom, left, right| Padding::Explicit {
        top,
        bottom,
        left,
        right,
    };
    let case = Case::new((1, 2, 3), (1, 2), 1);
    vec![
        // A kernel as large as the map, but with taps further apart.
        Case {
            kernel: (1, 2),
            stride: (1, 2),
            dilation: (1, 2),
            padding: Padding::Same,
            ..case.clone()
        },
        Case {
            size: (3, 3),
            kernel: (3, 3),
            dilation: (2, 2),
            padding: explicit(0, 2, 0, 2),
            ..case.clone()
        },
        // A kernel as large as the map, with several images.
        Case {
            n: 3,
            size: (3, 4),
            kernel: (3, 4),
            padding: Padding::all(0),
            ..case.clone()
        },
        // More zeros on the left than positions read.
        Case {
            size: (1, 1),
            kernel: (1, 2),
            stride: (1, 3),
            padding: explicit(0, 0, 3, 0),
            ..case.clone()
        },
        // Only zeros.
        Case {
            channels: (2, 1, 1),
            size: (1, 0),
            kernel: (1, 1),
            padding: explicit(0, 0, 1, 0),
            ..case
        },
    ]
}

#[test]
fn convolutions_at_the_edge_are_their_definition() {
    for case in edges() {
        assert_eq!(case.fault(), None, "{case:?}");
    }
}

#[test]
fn a_batch_gives_what_its_images_give_alone() {
    let single_images = |case: &Case| {
        let (conv, x) = (case.conv(), case.input());
        let batch = conv.forward(&x).unwrap();
        for image in 0..case.n {
            let alone = conv.forward(&x.narrow(0, image, 1).unwrap()).unwrap();
            assert_eq!(
                bits(&alone),
                bits(&batch.narrow(0, image, 1).unwrap()),
                "{case:?}"
            );
        }
    };
    for case in large() {
        single_images(&Case { n: 3, ..case });
    }
    check(100, cases(), |case| {
        if case.conv().forward(&case.input()).is_ok() {
            single_images(&case);
        }
        Ok(())
    });
    for (inputs, outputs) in [(1, 1), (37, 5), (1000, 70)] {
        let layer = linear(DType::F32, inputs, outputs, true);
        let x = random(5, &[7, inputs], DType::F32);
        let batch = layer.forward(&x).unwrap();
        for row in 0..7 {
            let alone = layer.forward(&x.get(row).unwrap()).unwrap();
            assert_eq!(bits(&alone), bits(&batch.get(row).unwrap()));
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let gradient = |f: &dyn Fn(&Tensor) -> Result<Tensor>, x: &Tensor| {
        let x = Var::from_tensor(x).unwrap();
        let y = f(&x).unwrap();
        let score = y.sqr().unwrap().sum_all().unwrap();
        [
            bits(&y),
            bits(&score.backward().unwrap().remove(&x).unwrap()),
        ]
    };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut results = Vec::new();
            for case in large() {
                let conv = case.conv();
                results.extend(gradient(&|x| conv.forward(x), &case.input()));
            }
            let layer = linear(DType::F32, 2500, 300, true);
            let x = random(6, &[3, 2500], DType::F32);
            results.extend(gradient(&|x| layer.forward(x), &x));
            results
        })
    };
    let one = run(1);
    assert!(one == run(2), "two threads give something else than one");
    assert!(one == run(4), "four threads give something else than one");
}

#[test]
fn strided_views_are_read_right() {
    let case = Case {
        n: 2,
        ..Case::new((1, 3, 4), (9, 7), 3)
    };
    let (conv, x) = (case.conv(), case.input());
    let view = x.transpose(2, 3).unwrap();
    let expected = conv.forward(&view.contiguous().unwrap()).unwrap();
    assert_eq!(bits(&conv.forward(&view).unwrap()), bits(&expected));
    let part = x.narrow(0, 1, 1).unwrap();
    let (_, sums) = naive(&conv, &part).unwrap();
    assert_eq!(differs(&conv.forward(&part).unwrap(), &sums, 28), None);
}

fn linear(dtype: DType, inputs: usize, outputs: usize, bias: bool) -> Linear {
    Linear::new(
        random(7, &[outputs, inputs], dtype),
        bias.then(|| random(8, &[outputs], dtype)),
    )
}

#[test]
fn linear_is_its_definition() {
    let dtype = prop_oneof![Just(DType::F32), Just(DType::F64)];
    // Up to three dimensions before the inputs.
    let dims = prop::collection::vec(1..5usize, 0..4);
    let strategy = (dims, 1..120usize, 1..40usize, any::<bool>(), dtype);
    check(300, strategy, |(mut dims, inputs, outputs, bias, dtype)| {
        let layer = linear(dtype, inputs, outputs, bias);
        dims.push(inputs);
        let x = random(9, &dims, dtype);
        let found = layer.forward(&x).unwrap();
        dims.pop();
        dims.push(outputs);
        prop_assert_eq!(found.dims(), &dims[..]);
        let (x, weight) = (values(&x), values(layer.weight()));
        let bias = layer.bias().map(values);
        let mut sums = Vec::new();
        for x in x.chunks(inputs) {
            for (output, weight) in weight.chunks(inputs).enumerate() {
                let mut sum = Sum::default();
                sum.add(bias.as_ref().map_or(0.0, |bias| bias[output]));
                for (x, w) in x.iter().zip(weight) {
                    sum.add(x * w);
                }
                sums.push(sum);
            }
        }
        prop_assert_eq!(differs(&found, &sums, inputs + 1), None);
        Ok(())
    });
}

#[test]
fn bad_arguments_are_refused() {
    let refused = |result: Result<Tensor>, reason: &str| {
        let error = result.expect_err("bad input was accepted").to_string();
        assert!(error.contains(reason), "`{error}` does not say `{reason}`");
    };
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let conv = Case::new((2, 3, 4), (8, 8), 3).conv();
    let x = zeros(&[1, 6, 8, 8]);
    assert!(conv.forward(&x).is_ok());
    refused(
        conv.forward(&zeros(&[6, 8, 8])),
        "(n, channels, height, width), found [6, 8, 8]",
    );
    refused(
        conv.forward(&zeros(&[1, 5, 8, 8])),
        "expects 6 input channels (weight [8, 3, 3, 3], 2 groups), found 5",
    );
    refused(conv.forward(&x.to_dtype(DType::U8).unwrap()), "f32 and f64");
    // A weight of another type than the input.
    assert!(conv.forward(&x.to_dtype(DType::F64).unwrap()).is_err());
    let narrow = Padding::all(0);
    refused(
        with(&conv, |o| ConvOptions {
            padding: narrow,
            dilation: (1, 4),
            ..o
        })
        .forward(&x),
        "dilated kernel (9) is larger than the padded input (8)",
    );
    for (stride, dilation, groups) in [
        ((0, 1), (1, 1), 2),
        ((1, 0), (1, 1), 2),
        ((1, 1), (0, 1), 2),
        ((1, 1), (1, 0), 2),
        ((1, 1), (1, 1), 0),
    ] {
        for padding in [narrow, Padding::Same] {
            let conv = with(&conv, |_| ConvOptions {
                stride,
                padding,
                dilation,
                groups,
            });
            refused(conv.forward(&x), "at least 1");
        }
    }
    // Eight output channels do not divide into three groups.
    let conv = with(&conv, |o| ConvOptions { groups: 3, ..o });
    assert!(conv.forward(&zeros(&[1, 9, 8, 8])).is_err());
    let halves = ConvOptions {
        groups: 2,
        ..conv.options()
    };
    let long = Conv2d::new(conv.weight().clone(), Some(zeros(&[7])), halves);
    refused(long.forward(&x), "bias");
    for (weight, channels) in [([0, 3, 1, 1], 3), ([5, 0, 3, 3], 0), ([5, 0, 1, 1], 0)] {
        let none = Conv2d::new(zeros(&weight), None, ConvOptions::default());
        refused(none.forward(&zeros(&[1, channels, 3, 3])), "needs channels");
    }
    let flat = Conv2d::new(zeros(&[8, 3, 3]), None, conv.options());
    assert!(flat.forward(&x).is_err());

    let layer = linear(DType::F32, 5, 3, true);
    refused(
        layer.forward(&zeros(&[2, 4])),
        "expects 5 inputs, found the shape [2, 4]",
    );
    refused(layer.forward(&zeros(&[])), "expects 5 inputs");
    let empty = Linear::new(zeros(&[3, 0]), None);
    refused(empty.forward(&zeros(&[2, 0])), "found a weight of [3, 0]");
    let short = Linear::new(layer.weight().clone(), Some(zeros(&[2])));
    refused(short.forward(&zeros(&[2, 5])), "bias");
}
