//! Building blocks of transformers: products, rearrangements, attention, embeddings. Gradients are checked against central differences
//! in `f64`.

#![allow(clippy::unwrap_used, missing_docs)]

mod numbers;

use candle_core::{DType, Device, Result, Tensor, Var};
use gradcam_nn::ops::{Conv2d, ConvOptions, Linear, Rearrange, matmul};
use gradcam_nn::{Attention, Embedding, Pass, Tape, WindowAttention};

use numbers::splitmix64;

fn random(seed: u64, shape: &[usize]) -> Tensor {
    let mut next = splitmix64(seed);
    let values: Vec<f64> = (0..shape.iter().product())
        .map(|_| (next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn values(x: &Tensor) -> Vec<f64> {
    let x = x.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
    x.to_vec1().unwrap()
}

fn assert_close(found: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(found.dims(), expected.dims());
    let (found, expected) = (values(found), values(expected));
    let scale = expected.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    assert!(scale > 0.0, "zeros prove nothing");
    for (i, (a, b)) in found.iter().zip(&expected).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * scale,
            "at {i}: {a}, expected {b}"
        );
    }
}

/// Checks the gradient of f's projection on a direction, by the tape and by candle's graph, against central differences.
fn assert_gradient(f: impl Fn(&Tensor, &mut dyn Pass) -> Result<Tensor>, x: &Tensor) {
    const STEP: f64 = 1e-5;
    let mut tape = Tape::new(x);
    let y = f(x, &mut tape).unwrap();
    let direction = random(99, y.dims());
    let by_tape = tape.backward(&y, direction.clone(), &[x]).unwrap();
    let by_tape = by_tape[0].clone().unwrap();
    let variable = Var::from_tensor(x).unwrap();
    let project = |x: &Tensor| (f(x, &mut ())? * &direction)?.sum_all();
    let graph = project(&variable).unwrap().backward().unwrap();
    let start = values(x);
    let differences: Vec<f64> = (0..start.len())
        .map(|i| {
            let at = |step| {
                let mut moved = start.clone();
                moved[i] += step;
                let moved = Tensor::from_vec(moved, x.dims(), &Device::Cpu).unwrap();
                project(&moved).unwrap().to_scalar::<f64>().unwrap()
            };
            (at(STEP) - at(-STEP)) / (2.0 * STEP)
        })
        .collect();
    let differences = Tensor::from_vec(differences, x.dims(), &Device::Cpu).unwrap();
    assert_close(&by_tape, &differences, 1e-6);
    assert_close(graph.get(&variable).unwrap(), &differences, 1e-6);
}

#[test]
fn matmul_is_candles() {
    for (a, b) in [
        (&[3, 4][..], &[4, 5][..]),
        (&[2, 3, 4], &[2, 4, 1]),
        (&[2, 3, 5, 7], &[2, 3, 7, 20]),
    ] {
        let (a, b) = (random(1, a), random(2, b));
        let expected = a.matmul(&b).unwrap();
        assert_close(&matmul(&a, &b).unwrap(), &expected, 1e-12);
        // Factors in another memory layout are read in place.
        let (a, b) = (
            a.t().unwrap().contiguous().unwrap().t().unwrap(),
            b.t().unwrap().contiguous().unwrap().t().unwrap(),
        );
        assert_close(&matmul(&a, &b).unwrap(), &expected, 1e-12);
        assert_gradient(|x, pass| pass.matmul(x, &b), &a);
        assert_gradient(|x, pass| pass.matmul(&a, x), &b);
    }
    let x = random(3, &[2, 4, 4]);
    assert_gradient(|x, pass| pass.matmul(x, x), &x);
    for (a, b) in [
        (&[2, 3][..], &[2, 3][..]),
        (&[2, 3, 3], &[3, 3, 3]),
        (&[2, 3, 3], &[3, 3]),
        (&[3], &[3]),
    ] {
        let error = matmul(&random(1, a), &random(2, b)).unwrap_err();
        assert!(error.to_string().contains("matmul expects"), "{error}");
    }
}

#[test]
fn softmax_has_a_gradient_on_the_tape() {
    assert_gradient(|x, pass| pass.softmax(x), &random(4, &[2, 3, 4, 5]));
    assert_gradient(|x, pass| pass.softmax(x), &random(5, &[7]));
}

#[test]
fn windows_come_back() {
    for (rows, columns, shift) in [(6, 6, (0, 0)), (7, 5, (1, 0)), (8, 9, (1, 2))] {
        let x = random(7, &[2, 4, rows, columns]);
        let size = 3;
        let windows = Rearrange::Windows { size, shift }.forward(&x).unwrap();
        let back = Rearrange::JoinWindows {
            rows,
            columns,
            size,
            shift,
        };
        assert_close(&back.forward(&windows).unwrap(), &x, 0.0);
    }
    // The first window of a shifted map begins at the shift.
    let x = Tensor::arange(0.0, 16.0, &Device::Cpu).unwrap();
    let x = x.reshape((1, 1, 4, 4)).unwrap();
    let cut = |size, shift| Rearrange::Windows { size, shift }.forward(&x).unwrap();
    assert_eq!(values(&cut(2, (0, 0)))[..4], [0.0, 1.0, 4.0, 5.0]);
    assert_eq!(values(&cut(2, (1, 1)))[..4], [5.0, 6.0, 9.0, 10.0]);
    assert_eq!(values(&cut(3, (0, 1)))[9..13], [0.0, 0.0, 0.0, 4.0]);
    // Swin's order: the left column first.
    let merged = values(&Rearrange::Merge.forward(&x).unwrap());
    assert_eq!(
        [merged[0], merged[4], merged[8], merged[12]],
        [0.0, 4.0, 1.0, 5.0]
    );
}

#[test]
fn what_cannot_be_rearranged_is_refused() {
    let x = random(8, &[2, 5, 6]);
    for op in [
        Rearrange::Tokens,
        Rearrange::Map {
            rows: 2,
            columns: 2,
        },
        Rearrange::Heads {
            part: 3,
            parts: 3,
            heads: 2,
        },
        Rearrange::Heads {
            part: 0,
            parts: 2,
            heads: 2,
        },
        Rearrange::JoinHeads,
        Rearrange::Windows {
            size: 0,
            shift: (0, 0),
        },
        Rearrange::JoinWindows {
            rows: 4,
            columns: 4,
            size: 2,
            shift: (0, 0),
        },
        Rearrange::Merge,
    ] {
        assert!(op.forward(&x).is_err(), "{op:?}");
        assert!(op.output_dims(x.dims()).is_err(), "{op:?}");
    }
}

/// The product of two small factors would take 19.6 GB.
#[test]
fn a_product_that_is_too_large_is_refused() {
    let column = Tensor::zeros((70_000, 1), DType::F32, &Device::Cpu).unwrap();
    let row = column.reshape((1, 70_000)).unwrap();
    let error = matmul(&column, &row).unwrap_err().to_string();
    assert!(error.contains("too large"), "{error}");
}

fn attention(channels: usize, heads: usize) -> Attention {
    let linear = |seed, outputs: usize| {
        let weight = random(seed, &[outputs, channels]);
        Linear::new(weight, Some(random(seed + 1, &[outputs])))
    };
    Attention {
        qkv: (vec!["qkv".into()], linear(10, 3 * channels)),
        heads,
        query_names: vec!["q".into()],
        key_names: vec!["k".into()],
        attention_names: vec!["softmax".into(), "drop".into()],
        mixed_names: vec!["mixed".into()],
        proj: (vec!["proj".into()], linear(12, channels)),
    }
}

#[test]
fn attention_has_a_gradient() {
    let attention = attention(6, 2);
    let x = random(14, &[2, 5, 6]);
    assert_gradient(|x, pass| attention.run(x, None, pass), &x);
    let bias = random(15, &[2, 2, 5, 5]);
    assert_gradient(|x, pass| attention.run(x, Some(&bias), pass), &x);
}

/// Checks the gradient at the attention itself, for two layers at once, one of which depends on the other.
#[test]
fn a_tape_begins_at_attention() {
    let (first, mut second) = (attention(6, 2), attention(6, 3));
    second.attention_names = vec!["second".into()];
    let x = random(16, &[1, 5, 6]);
    let run = |x: &Tensor, pass: &mut dyn Pass| {
        let y = first.run(x, None, pass)?;
        second.run(&y, None, pass)
    };
    let mut tape = Tape::at(&["drop".to_string(), "second".to_string()]);
    let y = run(&x, &mut tape).unwrap();
    let direction = random(17, y.dims());
    let taps: Vec<Tensor> = tape.activations().iter().flatten().cloned().collect();
    assert_eq!(taps[0].dims(), [1, 2, 5, 5]);
    assert_eq!(taps[1].dims(), [1, 3, 5, 5]);
    for row in values(&taps[0].sum(3).unwrap()) {
        assert!((row - 1.0).abs() < 1e-12);
    }
    let sources: Vec<&Tensor> = taps.iter().collect();
    let grads = tape.backward(&y, direction.clone(), &sources).unwrap();

    /// Adds `step` to one value of a tap.
    struct Nudge<'a>(&'a str, usize, f64);
    impl Pass for Nudge<'_> {
        fn tap(&mut self, name: &str, x: Tensor) -> Result<Tensor> {
            if name != self.0 {
                return Ok(x);
            }
            let mut values = values(&x);
            values[self.1] += self.2;
            Tensor::from_vec(values, x.dims(), &Device::Cpu)
        }
    }
    for (name, (tap, grad)) in ["drop", "second"].iter().zip(taps.iter().zip(&grads)) {
        let project = |index, step| {
            let y = run(&x, &mut Nudge(name, index, step)).unwrap();
            let total = (y * &direction).unwrap().sum_all().unwrap();
            total.to_scalar::<f64>().unwrap()
        };
        let differences: Vec<f64> = (0..tap.elem_count())
            .map(|i| (project(i, 1e-5) - project(i, -1e-5)) / 2e-5)
            .collect();
        let differences = Tensor::from_vec(differences, tap.dims(), &Device::Cpu).unwrap();
        assert_close(grad.as_ref().unwrap(), &differences, 1e-6);
    }
}

