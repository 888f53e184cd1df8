//! Maps whose positions are sums over the channels.

use crate::saliency::{Features, SignedMap, Sum};

/// At each position the sum over the channels of `f(activation, gradient)`.
pub(super) fn summed(features: Features<'_>, f: impl Fn(f64, f64) -> f64) -> SignedMap {
    let mut sums = vec![Sum::default(); features.positions()];
    for (a, g) in features.pairs() {
        for (sum, (&a, &g)) in sums.iter_mut().zip(a.iter().zip(g)) {
            // As for channels: what the score ignores stays out, even if it is not finite.
            if g != 0.0 {
                let part = f(f64::from(a), f64::from(g));
                sum.add(part, part.abs());
            }
        }
    }
    features.summed(&sums)
}
