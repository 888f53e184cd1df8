//! Whether the same input gives the same map.

use std::fmt;

use candle_core::Tensor;
use gradcam_map::Grid;
use serde::Serialize;

use crate::degenerate::check_pair;
use crate::statistics::{Graded, grade_exact};
use crate::{Error, Result, Undefined};

/// A variation that should not change the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Variation {
    /// Nothing: the same call again.
    Repeat,
    /// All images in batches of this size.
    Batch(usize),
    /// The same call on this many threads.
    Threads(usize),
    /// The same call in a separate process.
    Restart,
}

/// Makes one map per image of a batch `(n, channels, height, width)`.
pub type ExplainBatch<'a> = dyn Fn(&Tensor) -> Result<Vec<Grid>> + Sync + 'a;

/// The variations to try; none by default.
#[derive(Clone, Copy, Default)]
pub struct Varied<'a> {
    /// The number of repeated calls.
    pub repeats: usize,
    /// The batch sizes.
    pub batches: &'a [usize],
    /// The numbers of threads.
    pub threads: &'a [usize],
    /// The number of calls in another process, and the function that makes them there; `None` if that is impossible.
    pub restarts: Option<(usize, &'a ExplainBatch<'a>)>,
}

impl fmt::Debug for Varied<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Varied")
            .field("repeats", &self.repeats)
            .field("batches", &self.batches)
            .field("threads", &self.threads)
            .field("restarts", &self.restarts.map(|(count, _)| count))
            .finish()
    }
}

/// The differences of maps from those of the first call.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Determinism {
    /// For each variation, the share of bitwise equal maps, 0 to 1, and the largest difference. The difference is a share of the first
    /// map's largest absolute value (infinite if only one of two values is finite).
    pub variations: Vec<(Variation, f64, f64)>,
}

impl Determinism {
    /// Returns whether every map was bitwise equal.
    pub fn bitwise(&self) -> bool {
        self.variations.iter().all(|(_, equal, _)| *equal == 1.0)
    }

    /// Returns the largest difference of any map.
    pub fn largest(&self) -> f64 {
        let differences = self.variations.iter().map(|variation| variation.2);
        differences.fold(0.0, f64::max)
    }

    /// Passes if every difference is at most 1e-6, as for equal bits.
    pub fn graded(&self) -> Graded {
        grade_exact(self.largest(), 1e-6)
    }
}

/// Explains `images`, `(n, channels, height, width)`, again, in batches, on several numbers of threads, and in other processes, and
/// compares each map with that of the first call. Other machines are not tested.
///
/// # Errors
/// If `explain` fails or returns a wrong number of maps, a batch size or a number of threads is 0, or the threads cannot be started.
pub fn determinism(
    explain: &ExplainBatch<'_>,
    images: &Tensor,
    varied: &Varied<'_>,
) -> Result<Determinism> {
    let count = images.dim(0)?;
    let repeated = std::iter::repeat_n(Variation::Repeat, varied.repeats);
    let batches = varied.batches.iter().map(|&n| Variation::Batch(n));
    let threads = varied.threads.iter().map(|&n| Variation::Threads(n));
    let (restarts, elsewhere) = match varied.restarts {
        Some((restarts, elsewhere)) => (restarts, elsewhere),
        None => (0, explain),
    };
    let restarted = std::iter::repeat_n(Variation::Restart, restarts);
    let all: Vec<Variation> = repeated
        .chain(batches)
        .chain(threads)
        .chain(restarted)
        .collect();
    if count == 0 || all.is_empty() {
        return Err(Undefined::Empty.into());
    }
    let whole = |maps: Vec<Grid>| {
        if maps.len() == count {
            Ok(maps)
        } else {
            Err(Error::Length {
                expected: count,
                found: maps.len(),
            })
        }
    };
    let batched = |size: usize| -> Result<Vec<Grid>> {
        let mut maps = Vec::with_capacity(count);
        for start in (0..count).step_by(size.max(1)) {
            maps.extend(explain(&images.narrow(
                0,
                start,
                size.min(count - start),
            )?)?);
        }
        whole(maps)
    };
    let first = batched(count)?;
    let mut variations = Vec::new();
    for variation in all {
        let maps = match variation {
            Variation::Batch(0) | Variation::Threads(0) => {
                return Err(Error::option("batches and threads", "at least 1", 0));
            }
            Variation::Repeat => batched(count)?,
            Variation::Restart => whole(elsewhere(images)?)?,
            Variation::Batch(size) => batched(size)?,
            Variation::Threads(number) => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(number).build();
                let pool = pool.map_err(candle_core::Error::wrap)?;
                pool.install(|| batched(count))?
            }
        };
        let mut equal = 0;
        let mut largest = 0.0_f64;
        for (a, b) in first.iter().zip(&maps) {
            check_pair(a, b)?;
            equal += usize::from(same_bits(a, b));
            largest = largest.max(difference(a, b));
        }
        variations.push((variation, equal as f64 / count.max(1) as f64, largest));
    }
    Ok(Determinism { variations })
}

