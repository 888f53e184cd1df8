//! Feature maps as rows of positions, and back.

use candle_core::{Result, Tensor, bail};

use crate::dispatch::layout::{channels_first, channels_last};

/// Views `(n, c, h, w)` as `(n, h·w, c)`.
pub(super) fn tokens(x: &Tensor) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    channels_last(x)?.reshape((n, h * w, c))
}

/// Views `(n, rows·columns, c)` as `(n, c, rows, columns)`.
pub(super) fn map(x: &Tensor, (rows, columns): (usize, usize)) -> Result<Tensor> {
    let (n, t, c) = x.dims3()?;
    if t != rows * columns {
        bail!(
            "a map of {rows} × {columns} needs as many rows, found {:?}",
            x.dims()
        );
    }
    channels_first(&x.reshape((n, rows, columns, c))?)
}
