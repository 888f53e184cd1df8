//! Numbers from tensors of candle, and single numbers.

use candle_core::{DType, Tensor};

use super::value::{Data, Host};

impl Host {
    /// Reads the values of a tensor as floats.
    pub(crate) fn from_candle(tensor: &Tensor) -> Result<Host, String> {
        let values = tensor
            .to_dtype(DType::F32)
            .and_then(|t| t.flatten_all()?.to_vec1::<f32>())
            .map_err(|error| error.to_string())?;
        Host::of(tensor.dims().to_vec(), values)
    }

    /// Returns the number of a value with one element; truth values are 0 and 1.
    pub(crate) fn number(&self) -> Result<f64, String> {
        if self.len() != 1 {
            return Err(format!("expected one number, found {:?}", self.dims()));
        }
        Ok(match self.data() {
            Data::Float(values) => values.iter().copied().map(f64::from).sum(),
            Data::Int(values) => values.iter().map(|&v| v as f64).sum(),
            Data::Bool(values) => values.iter().map(|&v| f64::from(u8::from(v))).sum(),
        })
    }
}
