//! The description of a mask, and the mask on the processor.

use std::ops::Range;
use std::sync::Arc;

use gradcam_map::{Grid, Size};

use crate::{Error, Result};

/// Two samples along an axis, and the weight of the second.
pub type Taps = (usize, usize, f32);

/// A mask of an image: a number for each pixel, 1 where it stays and 0 where it is hidden.
///
/// Most masks have a smaller description. A device gets only this description, and makes the mask itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Mask {
    /// A number for each pixel.
    Grid(Grid),
    /// A small grid, upsampled: each row and each column of the mask lies between two of the grid's.
    Cells {
        /// The small grid.
        cells: Grid,
        /// The taps of each row of the mask.
        rows: Vec<Taps>,
        /// The taps of each column of the mask.
        columns: Vec<Taps>,
    },
    /// Everything but a window.
    Window {
        /// The mask's height and width.
        size: Size,
        /// The hidden rows.
        rows: Range<usize>,
        /// The hidden columns.
        columns: Range<usize>,
    },
    /// Parts that are shown or hidden together.
    Parts {
        /// The mask's height and width.
        size: Size,
        /// The number of each pixel's part, in reading order.
        labels: Arc<[u32]>,
        /// A number for each part.
        values: Vec<f32>,
    },
    /// Pixels in an order, some of which are changed.
    Ranked {
        /// The mask's height and width.
        size: Size,
        /// Each pixel's place in the order, listed in reading order; pixels may share a place.
        ranks: Arc<[u32]>,
        /// The changed places.
        changed: Range<u32>,
        /// The value of the changed places, and of the rest.
        values: (f32, f32),
    },
}

impl From<Grid> for Mask {
    fn from(grid: Grid) -> Self {
        Mask::Grid(grid)
    }
}

impl Mask {
    /// Returns height and width.
    ///
    /// # Errors
    /// If the mask has no row or no column.
    pub fn size(&self) -> Result<Size> {
        match self {
            Mask::Grid(grid) => Ok(grid.size()),
            Mask::Cells { rows, columns, .. } => Ok(Size::new(rows.len(), columns.len())?),
            Mask::Window { size, .. } | Mask::Parts { size, .. } | Mask::Ranked { size, .. } => {
                Ok(*size)
            }
        }
    }

    /// Checks that everything the mask refers to exists.
    pub(crate) fn check(&self) -> Result<()> {
        let size = self.size()?;
        let within = |taps: &[Taps], len: usize| taps.iter().all(|&(a, b, _)| a < len && b < len);
        let whole = match self {
            Mask::Grid(_) => true,
            Mask::Cells {
                cells,
                rows,
                columns,
            } => within(rows, cells.height()) && within(columns, cells.width()),
            Mask::Window { rows, columns, .. } => {
                let within =
                    |range: &Range<usize>, len: usize| range.start <= range.end && range.end <= len;
                within(rows, size.height()) && within(columns, size.width())
            }
            Mask::Parts { labels, values, .. } => {
                let known = |&label: &u32| (label as usize) < values.len();
                labels.len() == size.area() && labels.iter().all(known)
            }
            Mask::Ranked { ranks, .. } => ranks.len() == size.area(),
        };
        if whole {
            Ok(())
        } else {
            Err(Error::BadMask(size))
        }
    }

    /// Returns the number of each pixel.
    ///
    /// # Errors
    /// If the mask has no row or no column, or refers to a cell, a place or a part that it does not have.
    pub fn into_grid(self) -> Result<Grid> {
        self.check()?;
        let size = self.size()?;
        let values = match self {
            Mask::Grid(grid) => return Ok(grid),
            Mask::Cells {
                cells,
                rows,
                columns,
            } => rows
                .iter()
                .flat_map(|&row| between(&cells, row, &columns).collect::<Vec<_>>())
                .collect(),
            Mask::Window { rows, columns, .. } => {
                let mut values = vec![1.0; size.area()];
                for row in rows {
                    values[row * size.width()..][columns.clone()].fill(0.0);
                }
                values
            }
            Mask::Parts { labels, values, .. } => {
                labels.iter().map(|&part| values[part as usize]).collect()
            }
            Mask::Ranked {
                ranks,
                changed,
                values: (inside, outside),
                ..
            } => {
                let value = |rank| {
                    if changed.contains(rank) {
                        inside
                    } else {
                        outside
                    }
                };
                ranks.iter().map(value).collect()
            }
        };
        Ok(Grid::new(size, values)?)
    }
}

/// Returns one row of an upsampled grid.
pub(crate) fn between<'a>(
    cells: &Grid,
    (above, below, share): Taps,
    columns: &'a [Taps],
) -> impl Iterator<Item = f32> + use<'a> {
    let line: Vec<f32> = (0..cells.width())
        .map(|x| {
            let at = |y: usize| cells.values()[y * cells.width() + x];
            at(above) + share * (at(below) - at(above))
        })
        .collect();
    columns
        .iter()
        .map(move |&(left, right, share)| line[left] + share * (line[right] - line[left]))
}
