//! Seeded noise.

use candle_core::{DType, Device, Tensor};
use gradcam_random::Random;

use crate::Result;

/// Makes the noisy copy number `draw` of an image; `share` is the noise's standard deviation as a fraction of the image's range.
pub(crate) fn noisy(image: &Tensor, share: f64, seed: u64, draw: usize) -> Result<Tensor> {
    let values: Vec<f64> = image.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let noise = Random::of_draw(seed, draw).normals(values.len(), share * (high - low));
    let noisy: Vec<f64> = values.iter().zip(noise).map(|(v, n)| v + n).collect();
    let noisy = Tensor::from_vec(noisy, image.shape(), &Device::Cpu)?;
    Ok(noisy.to_dtype(image.dtype())?.to_device(image.device())?)
}