fn same_bits(a: &Grid, b: &Grid) -> bool {
    let pairs = a.values().iter().zip(b.values());
    pairs.into_iter().all(|(a, b)| a.to_bits() == b.to_bits())
}

/// Returns the largest difference as a share of the first map's largest absolute value; bitwise equal values do not differ.
fn difference(a: &Grid, b: &Grid) -> f64 {
    let largest = a
        .values()
        .iter()
        .fold(0.0_f64, |m, &v| m.max(f64::from(v).abs()));
    let pairs = a.values().iter().zip(b.values());
    let apart = |(a, b): (&f32, &f32)| {
        if a.to_bits() == b.to_bits() || a == b {
            0.0
        } else if a.is_finite() && b.is_finite() && largest > 0.0 {
            (f64::from(*a) - f64::from(*b)).abs() / largest
        } else {
            f64::INFINITY
        }
    };
    pairs.map(apart).fold(0.0, f64::max)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use candle_core::{DType, Device};

    use super::*;
    use crate::statistics::Grade;
    use crate::testing::grid;

    /// One map per image, made from the image's first value and another number.
    fn maps(images: &Tensor, other: f32) -> Result<Vec<Grid>> {
        let first = images.narrow(3, 0, 1)?.flatten_all()?.to_vec1::<f32>()?;
        let map = |v: f32| grid(1, 2, &[v, 2.0 + other]);
        Ok(first.into_iter().map(map).collect())
    }

    fn varied<'a>(repeats: usize, batches: &'a [usize], threads: &'a [usize]) -> Varied<'a> {
        Varied {
            repeats,
            batches,
            threads,
            restarts: None,
        }
    }

    fn images() -> Tensor {
        let values = Tensor::arange(0.0_f32, 5.0, &Device::Cpu).unwrap();
        values
            .to_dtype(DType::F32)
            .unwrap()
            .reshape((5, 1, 1, 1))
            .unwrap()
    }

    #[test]
    fn each_variation_is_told_apart() {
        let same = determinism(&|x| maps(x, 0.0), &images(), &varied(2, &[1, 2], &[1, 3])).unwrap();
        assert!(same.bitwise() && same.variations.len() == 6);
        assert_eq!(same.graded().grade, Grade::Pass);
        // Methods that depend on the batch, on the threads, and on the call.
        let batch = |x: &Tensor| maps(x, x.dim(0).unwrap() as f32);
        let found = determinism(&batch, &images(), &varied(1, &[2], &[2])).unwrap();
        let equal: Vec<f64> = found.variations.iter().map(|v| v.1).collect();
        assert_eq!(equal, [1.0, 0.0, 1.0]);
        assert_eq!(found.graded().grade, Grade::Fail);
        // The first four of five images change from 7 to 4, the last, alone in its batch, to 3.
        assert!((found.largest() - 4.0 / 7.0).abs() < 1e-6);
        let threads = |x: &Tensor| maps(x, rayon::current_num_threads() as f32);
        let found = determinism(&threads, &images(), &varied(1, &[2], &[7])).unwrap();
        assert_eq!(
            found.variations[2],
            (Variation::Threads(7), 0.0, found.largest())
        );
        assert!(found.variations[0].2 == 0.0 && !found.bitwise());
        let steady = |x: &Tensor| maps(x, 0.0);
        let elsewhere = |x: &Tensor| maps(x, 0.5);
        let restarted = Varied {
            restarts: Some((2, &elsewhere)),
            ..varied(1, &[], &[])
        };
        let found = determinism(&steady, &images(), &restarted).unwrap();
        let equal: Vec<f64> = found.variations.iter().map(|v| v.1).collect();
        assert_eq!(equal, [1.0, 0.0, 0.0]);
        let calls = AtomicU32::new(0);
        let call = |x: &Tensor| maps(x, calls.fetch_add(1, Ordering::SeqCst) as f32 * 1e-6);
        let found = determinism(&call, &images(), &varied(1, &[], &[])).unwrap();
        assert!(!found.bitwise() && found.largest() < 1e-6);
        assert_eq!(found.graded().grade, Grade::Pass);
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let steady = |x: &Tensor| maps(x, 0.0);
        assert!(determinism(&steady, &images(), &varied(0, &[0], &[])).is_err());
        assert!(determinism(&steady, &images(), &varied(0, &[], &[0])).is_err());
        let short = |_: &Tensor| Ok(Vec::new());
        assert!(determinism(&short, &images(), &varied(1, &[], &[])).is_err());
        assert!(determinism(&steady, &images(), &varied(0, &[], &[])).is_err());
        assert!(difference(&grid(1, 1, &[f32::NAN]), &grid(1, 1, &[f32::NAN])) == 0.0);
        assert!(difference(&grid(1, 1, &[f32::NAN]), &grid(1, 1, &[1.0])).is_infinite());
    }
}
