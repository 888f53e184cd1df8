//! Times of methods that were computed together.

use std::collections::BTreeMap;
use std::time::Duration;

use gradcam::Cost;

/// The time of a method.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) own: Duration,
    /// In passes that other methods needed too.
    pub(super) shared: Duration,
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} s", self.own.as_secs_f64())?;
        if self.shared.is_zero() {
            Ok(())
        } else {
            write!(f, " + {:.3} s shared", self.shared.as_secs_f64())
        }
    }
}

/// Returns the times of all methods from their costs. A pass that only one method needed counts as its own.
pub(super) fn times(costs: &[&Cost]) -> Vec<Times> {
    let mut users: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for pass in costs.iter().flat_map(|cost| &cost.passes) {
        *users.entry(pass.pass).or_default() += 1;
    }
    let times = costs.iter().map(|cost| {
        let mut times = Times {
            own: cost.own,
            shared: Duration::ZERO,
        };
        for pass in &cost.passes {
            match users.get(&pass.pass) {
                Some(2..) => times.shared += pass.time,
                _ => times.own += pass.time,
            }
        }
        times
    });
    times.collect()
}

/// Returns seconds, to a tenth of a millisecond.
pub(super) fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 1e4
}
