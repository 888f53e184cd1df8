//! What a mask is made of, and the mask on the processor.

use std::ops::Range;
use std::sync::Arc;

use crate::Grid;

/// Two samples along an axis, and the share of the second.
pub type Taps = (usize, usize, f32);

/// A mask of an image: a number for each pixel, 1 where it stays and 0 where it is hidden.
///
/// Most masks are made of less than that. A device is given this little, and makes the mask itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Mask {
    /// A number for each pixel.
    Grid(Grid),
    /// A small grid, enlarged: each row and each column of the mask lies between two of its own.
    Cells {
        /// The small grid.
        cells: Grid,
        /// For each row of the mask.
        rows: Vec<Taps>,
        /// For each column of the mask.
        columns: Vec<Taps>,
    },
    /// All but a window.
    Window {
        /// The mask's height and width.
        size: (usize, usize),
        /// The rows that are hidden.
        rows: Range<usize>,
        /// The columns that are hidden.
        columns: Range<usize>,
    },
    /// Parts that come and go together.
    Parts {
        /// The mask's height and width.
        size: (usize, usize),
        /// The number of each pixel's part, in reading order.
        labels: Arc<[u32]>,
        /// A number for each part.
        values: Vec<f32>,
    },
    /// Pixels in an order, of which some are changed.
    Ranked {
        /// The mask's height and width.
        size: (usize, usize),
        /// Each pixel's place in the order, in reading order; pixels may share one.
        ranks: Arc<[u32]>,
        /// The places that are changed.
        changed: Range<u32>,
        /// The value of those, and of the rest.
        values: (f32, f32),
    },
}

impl From<Grid> for Mask {
    fn from(grid: Grid) -> Self {
        Mask::Grid(grid)
    }
}

impl Mask {
    /// Its height and width.
    pub fn size(&self) -> (usize, usize) {
        match self {
            Mask::Grid(grid) => (grid.height, grid.width),
            Mask::Cells { rows, columns, .. } => (rows.len(), columns.len()),
            Mask::Window { size, .. } | Mask::Parts { size, .. } | Mask::Ranked { size, .. } => {
                *size
            }
        }
    }

    /// Whether all that it refers to is there.
    pub(crate) fn is_whole(&self) -> bool {
        let (height, width) = self.size();
        let within = |taps: &[Taps], len: usize| taps.iter().all(|&(a, b, _)| a < len && b < len);
        match self {
            Mask::Grid(grid) => grid.values.len() == height * width,
            Mask::Cells {
                cells,
                rows,
                columns,
            } => {
                cells.values.len() == cells.height * cells.width
                    && within(rows, cells.height)
                    && within(columns, cells.width)
            }
            Mask::Window { rows, columns, .. } => {
                let within =
                    |range: &Range<usize>, len: usize| range.start <= range.end && range.end <= len;
                within(rows, height) && within(columns, width)
            }
            Mask::Parts { labels, values, .. } => {
                let known = |&label: &u32| (label as usize) < values.len();
                labels.len() == height * width && labels.iter().all(known)
            }
            Mask::Ranked { ranks, .. } => ranks.len() == height * width,
        }
    }

    /// The number of each pixel.
    ///
    /// # Panics
    /// When it refers to a cell, a place or a part that it does not have.
    pub fn into_grid(self) -> Grid {
        let (height, width) = self.size();
        let values = match self {
            Mask::Grid(grid) => return grid,
            Mask::Cells {
                cells,
                rows,
                columns,
            } => rows
                .iter()
                .flat_map(|&row| between(&cells, row, &columns).collect::<Vec<_>>())
                .collect(),
            Mask::Window { rows, columns, .. } => {
                let mut values = vec![1.0; height * width];
                for row in rows {
                    values[row * width..][columns.clone()].fill(0.0);
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
                let value = |rank| match changed.contains(rank) {
                    true => inside,
                    false => outside,
                };
                ranks.iter().map(value).collect()
            }
        };
        Grid {
            height,
            width,
            values,
        }
    }
}

/// One row of an enlarged grid.
pub(crate) fn between<'a>(
    cells: &Grid,
    (above, below, share): Taps,
    columns: &'a [Taps],
) -> impl Iterator<Item = f32> + use<'a> {
    let line: Vec<f32> = (0..cells.width)
        .map(|x| {
            let at = |y: usize| cells.values[y * cells.width + x];
            at(above) + share * (at(below) - at(above))
        })
        .collect();
    columns
        .iter()
        .map(move |&(left, right, share)| line[left] + share * (line[right] - line[left]))
}
