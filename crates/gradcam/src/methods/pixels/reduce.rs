//! The reduction of a pixel's colours to one number.

use candle_core::{DType, Tensor};
use gradcam_map::{Grid, Size};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::seen::observation::values;

/// How the colours of a pixel become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Channels {
    /// The largest absolute value (Simonyan et al. 2013, section 3.1).
    #[default]
    MaxAbs,
    /// The sum, with signs.
    Sum,
    /// The sum of absolute values.
    SumAbs,
    /// The square root of the sum of squares.
    Norm,
}

/// Sums all numbers.
pub(super) fn total(x: &Tensor) -> Result<f64> {
    Ok(x.to_dtype(DType::F64)?.sum_all()?.to_scalar()?)
}

/// Reduces an attribution `(1, channels, height, width)` to one number per pixel.
pub(crate) fn reduce(attribution: &Tensor, channels: Channels) -> Result<Grid> {
    let (_, _, height, width) = attribution.dims4()?;
    Ok(reduced(
        &values(attribution)?,
        Size::new(height, width)?,
        channels,
    ))
}

/// Reduces `values`, channel by channel, to one number per pixel.
pub(crate) fn reduced(values: &[f32], size: Size, channels: Channels) -> Grid {
    let mut sums = vec![0.0_f64; size.area()];
    for plane in values.chunks_exact(size.area()) {
        for (sum, &v) in sums.iter_mut().zip(plane) {
            let v = f64::from(v);
            *sum = match channels {
                // Not `max`, which would drop a NaN.
                Channels::MaxAbs if v.abs() <= *sum => *sum,
                Channels::MaxAbs => v.abs(),
                Channels::Sum => *sum + v,
                Channels::SumAbs => *sum + v.abs(),
                Channels::Norm => *sum + v * v,
            };
        }
    }
    Grid::from_fn(size, |i| match channels {
        Channels::Norm => sums[i].sqrt() as f32,
        Channels::MaxAbs | Channels::Sum | Channels::SumAbs => sums[i] as f32,
    })
}
