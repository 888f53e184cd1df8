//! Linear maps of one input: their values, their adjoints, and their gradients by the tape and by candle's graph.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod numbers;

use std::sync::Arc;

use candle_core::{DType, Device, Tensor, Var};
use gradcam_nn::ops::{
    AdaptiveAvgPool2d, AvgPool2d, ConvOptions, ConvTranspose2d, LinearMap, Padding, Rearrange,
    Reduce, Resize, ResizeMode, Taps,
};
use gradcam_nn::{Op, Pass, Tape};

use numbers::splitmix64;

/// Returns reproducible numbers between -1 and 1.
fn random(seed: u64, shape: &[usize]) -> Tensor {
    let mut next = splitmix64(seed);
    let values: Vec<f64> = (0..shape.iter().product())
        .map(|_| (next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn values(x: &Tensor) -> Vec<f64> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

/// Returns the inner product.
fn dot(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    values(a).iter().zip(values(b)).map(|(a, b)| a * b).sum()
}

fn assert_close(found: &Tensor, expected: &Tensor) {
    assert_eq!(found.dims(), expected.dims());
    for (a, b) in values(found).iter().zip(values(expected)) {
        assert!((a - b).abs() < 1e-12, "found {a}, expected {b}");
    }
}

/// Lists maps, each with the shape of an input.
fn maps() -> Vec<(LinearMap, Vec<usize>)> {
    let moves = [
        (Rearrange::Tokens, vec![2, 3, 4, 5]),
        (
            Rearrange::Map {
                rows: 4,
                columns: 5,
            },
            vec![2, 20, 3],
        ),
        (heads(1, 3, 2), vec![2, 5, 12]),
        (heads(0, 1, 3), vec![1, 4, 6]),
        (Rearrange::JoinHeads, vec![2, 3, 4, 5]),
        (Rearrange::Transpose, vec![2, 3, 4]),
        (windows(2, (0, 0)), vec![2, 3, 4, 6]),
        (windows(3, (1, 2)), vec![1, 2, 7, 4]),
        (join(7, 4, 3, (1, 2)), vec![2 * 6, 9, 2]),
        (join(4, 6, 2, (1, 1)), vec![6, 4, 1]),
        (Rearrange::Merge, vec![2, 3, 4, 6]),
        (Rearrange::Merge, vec![1, 2, 5, 3]),
    ];
    let slice = |dim, start, len, step| LinearMap::Slice {
        dim,
        start,
        len,
        step,
    };
    let resize = |size, mode, align_corners| {
        LinearMap::Resize(Resize {
            size,
            mode,
            align_corners,
        })
    };
    let reduce = |dims: &[usize], mean, keep| {
        LinearMap::Reduce(Reduce {
            dims: dims.to_vec(),
            mean,
            keep,
        })
    };
    let partial = AvgPool2d {
        ceil_mode: true,
        count_include_pad: false,
        ..AvgPool2d::new(3, 2, 1)
    };
    let interpolate = |dim, input, each: &[&[(usize, f64)]]| {
        let each = each.iter().map(|taps| taps.to_vec()).collect();
        let taps = Arc::new(Taps::new(input, each).unwrap());
        LinearMap::Interpolate { dim, taps }
    };
    let third: &[(usize, f64)] = &[(0, 0.25), (2, 0.75), (2, -0.5)];
    let mut maps = vec![
        (LinearMap::Reshape(vec![2, 4, 3]), vec![2, 3, 4]),
        (LinearMap::Reshape(vec![6, 1, 4]), vec![2, 3, 4]),
        (LinearMap::Reshape(vec![24]), vec![2, 3, 4]),
        (
            interpolate(1, 3, &[third, &[], &[(1, 2.0)], third]),
            vec![2, 3, 4],
        ),
        (interpolate(2, 4, &[&[(3, 1.0)], third]), vec![2, 3, 4]),
        (interpolate(0, 3, &[third]), vec![3]),
        (LinearMap::Contiguous, vec![2, 3]),
        (LinearMap::Flatten, vec![2, 3, 4, 2]),
        (LinearMap::Permute(vec![0, 2, 3, 1]), vec![2, 3, 4, 5]),
        (LinearMap::Permute(vec![0, 1]), vec![2, 3]),
        (LinearMap::narrow(1, 1, 2), vec![2, 4, 3]),
        (LinearMap::narrow(0, 0, 2), vec![2, 3]),
        (slice(2, 1, 3, 2), vec![2, 3, 7]),
        (slice(1, 0, 2, 3), vec![2, 4, 2]),
        (slice(1, 0, 2, 3), vec![2, 9, 2]),
        (slice(1, 3, 1, 5), vec![2, 4]),
        (slice(1, 3, 1, usize::MAX), vec![2, 4]),
        (LinearMap::Select { dim: 1, index: 2 }, vec![2, 4, 3]),
        (LinearMap::Select { dim: 2, index: 0 }, vec![2, 4, 3]),
        (take(1, &[3, 0, 3, 3, 1]), vec![2, 4, 3]),
        (take(2, &[2, 1]), vec![2, 4, 3]),
        (take(1, &[0]), vec![2, 1]),
        (take(0, &[0, 1]), vec![2, 3]),
        (LinearMap::Pad(vec![(0, 0), (1, 2), (0, 1)]), vec![2, 3, 4]),
        (LinearMap::Expand(vec![3, 4]), vec![2, 1, 4]),
        (LinearMap::Expand(vec![3, 2]), vec![2, 1, 1]),
        (LinearMap::AvgPool(partial), vec![1, 2, 7, 6]),
        (
            LinearMap::AdaptiveAvgPool(AdaptiveAvgPool2d { output: (3, 2) }),
            vec![2, 2, 7, 5],
        ),
        (resize((5, 9), ResizeMode::Nearest, false), vec![2, 2, 4, 3]),
        (resize((5, 2), ResizeMode::Bilinear, true), vec![2, 2, 4, 3]),
        (resize((7, 5), ResizeMode::Bicubic, false), vec![1, 2, 4, 3]),
        (reduce(&[1], false, false), vec![2, 3, 4]),
        (reduce(&[3, 2], true, false), vec![2, 3, 4, 5]),
        (reduce(&[1, 2], true, true), vec![2, 3, 4]),
        (reduce(&[], true, false), vec![2, 3]),
    ];
    let strided = ConvOptions {
        stride: (2, 3),
        padding: Padding::all(1),
        ..ConvOptions::default()
    };
    let grouped = ConvOptions {
        dilation: (2, 1),
        groups: 2,
        ..ConvOptions::default()
    };
    maps.push((transposed([3, 2, 3, 3], strided, (1, 0)), vec![2, 3, 4, 3]));
    maps.push((transposed([3, 2, 3, 3], strided, (0, 2)), vec![1, 3, 1, 2]));
    maps.push((transposed([4, 3, 2, 3], grouped, (0, 0)), vec![2, 4, 3, 5]));
    maps.extend(moves.map(|(op, shape)| (LinearMap::Rearrange(op), shape)));
    maps
}

fn take(dim: usize, indices: &[usize]) -> LinearMap {
    LinearMap::Take {
        dim,
        indices: indices.to_vec(),
    }
}

fn transposed(weight: [usize; 4], options: ConvOptions, more: (usize, usize)) -> LinearMap {
    LinearMap::ConvTranspose(ConvTranspose2d::new(random(8, &weight), options, more))
}

fn windows(size: usize, shift: (usize, usize)) -> Rearrange {
    Rearrange::Windows { size, shift }
}

fn join(rows: usize, columns: usize, size: usize, shift: (usize, usize)) -> Rearrange {
    Rearrange::JoinWindows {
        rows,
        columns,
        size,
        shift,
    }
}

fn heads(part: usize, parts: usize, heads: usize) -> Rearrange {
    Rearrange::Heads { part, parts, heads }
}

/// Checks `⟨A x, y⟩ = ⟨x, Aᵀ y⟩`, which defines the adjoint, and that `A` is linear.
#[test]
fn adjoints_are_those_of_the_maps() {
    for (map, shape) in maps() {
        let (x, other) = (random(1, &shape), random(2, &shape));
        let image = map.forward(&x).unwrap();
        assert_eq!(map.output_dims(&shape).unwrap(), image.dims(), "{map:?}");
        let y = random(3, image.dims());
        let back = map.adjoint(&shape, &y).unwrap();
        assert_eq!(back.dims(), shape, "{map:?}");
        let (forwards, backwards) = (dot(&image, &y), dot(&x, &back));
        assert!(forwards != 0.0, "{map:?}");
        assert!((forwards - backwards).abs() < 1e-12, "{map:?}");
        let sum = map.forward(&(&x + &other).unwrap()).unwrap();
        assert_close(&sum, &(image + map.forward(&other).unwrap()).unwrap());
        // In single precision too, except for weights, which are double here.
        if !matches!(map, LinearMap::ConvTranspose(_)) {
            let single = map.forward(&x.to_dtype(DType::F32).unwrap()).unwrap();
            assert_eq!(single.dtype(), DType::F32);
        }
    }
}

/// Checks `mixes` against the gradient: whether an output sums several inputs.
#[test]
fn maps_that_mix_are_known() {
    for (map, shape) in maps() {
        let x = random(4, &shape);
        let y = map.forward(&x).unwrap();
        let len = y.elem_count();
        let most = (0..len).map(|i| {
            let mut one = vec![0.0; len];
            one[i] = 1.0;
            let one = Tensor::from_vec(one, y.dims(), &Device::Cpu).unwrap();
            let row = values(&map.adjoint(&shape, &one).unwrap());
            if !map.mixes() {
                assert!(row.iter().all(|v| [0.0, 1.0].contains(v)), "{map:?}");
            }
            row.iter().filter(|v| **v != 0.0).count()
        });
        let most = most.max().unwrap();
        assert!(map.mixes() || most == 1, "{map:?}: {most}");
    }
}

#[test]
fn the_tape_and_the_graph_take_the_same_gradient() {
    for (map, shape) in maps() {
        let x = random(5, &shape);
        let variable = Var::from_tensor(&x).unwrap();
        let y = map.forward(&variable).unwrap();
        let grad = random(6, y.dims());
        let loss = (y * &grad).unwrap().sum_all().unwrap();
        let graph = loss.backward().unwrap();
        let expected = graph.get(&variable).expect("the map cuts the graph");

        let mut tape = Tape::new(&x);
        let y = tape.operation(Op::LinearMap(&map), &[&x]).unwrap();
        let found = tape.backward(&y, grad, &[&x]).unwrap().remove(0).unwrap();
        assert_close(&found, expected);
    }
}

/// Checks each map on numbers that encode their position.
#[test]
fn maps_are_their_definitions() {
    let x = Tensor::arange(0.0, 24.0, &Device::Cpu).unwrap();
    let x = x.reshape((2, 3, 4)).unwrap();
    let of = |map: LinearMap| values(&map.forward(&x).unwrap());
    let permuted = of(LinearMap::Permute(vec![0, 2, 1]));
    assert_eq!(permuted[..4], [0.0, 4.0, 8.0, 1.0]);
    let slice = LinearMap::Slice {
        dim: 2,
        start: 1,
        len: 2,
        step: 2,
    };
    assert_eq!(of(slice)[..4], [1.0, 3.0, 5.0, 7.0]);
    let select = of(LinearMap::Select { dim: 1, index: 2 });
    assert_eq!(select, [8.0, 9.0, 10.0, 11.0, 20.0, 21.0, 22.0, 23.0]);
    let taken = of(take(2, &[3, 0, 3]));
    assert_eq!(taken[..6], [3.0, 0.0, 3.0, 7.0, 4.0, 7.0]);
    let padded = of(LinearMap::Pad(vec![(0, 0), (0, 0), (1, 1)]));
    assert_eq!(padded[..7], [0.0, 0.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
    let reduce = |mean| Reduce {
        dims: vec![1],
        mean,
        keep: false,
    };
    assert_eq!(of(LinearMap::Reduce(reduce(false)))[..2], [12.0, 15.0]);
    assert_eq!(of(LinearMap::Reduce(reduce(true)))[..2], [4.0, 5.0]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let slice = |dim, start, len, step| LinearMap::Slice {
        dim,
        start,
        len,
        step,
    };
    let reduce = |dims: &[usize]| {
        LinearMap::Reduce(Reduce {
            dims: dims.to_vec(),
            mean: false,
            keep: false,
        })
    };
    let x = random(7, &[2, 5, 6]);
    for map in [
        LinearMap::Permute(vec![0, 1]),
        LinearMap::Permute(vec![0, 1, 1]),
        LinearMap::narrow(1, 4, 2),
        slice(1, 0, 3, 3),
        slice(3, 0, 1, 2),
        slice(1, 0, 2, 0),
        slice(1, usize::MAX, 2, 2),
        slice(1, 0, usize::MAX, 2),
        LinearMap::Select { dim: 1, index: 5 },
        LinearMap::Select { dim: 3, index: 0 },
        take(1, &[0, 5]),
        take(1, &[usize::MAX]),
        take(3, &[0]),
        take(1, &[]),
        LinearMap::Pad(vec![(0, 0), (1, 1)]),
        LinearMap::Expand(vec![6]),
        LinearMap::Expand(vec![5, 7]),
        reduce(&[3]),
        reduce(&[1, 1]),
        LinearMap::AvgPool(AvgPool2d::new(2, 2, 0)),
    ] {
        assert!(map.forward(&x).is_err(), "{map:?}");
        assert!(map.output_dims(x.dims()).is_err(), "{map:?}");
    }
    let x4 = random(8, &[1, 2, 3, 4]);
    for (size, align_corners) in [((0, 2), false), ((2, 2), true)] {
        let map = LinearMap::Resize(Resize {
            size,
            mode: ResizeMode::Nearest,
            align_corners,
        });
        assert!(map.forward(&x4).is_err(), "{map:?}");
        assert!(map.output_dims(x4.dims()).is_err(), "{map:?}");
    }
    // An output padding that the convolution would read, other channels, and padding that is not explicit.
    let same = ConvOptions {
        padding: Padding::Same,
        ..ConvOptions::default()
    };
    let x = random(7, &[1, 2, 3, 3]);
    for map in [
        transposed([2, 1, 3, 3], ConvOptions::default(), (1, 0)),
        transposed([3, 1, 3, 3], ConvOptions::default(), (0, 0)),
        transposed([2, 1, 3, 3], same, (0, 0)),
    ] {
        assert!(map.forward(&x).is_err(), "{map:?}");
    }
    let op = Op::LinearMap(&LinearMap::Flatten);
    let error = op.forward(&[&x, &x]).unwrap_err().to_string();
    assert!(error.contains("takes 1 input, found 2"), "{error}");
    assert!(Op::Add.forward(&[&x]).is_err());
}