#[test]
fn windows_have_a_gradient() {
    let table = random(18, &[9, 2]);
    let windows = |shift| {
        WindowAttention::new(vec!["attn".into()], attention(4, 2), (2, shift), &table).unwrap()
    };
    let run = |shift: usize, x: &Tensor| {
        let windows = windows(shift);
        assert_gradient(|x, pass| windows.run(x, pass), x);
    };
    run(0, &random(19, &[2, 4, 4, 2]));
    run(1, &random(20, &[2, 4, 4, 5]));
    let error = windows(1)
        .run(&random(21, &[1, 4, 1, 4]), &mut ())
        .unwrap_err();
    assert!(error.to_string().contains("too small"), "{error}");
    let wrong = WindowAttention::new(Vec::new(), attention(4, 1), (2, 0), &table);
    assert!(wrong.is_err());
}

#[test]
fn an_embedding_takes_any_grid() {
    let options = ConvOptions {
        stride: (2, 2),
        ..ConvOptions::default()
    };
    let embedding = Embedding {
        patches: (
            vec!["proj".into()],
            Conv2d::new(random(22, &[3, 1, 2, 2]), None, options),
        ),
        token_names: vec!["tokens".into()],
        prefix: random(23, &[2, 3]),
        positions: random(24, &[3, 3, 3]),
    };
    for size in [6, 8, 2] {
        let x = random(25, &[2, 1, size, 6]);
        let y = embedding.run(&x, &mut ()).unwrap();
        assert_eq!(y.dims(), [2, 2 + 3 * size / 2, 3]);
        assert_gradient(|x, pass| embedding.run(x, pass), &x);
    }
    let error = embedding
        .run(&random(26, &[1, 1, 5, 6]), &mut ())
        .unwrap_err();
    assert!(error.to_string().contains("patches of 2 × 2"), "{error}");
}
