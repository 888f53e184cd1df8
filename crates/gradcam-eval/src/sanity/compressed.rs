//! A network whose weights have fewer bits.

use candle_core::{D, Result, Tensor};

/// Rounds a parameter's weights to whole multiples of a step per output, from -127 to 127 for 8 bits. The largest absolute weight of an
/// output is preserved. Parameters of one dimension (biases, norms) are unchanged, as in common int8 schemes.
///
/// # Errors
/// If `bits` is less than 2, or candle fails.
pub fn rounded(parameter: &Tensor, bits: u32) -> Result<Tensor> {
    if bits < 2 {
        candle_core::bail!("weights need at least 2 bits, found {bits}");
    }
    if parameter.rank() < 2 || parameter.elem_count() == 0 {
        return Ok(parameter.clone());
    }
    let rows = parameter.flatten_from(1)?;
    let levels = (2.0_f64.powi(bits as i32 - 1)) - 1.0;
    let step = (rows.abs()?.max_keepdim(D::Minus1)? / levels)?;
    // An output of zero weights has a step of 0; divided by 1 instead, its weights stay 0.
    let step = (&step + step.eq(0.0)?.to_dtype(step.dtype())?)?;
    let whole = rows.broadcast_div(&step)?.round()?;
    whole.broadcast_mul(&step)?.reshape(parameter.shape())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn each_output_has_steps_of_its_own() {
        let values = [[[12.7_f32, 0.06], [-12.7, 0.04]], [[0.0, 0.0], [0.0, 0.0]]];
        let weight = Tensor::new(&values, &Device::Cpu).unwrap();
        let found = rounded(&weight, 8).unwrap().to_vec3::<f32>().unwrap();
        let expected = [[[12.7_f32, 0.1], [-12.7, 0.0]], [[0.0, 0.0], [0.0, 0.0]]];
        let pairs = found.iter().flatten().flatten();
        for (found, expected) in pairs.zip(expected.iter().flatten().flatten()) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
        let bias = Tensor::new(&[0.3_f32, 0.7], &Device::Cpu).unwrap();
        let same = rounded(&bias, 8).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(same, [0.3, 0.7]);
        assert!(rounded(&weight, 1).is_err());
    }
}
