//! The cost of a map.

use std::time::Instant;

use serde::Serialize;

use crate::statistics::quantile;
use crate::{Result, Undefined};

/// Times of a method in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Efficiency {
    /// The number of maps made.
    pub runs: usize,
    /// A quarter of the runs was faster.
    pub quartile_1: f64,
    /// Half of the runs were faster.
    pub median: f64,
    /// Three quarters of the runs were faster.
    pub quartile_3: f64,
    /// 95 of 100 runs were faster.
    pub p95: f64,
    /// The median time of a forward pass alone.
    pub forward: f64,
    /// The median divided by that of a forward pass: the number that depends least on the machine.
    pub ratio: f64,
    /// The power of ten at or below the median, in seconds: a card prints it, because the reader's machine is another.
    pub decade: f64,
}

/// Times `runs` maps and as many forward passes, alternating, after one warm-up of each.
///
/// # Errors
/// If a call fails; [`Undefined::Empty`] for no runs.
pub fn efficiency(
    runs: usize,
    explain: &mut dyn FnMut() -> Result<()>,
    forward: &mut dyn FnMut() -> Result<()>,
) -> Result<Efficiency> {
    let timed = |work: &mut dyn FnMut() -> Result<()>| {
        let start = Instant::now();
        work()?;
        Ok::<_, crate::Error>(start.elapsed().as_secs_f64())
    };
    explain()?;
    forward()?;
    let (mut maps, mut passes) = (Vec::with_capacity(runs), Vec::with_capacity(runs));
    for _ in 0..runs {
        maps.push(timed(explain)?);
        passes.push(timed(forward)?);
    }
    efficiency_of(&maps, &passes)
}

/// Computes the same from times in seconds that were measured elsewhere.
///
/// # Errors
/// [`Undefined::Empty`] without times, [`Undefined::NonFinite`].
pub fn efficiency_of(maps: &[f64], passes: &[f64]) -> Result<Efficiency> {
    let median = quantile(maps, 0.5)?;
    let forward = quantile(passes, 0.5)?;
    // The clock did not advance.
    if !(median > 0.0 && forward > 0.0) {
        return Err(Undefined::NonFinite.into());
    }
    Ok(Efficiency {
        runs: maps.len(),
        quartile_1: quantile(maps, 0.25)?,
        median,
        quartile_3: quantile(maps, 0.75)?,
        p95: quantile(maps, 0.95)?,
        forward,
        ratio: median / forward,
        decade: 10.0_f64.powi(median.log10().floor() as i32),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_become_their_quantiles() {
        let maps: Vec<f64> = (1..=21).rev().map(|i| f64::from(i) * 0.01).collect();
        let found = efficiency_of(&maps, &[0.04, 0.05, 0.9]).unwrap();
        let expected = [0.06, 0.11, 0.16, 0.20, 0.05, 2.2, 0.1];
        let values = [
            found.quartile_1,
            found.median,
            found.quartile_3,
            found.p95,
            found.forward,
            found.ratio,
            found.decade,
        ];
        for (found, expected) in values.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{values:?}");
        }
        let decade = |seconds: f64| efficiency_of(&[seconds], &[1.0]).unwrap().decade;
        assert_eq!(
            (decade(0.0453), decade(24.8), decade(1.0)),
            (0.01, 10.0, 1.0)
        );
        assert!(efficiency_of(&[], &[]).is_err());
        assert!(efficiency_of(&[0.0], &[1.0]).is_err());
    }

    #[test]
    fn what_sleeps_is_slower() {
        let (mut maps, mut passes) = (0, 0);
        let mut explain = || {
            maps += 1;
            std::thread::sleep(Duration::from_millis(30));
            Ok(())
        };
        let mut forward = || {
            passes += 1;
            std::thread::sleep(Duration::from_millis(1));
            Ok(())
        };
        let found = efficiency(5, &mut explain, &mut forward).unwrap();
        assert_eq!((found.runs, maps, passes), (5, 6, 6));
        // In seconds; a sleep may last longer on a busy machine, never shorter.
        assert!((0.03..3.0).contains(&found.median) && found.forward >= 0.001);
        assert!(found.ratio > 1.0 && found.ratio == found.median / found.forward);
    }
}
