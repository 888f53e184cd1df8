//! Reordered positions of maps, tokens, heads and windows.

mod rows;
mod tokens;

use candle_core::{Result, Tensor, bail};

use tokens::{map, tokens};

/// A linear map that moves values and computes nothing, for transformers. Every output value is one input value or a padding zero, and
/// no input value occurs twice; so the gradient is moved back the same way.
///
/// Matches on it can be exhaustive, as for [`Op`](crate::Op): a pass that tracks shapes then decides for each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rearrange {
    /// Views a feature map `(n, c, h, w)` as rows of its positions, `(n, h·w, c)`.
    Tokens,
    /// Views `(n, rows·columns, c)` as the feature map `(n, c, rows, columns)`.
    Map {
        /// Rows of the map.
        rows: usize,
        /// Columns of the map.
        columns: usize,
    },
    /// Splits one part of a joint projection into heads: `(n, t, parts·heads·d)` to `(n, heads, t, d)`.
    Heads {
        /// The index of the part, for example of query, key and value.
        part: usize,
        /// The number of parts side by side.
        parts: usize,
        /// The number of heads.
        heads: usize,
    },
    /// Puts the heads side by side: `(n, heads, t, d)` to `(n, t, heads·d)`.
    JoinHeads,
    /// Swaps the last two dimensions.
    Transpose,
    /// Cuts a feature map `(n, c, h, w)` into windows, `(n·windows, size·size, c)`, after a cyclic shift up and to the left. Zeros
    /// fill up the windows at the lower and right border (Liu et al. 2021, section 3.2).
    Windows {
        /// Rows and columns of a window.
        size: usize,
        /// Rows and columns of the shift.
        shift: (usize, usize),
    },
    /// Joins [`Windows`](Rearrange::Windows) to a map of `rows` and `columns`, dropping the padding.
    JoinWindows {
        /// Rows of the map.
        rows: usize,
        /// Columns of the map.
        columns: usize,
        /// Rows and columns of a window.
        size: usize,
        /// Rows and columns of the shift.
        shift: (usize, usize),
    },
    /// Merges each 2×2 square of a map into one position with four times the channels, column by column: `(n, c, h, w)` to
    /// `(n, 4c, ⌈h/2⌉, ⌈w/2⌉)`. An odd row or column is padded with zeros (Swin's patch merging).
    Merge,
}

impl Rearrange {
    /// Moves the values of `x`. Differentiable.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match *self {
            Rearrange::Tokens => tokens(x),
            Rearrange::Map { rows, columns } => map(x, (rows, columns)),
            Rearrange::Heads { part, parts, heads } => {
                let (n, t, c) = x.dims3()?;
                if parts * heads == 0 || part >= parts || !c.is_multiple_of(parts * heads) {
                    bail!("{parts} parts of {heads} heads do not divide {c} channels");
                }
                x.narrow(2, part * (c / parts), c / parts)?
                    .reshape((n, t, heads, c / parts / heads))?
                    .transpose(1, 2)
            }
            Rearrange::JoinHeads => {
                let (n, heads, t, d) = x.dims4()?;
                x.transpose(1, 2)?.reshape((n, t, heads * d))
            }
            Rearrange::Transpose => x.t(),
            Rearrange::Windows { size, shift } => rows::windows(x, size, shift),
            Rearrange::JoinWindows {
                rows,
                columns,
                size,
                shift,
            } => rows::join_windows(x, (rows, columns), size, shift),
            Rearrange::Merge => rows::merge(x),
        }
    }

    /// Returns the dimensions of [`forward`](Rearrange::forward)'s result for an input of shape `dims`.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn output_dims(&self, dims: &[usize]) -> Result<Vec<usize>> {
        Ok(match (*self, dims) {
            (Rearrange::Tokens, &[n, c, h, w]) => vec![n, h * w, c],
            (Rearrange::Map { rows, columns }, &[n, t, c]) if t == rows * columns => {
                vec![n, c, rows, columns]
            }
            (Rearrange::Heads { part, parts, heads }, &[n, t, c])
                if part < parts && heads > 0 && c.is_multiple_of(parts * heads) =>
            {
                vec![n, heads, t, c / parts / heads]
            }
            (Rearrange::JoinHeads, &[n, heads, t, d]) => vec![n, t, heads * d],
            (Rearrange::Transpose, [lead @ .., rows, columns]) => {
                [lead, &[*columns, *rows]].concat()
            }
            (Rearrange::Windows { size, .. }, &[n, c, rows, columns]) if size > 0 => {
                let windows = rows.div_ceil(size) * columns.div_ceil(size);
                vec![n * windows, size * size, c]
            }
            (
                Rearrange::JoinWindows {
                    rows,
                    columns,
                    size,
                    ..
                },
                &[windows, area, c],
            ) if size > 0 && area == size * size => {
                let count = rows.div_ceil(size) * columns.div_ceil(size);
                if count == 0 || !windows.is_multiple_of(count) {
                    bail!(
                        "{windows} windows of {size} × {size} do not make a map of {rows} × {columns}"
                    );
                }
                vec![windows / count, c, rows, columns]
            }
            (Rearrange::Merge, &[n, c, rows, columns]) => {
                vec![n, 4 * c, rows.div_ceil(2), columns.div_ceil(2)]
            }
            _ => bail!("an input of {dims:?} cannot be rearranged by {self:?}"),
        })
    }

    /// Backpropagates the output gradient `grad` to an input of shape `dims`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn adjoint(&self, dims: &[usize], grad: &Tensor) -> Result<Tensor> {
        match (*self, dims) {
            (Rearrange::Tokens, &[_, _, rows, columns]) => {
                Rearrange::Map { rows, columns }.forward(grad)
            }
            (Rearrange::Map { .. }, _) => Rearrange::Tokens.forward(grad),
            (Rearrange::Heads { part, parts, .. }, _) => {
                let grad = Rearrange::JoinHeads.forward(grad)?;
                let width = grad.dim(2)?;
                grad.pad_with_zeros(2, part * width, (parts - 1 - part) * width)
            }
            (Rearrange::JoinHeads, &[_, heads, ..]) => Rearrange::Heads {
                part: 0,
                parts: 1,
                heads,
            }
            .forward(grad),
            (Rearrange::Transpose, _) => grad.t(),
            (Rearrange::Windows { size, shift }, &[_, _, rows, columns]) => {
                rows::join_windows(grad, (rows, columns), size, shift)
            }
            (Rearrange::JoinWindows { size, shift, .. }, _) => rows::windows(grad, size, shift),
            (Rearrange::Merge, &[_, _, rows, columns]) => rows::split(grad, (rows, columns)),
            _ => bail!("an input of {dims:?} cannot be rearranged by {self:?}"),
        }
    }
}
