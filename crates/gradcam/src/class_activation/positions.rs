//! Maps whose positions are sums over the channels.

use crate::Grid;
use crate::saliency::Features;

/// At each position the sum over the channels of `f(activation, gradient)`.
pub(super) fn summed(features: Features<'_>, f: impl Fn(f64, f64) -> f64) -> Grid {
    let mut sums = vec![0.0; features.positions()];
    for (a, g) in features.pairs() {
        for (sum, (&a, &g)) in sums.iter_mut().zip(a.iter().zip(g)) {
            // As for channels: what the score ignores stays out, even if it is not finite.
            if g != 0.0 {
                *sum += f(f64::from(a), f64::from(g));
            }
        }
    }
    features.grid(sums)
}
