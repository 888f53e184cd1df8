//! Activation functions that are spelled out in parts.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use gradcam_nn::ops::Activation;

use super::look::near;
use crate::plan::builder::Builder;
use crate::plan::value::Map;
use crate::reason::Reason;

/// Finds a function that equals `f` after the function that made `x`.
pub(crate) fn nested(b: &Builder<'_>, f: Activation, x: &Map) -> Option<(Activation, Map)> {
    let (first, inner) = b.as_activation(x)?;
    match (first, f) {
        // A square root and a reciprocal, as layer norms have them.
        (Activation::Power { exponent: 0.5 }, Activation::Power { exponent: -1.0 }) => {
            Some((Activation::Power { exponent: -0.5 }, inner))
        }
        (Activation::Relu, Activation::Relu) => Some((Activation::Relu, inner)),
        _ => None,
    }
}

/// Finds the activation that the product `x · y` closes.
pub(crate) fn product(b: &mut Builder<'_>, x: &Map, y: &Map) -> Result<Option<Map>, Reason> {
    if x.source.is(&y.source) {
        return b
            .activation(Activation::Power { exponent: 2.0 }, x)
            .map(Some);
    }
    let factors = if let Some(factor) = b.number(y) {
        if y.rank() > x.rank() {
            return Ok(None);
        }
        // Two numbers are one.
        let (first, inner) = b.as_scaled(x);
        if first != 1.0 {
            return b.scale(&inner, first * factor).map(Some);
        }
        if let Some((
            Activation::Clip {
                low: 0.0,
                high: 6.0,
            },
            inner,
        )) = b.as_activation(x)
            && let Some((inner, 3.0)) = b.as_shifted(&inner)
            && near(factor, 1.0 / 6.0)
        {
            return b.activation(Activation::HARD_SIGMOID, &inner).map(Some);
        }
        match b.as_product(x) {
            Some((p, q)) => (factor, p, q),
            None => return Ok(None),
        }
    } else {
        (1.0, x.clone(), y.clone())
    };
    let (factor, p, q) = factors;
    let ((m, p), (n, q)) = (b.as_scaled(&p), b.as_scaled(&q));
    let factor = factor * m * n;
    if p.dims != q.dims {
        return Ok(None);
    }
    for (x, gate) in [(&p, &q), (&q, &p)] {
        if let Some((f, more)) = gated(b, x, gate) {
            let more = factor * more;
            // A product that is whole only with a later factor is left alone.
            if near(more, 1.0) {
                return b.activation(f, x).map(Some);
            }
        }
    }
    Ok(None)
}

/// Finds the activation that equals `x · gate` but for a factor.
fn gated(b: &Builder<'_>, x: &Map, gate: &Map) -> Option<(Activation, f64)> {
    if let Some((f, u)) = b.as_activation(gate) {
        return match f {
            Activation::Sigmoid => {
                let (k, u) = b.as_scaled(&u);
                let same = u.source.is(&x.source);
                if same && k == 1.0 {
                    Some((Activation::Silu, 1.0))
                } else {
                    (same && near(k, 1.702)).then_some((Activation::QuickGelu, 1.0))
                }
            }
            Activation::HardSigmoid { slope, offset } => {
                let usual = near(slope, 1.0 / 6.0) && near(offset, 0.5);
                (usual && u.source.is(&x.source)).then_some((Activation::HardSwish, 1.0))
            }
            Activation::Clip {
                low: 0.0,
                high: 6.0,
            } => {
                let (u, three) = b.as_shifted(&u)?;
                (three == 3.0 && u.source.is(&x.source)).then_some((Activation::HardSwish, 6.0))
            }
            Activation::Tanh => {
                let (Activation::Softplus, u) = b.as_activation(&u)? else {
                    return None;
                };
                u.source.is(&x.source).then_some((Activation::Mish, 1.0))
            }
            _ => None,
        };
    }
    let (h, one) = b.as_shifted(gate)?;
    if one != 1.0 {
        return None;
    }
    match b.as_activation(&h)? {
        (Activation::Erf, u) => {
            let (k, u) = b.as_scaled(&u);
            (near(k, FRAC_1_SQRT_2) && u.source.is(&x.source)).then_some((Activation::Gelu, 2.0))
        }
        (Activation::Tanh, u) => {
            let (k, v) = b.as_scaled(&u);
            (near(k, FRAC_2_PI.sqrt()) && is_cubic(b, &v, x)).then_some((Activation::GeluTanh, 2.0))
        }
        _ => None,
    }
}

/// Returns whether `v` is `x + 0.044715 x³`, or `x (1 + 0.044715 x²)`.
fn is_cubic(b: &Builder<'_>, v: &Map, x: &Map) -> bool {
    let power = |y: &Map, expected: u32| {
        let (k, y) = b.as_scaled(y);
        let (base, exponent) = b.as_power(&y);
        near(k, 0.044715) && exponent == expected && base.source.is(&x.source)
    };
    if let Some((p, q)) = b.as_sum(v) {
        return (p.source.is(&x.source) && power(&q, 3))
            || (q.source.is(&x.source) && power(&p, 3));
    }
    let Some((p, q)) = b.as_product(v) else {
        return false;
    };
    [(&p, &q), (&q, &p)].into_iter().any(|(p, q)| {
        p.source.is(&x.source)
            && b.as_shifted(q)
                .is_some_and(|(square, one)| one == 1.0 && power(&square, 2))
    })
}
