//! Reordered positions of a feature map: rows of channels that are copied whole.

use std::sync::Arc;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp1, Result, Shape, Tensor, bail};

use super::tokens::{map, tokens};
#[cfg(feature = "cuda")]
use crate::cuda::{Arg, Array};
use crate::dispatch::computation::Unary;
use crate::dispatch::forwards::forwards;
use crate::dispatch::layout::{channels_first, channels_last};
use crate::kernels::element::Element;
use crate::kernels::output::parts;

/// The input row that each output row copies; `None` for zeros.
type Picks = Vec<Option<usize>>;

/// Cuts a map into windows.
pub(super) fn windows(x: &Tensor, size: usize, shift: (usize, usize)) -> Result<Tensor> {
    let (n, c, rows, columns) = x.dims4()?;
    let picks = window_picks((rows, columns), size, shift)?;
    let count = picks.len() / (size * size);
    pick(&tokens(x)?, picks)?.reshape((n * count, size * size, c))
}

/// Reverses [`windows`].
pub(super) fn join_windows(
    x: &Tensor,
    (rows, columns): (usize, usize),
    size: usize,
    shift: (usize, usize),
) -> Result<Tensor> {
    let (windows, area, c) = x.dims3()?;
    let picks = window_picks((rows, columns), size, shift)?;
    let count = picks.len() / (size * size);
    if area != size * size || !windows.is_multiple_of(count) {
        bail!(
            "a map of {rows} × {columns} has {count} windows of {size} × {size}, found {:?}",
            x.dims()
        );
    }
    let x = x.reshape((windows / count, count * area, c))?;
    let x = pick(&x, inverse(&picks, rows * columns))?;
    map(&x, (rows, columns))
}

/// Merges each 2×2 square into one position.
pub(super) fn merge(x: &Tensor) -> Result<Tensor> {
    let (n, c, rows, columns) = x.dims4()?;
    let size = (rows.div_ceil(2), columns.div_ceil(2));
    let x = pick(&tokens(x)?, square_picks((rows, columns)))?;
    channels_first(&x.reshape((n, size.0, size.1, 4 * c))?)
}

/// Reverses [`merge`].
pub(super) fn split(x: &Tensor, (rows, columns): (usize, usize)) -> Result<Tensor> {
    let (n, c, height, width) = x.dims4()?;
    let x = channels_last(x)?.reshape((n, height * width * 4, c / 4))?;
    let x = pick(&x, inverse(&square_picks((rows, columns)), rows * columns))?;
    map(&x, (rows, columns))
}

/// Lists the positions of a shifted map, window by window.
fn window_picks(
    (rows, columns): (usize, usize),
    size: usize,
    shift: (usize, usize),
) -> Result<Picks> {
    if size == 0 || rows * columns == 0 {
        bail!("windows of {size} × {size} cannot be cut from {rows} × {columns}");
    }
    let axis =
        |index: usize, len: usize, shift: usize| (index < len).then(|| (index + shift) % len);
    let mut picks = Vec::new();
    for top in (0..rows).step_by(size) {
        for left in (0..columns).step_by(size) {
            for position in 0..size * size {
                let row = axis(top + position / size, rows, shift.0);
                let column = axis(left + position % size, columns, shift.1);
                picks.push(row.zip(column).map(|(row, column)| row * columns + column));
            }
        }
    }
    Ok(picks)
}

/// Lists the positions of each 2×2 square: the left column, then the right one.
fn square_picks((rows, columns): (usize, usize)) -> Picks {
    let mut picks = Vec::new();
    for top in (0..rows).step_by(2) {
        for left in (0..columns).step_by(2) {
            for (down, right) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let (row, column) = (top + down, left + right);
                picks.push((row < rows && column < columns).then(|| row * columns + column));
            }
        }
    }
    picks
}

/// Returns the picks that put `len` rows back into their original places.
fn inverse(picks: &Picks, len: usize) -> Picks {
    let mut back = vec![None; len];
    for (output, pick) in picks.iter().enumerate() {
        if let Some(input) = *pick {
            back[input] = Some(output);
        }
    }
    back
}

/// Picks rows: `(n, rows, c)` to `(n, picks, c)`.
fn pick(x: &Tensor, picks: Picks) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Pick(Arc::new(picks)))
}

struct Pick(Arc<Picks>);

impl Unary for Pick {
    const NAME: &'static str = "rearrange";
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let &[n, rows, c] = dims else {
            bail!(
                "`{}` expects (n, rows, channels), found {dims:?}",
                Self::NAME
            );
        };
        let picks = &self.0;
        let y = parts(n * picks.len() * c, c, c, |row, y: &mut [T]| {
            if let Some(from) = picks[row % picks.len()] {
                let first = (row / picks.len() * rows + from) * c;
                y.copy_from_slice(&x[first..first + c]);
            }
        });
        Ok((y, Shape::from((n, picks.len(), c))))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, Shape)> {
        let &[n, rows, c] = x.dims else {
            bail!(
                "`{}` expects (n, rows, channels), found {:?}",
                Self::NAME,
                x.dims
            );
        };
        let from = |pick: &Option<usize>| pick.map_or(-1, |row| row as i32);
        let picks: Vec<i32> = self.0.iter().map(from).collect();
        let args = [
            Arg::Array(x),
            Arg::Positions(&picks),
            Arg::Int(rows),
            Arg::Int(picks.len()),
            Arg::Int(c),
        ];
        let y = x.each("pick", n * picks.len() * c, &args)?;
        Ok((y, Shape::from((n, picks.len(), c))))
    }
}

impl CustomOp1 for Pick {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(unary);
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        pick(grad, inverse(&self.0, x.dim(1)?)).map(Some)
    }
}
