//! Seeded noise.

use candle_core::{DType, Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use crate::Result;

/// The generator of the draw number `draw` under `seed`: draws do not depend on one another, so they may be made in any order.
pub(crate) fn generator(seed: u64, draw: usize) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(draw as u64);
    random
}

/// Uniform from 0 to below 1, in steps of 2⁻⁵³.
pub(crate) fn unit(random: &mut ChaCha8Rng) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// `count` numbers from the normal distribution with this standard deviation.
pub(crate) fn normal(random: &mut ChaCha8Rng, count: usize, deviation: f64) -> Vec<f64> {
    let mut draw = || -> f64 { StandardNormal.sample(random) };
    (0..count).map(|_| deviation * draw()).collect()
}

/// The noisy copy number `draw` of an image; `share` is the noise's standard deviation as a share of the image's range.
pub(crate) fn noisy(image: &Tensor, share: f64, seed: u64, draw: usize) -> Result<Tensor> {
    let values: Vec<f64> = image.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let noise = normal(
        &mut generator(seed, draw),
        values.len(),
        share * (high - low),
    );
    let noisy: Vec<f64> = values.iter().zip(noise).map(|(v, n)| v + n).collect();
    let noisy = Tensor::from_vec(noisy, image.shape(), &Device::Cpu)?;
    Ok(noisy.to_dtype(image.dtype())?.to_device(image.device())?)
}
