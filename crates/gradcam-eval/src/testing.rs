//! Helpers that the tests share.

#![allow(clippy::unwrap_used)]

use candle_core::{Device, Tensor};
use gradcam_map::{Grid, Size};
use gradcam_nn::{Network, Pass};
use serde_json::Value;

use crate::faithfulness::Sample;
use crate::{Error, Result, Undefined};

/// The values of `tests/golden/eval.py`.
pub(crate) fn golden() -> Value {
    serde_json::from_str(include_str!("../tests/golden/eval.json")).unwrap()
}

pub(crate) fn list(value: &Value) -> Vec<f64> {
    let values = value.as_array().unwrap().iter();
    values.map(|v| v.as_f64().unwrap()).collect()
}

pub(crate) fn size(height: usize, width: usize) -> Size {
    Size::new(height, width).unwrap()
}

pub(crate) fn grid(height: usize, width: usize, values: &[f32]) -> Grid {
    Grid::new(size(height, width), values.to_vec()).unwrap()
}

/// The golden script's map, 0 to 1.
pub(crate) fn wave(height: usize, width: usize, step: f64) -> Grid {
    let at = |i: usize| (0.5 + 0.5 * (0.3 + i as f64 * step).sin()) as f32;
    Grid::from_fn(size(height, width), at)
}

/// Returns the reason why a metric has no value.
pub(crate) fn undefined<T: std::fmt::Debug>(result: Result<T>) -> Undefined {
    match result {
        Err(Error::Undefined(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// Two logits: `sharpness` times the mean over one patch of a picture with one channel, and 0. Nothing else affects the first class.
pub(crate) struct Patch {
    pub(crate) rows: std::ops::Range<usize>,
    pub(crate) columns: std::ops::Range<usize>,
    pub(crate) sharpness: f64,
}

impl Network for Patch {
    fn forward(&self, x: &Tensor, _pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
        let x = x.narrow(2, self.rows.start, self.rows.len())?;
        let x = x.narrow(3, self.columns.start, self.columns.len())?;
        let mean = (x.mean((1, 2, 3))? * self.sharpness)?.unsqueeze(1)?;
        Tensor::cat(&[&mean, &mean.zeros_like()?], 1)
    }
}

pub(crate) const SIDE: usize = 20;

impl Patch {
    /// A patch of 6 × 5 pixels in a picture of 20 × 20.
    pub(crate) fn new() -> Self {
        Patch {
            rows: 3..9,
            columns: 11..16,
            sharpness: 4.0,
        }
    }

    pub(crate) fn mask(&self) -> Vec<bool> {
        let inside =
            |i: usize| self.rows.contains(&(i / SIDE)) && self.columns.contains(&(i % SIDE));
        (0..SIDE * SIDE).map(inside).collect()
    }

    /// 1 on the patch and slight noise around 0 elsewhere.
    pub(crate) fn image(&self) -> Tensor {
        let noise = wave(SIDE, SIDE, 1.9).map(|v| 0.2 * (v - 0.5));
        let pixels = noise.values().iter().zip(self.mask());
        let pixels: Vec<f32> = pixels
            .map(|(&v, inside)| if inside { 1.0 } else { v })
            .collect();
        Tensor::from_vec(pixels, (1, 1, SIDE, SIDE), &Device::Cpu).unwrap()
    }

    /// The map of what the network uses: the patch, with small differences everywhere so that there are no ties.
    pub(crate) fn perfect(&self) -> Grid {
        let values = self.mask().into_iter().enumerate();
        let values =
            values.map(|(i, inside)| f32::from(u8::from(inside)) + 1e-4 * (i as f32 * 0.7).sin());
        grid(SIDE, SIDE, &values.collect::<Vec<_>>())
    }

    pub(crate) fn sample<'a>(&'a self, image: &'a Tensor) -> Sample<'a> {
        Sample {
            network: self,
            image,
            target: 0,
        }
    }
}

/// Runs the same work on one thread and on three, and compares the results.
pub(crate) fn on_any_threads<T: PartialEq + std::fmt::Debug + Send>(
    work: impl Fn() -> T + Sync,
) -> T {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(&work)
    };
    let one = on(1);
    assert_eq!(one, on(3));
    one
}
