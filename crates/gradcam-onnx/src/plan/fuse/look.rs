//! Looks at the steps behind a value.

use candle_core::DType;
use gradcam_nn::ops::Activation;

use crate::plan::builder::Builder;
use crate::plan::layer::Layer;
use crate::plan::value::Map;

impl Builder<'_> {
    /// Returns the number if `x` is a constant of one element.
    pub(crate) fn number(&self, x: &Map) -> Option<f64> {
        let tensor = x.tensor()?;
        if tensor.elem_count() != 1 {
            return None;
        }
        let value = tensor.flatten_all().ok()?.to_dtype(DType::F64).ok()?;
        value.to_vec1::<f64>().ok()?.first().copied()
    }

    /// Returns the function and its input.
    pub(crate) fn as_activation(&self, x: &Map) -> Option<(Activation, Map)> {
        match self.only(x)? {
            (Layer::Activation(f), inner) => Some((f, inner)),
            _ => None,
        }
    }

    /// Returns the factors of a product.
    pub(crate) fn as_product(&self, x: &Map) -> Option<(Map, Map)> {
        let step = self.step(x)?;
        match (&step.layer, step.inputs.as_slice()) {
            (Layer::Multiply, [a, b]) => Some((self.at(a), self.at(b))),
            _ => None,
        }
    }

    /// Returns the summands of a sum.
    pub(crate) fn as_sum(&self, x: &Map) -> Option<(Map, Map)> {
        let step = self.step(x)?;
        match (&step.layer, step.inputs.as_slice()) {
            (Layer::Add, [a, b]) => Some((self.at(a), self.at(b))),
            _ => None,
        }
    }

    /// Splits `factor · y` with a number as the factor, 1 if there is none.
    pub(crate) fn as_scaled(&self, x: &Map) -> (f64, Map) {
        if let Some((y, factor)) = self.as_product(x)
            && let Some(factor) = self.number(&factor)
            && y.dims == x.dims
        {
            return (factor, y);
        }
        (1.0, x.clone())
    }

    /// Splits `y + summand` with a number as the summand.
    pub(crate) fn as_shifted(&self, x: &Map) -> Option<(Map, f64)> {
        let (y, summand) = self.as_sum(x)?;
        let summand = self.number(&summand)?;
        (y.dims == x.dims).then_some((y, summand))
    }

    /// Splits a power with a whole number from 1 to 3 as the exponent, also spelled as a product.
    pub(crate) fn as_power(&self, x: &Map) -> (Map, u32) {
        if let Some((Activation::Power { exponent }, base)) = self.as_activation(x)
            && [1.0, 2.0, 3.0].contains(&exponent)
        {
            return (base, exponent as u32);
        }
        if let Some((a, b)) = self.as_product(x) {
            let ((a, m), (b, n)) = (self.power_of(&a), self.power_of(&b));
            if a.source.is(&b.source) && m + n <= 3 {
                return (a, m + n);
            }
        }
        (x.clone(), 1)
    }

    /// As [`as_power`](Builder::as_power), for a factor of a power.
    fn power_of(&self, x: &Map) -> (Map, u32) {
        if let Some((Activation::Power { exponent: 2.0 }, base)) = self.as_activation(x) {
            return (base, 2);
        }
        match self.as_product(x) {
            Some((a, b)) if a.source.is(&b.source) => (a, 2),
            _ => (x.clone(), 1),
        }
    }
}

/// Returns whether a number of a file is `expected`, within the accuracy of `f16`.
pub(crate) fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 5e-4 * expected.abs()
}
