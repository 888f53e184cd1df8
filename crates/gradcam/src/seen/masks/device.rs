//! Masks generated on a device.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use gradcam_map::Size;

use super::mask::{Mask, Taps};
use crate::Result;

/// Makes the masks of a batch, all of the size `size`, as `(n, 1, height, width)` of `f32`.
pub(super) fn tensor(masks: Vec<Mask>, size: Size, device: &Device) -> Result<Tensor> {
    let n = masks.len();
    let same = |like: fn(&Mask, &Mask) -> bool| masks.iter().all(|mask| like(&masks[0], mask));
    let found = match masks.first() {
        Some(Mask::Cells { .. }) if same(are_cells) => cells(&masks, device)?,
        Some(Mask::Window { .. }) if same(are_windows) => windows(&masks, size, device)?,
        Some(Mask::Parts { labels, .. }) if same(share_parts) => {
            let labels = Tensor::from_slice(labels, labels.len(), device)?;
            parts(&masks, &labels, device)?
        }
        Some(Mask::Ranked { ranks, values, .. }) if same(share_ranks) => {
            let ranks = Tensor::from_slice(ranks, (1, ranks.len()), device)?;
            ranked(&masks, &ranks.to_dtype(DType::F32)?, *values, device)?
        }
        _ => {
            let mut values = Vec::with_capacity(n * size.area());
            for mask in masks {
                values.extend(mask.into_grid()?.into_values());
            }
            Tensor::from_vec(values, (n, size.area()), device)?
        }
    };
    Ok(found.reshape((n, 1, size.height(), size.width()))?)
}

fn are_cells(a: &Mask, b: &Mask) -> bool {
    match (a, b) {
        (Mask::Cells { cells: a, .. }, Mask::Cells { cells: b, .. }) => a.size() == b.size(),
        _ => false,
    }
}

fn are_windows(_: &Mask, b: &Mask) -> bool {
    matches!(b, Mask::Window { .. })
}

fn share_parts(a: &Mask, b: &Mask) -> bool {
    match (a, b) {
        (Mask::Parts { labels: a, .. }, Mask::Parts { labels: b, .. }) => Arc::ptr_eq(a, b),
        _ => false,
    }
}

fn share_ranks(a: &Mask, b: &Mask) -> bool {
    match (a, b) {
        (
            Mask::Ranked {
                ranks: a,
                values: v,
                ..
            },
            Mask::Ranked {
                ranks: b,
                values: w,
                ..
            },
        ) => Arc::ptr_eq(a, b) && v == w,
        _ => false,
    }
}

/// Multiplies three matrices: the rows' taps, the cells, and the columns' taps.
fn cells(masks: &[Mask], device: &Device) -> Result<Tensor> {
    let (mut down, mut small, mut right) = (Vec::new(), Vec::new(), Vec::new());
    let mut sizes = [0; 4];
    for mask in masks {
        let Mask::Cells {
            cells,
            rows,
            columns,
        } = mask
        else {
            continue;
        };
        sizes = [rows.len(), cells.height(), cells.width(), columns.len()];
        down.extend(matrix(rows, cells.height()));
        small.extend_from_slice(cells.values());
        right.extend(matrix(columns, cells.width()));
    }
    let (n, [height, cell_rows, cell_columns, width]) = (masks.len(), sizes);
    let down = Tensor::from_vec(down, (n, height, cell_rows), device)?;
    let small = Tensor::from_vec(small, (n, cell_rows, cell_columns), device)?;
    let right = Tensor::from_vec(right, (n, width, cell_columns), device)?;
    Ok(down.matmul(&small)?.matmul(&right.t()?.contiguous()?)?)
}

/// Returns the weight of each cell at each position.
fn matrix(taps: &[Taps], cells: usize) -> Vec<f32> {
    let mut matrix = vec![0.0; taps.len() * cells];
    for (row, &(first, second, share)) in matrix.chunks_exact_mut(cells.max(1)).zip(taps) {
        row[first] += 1.0 - share;
        row[second] += share;
    }
    matrix
}

/// Returns 1 except where both the row and the column are hidden.
fn windows(masks: &[Mask], size: Size, device: &Device) -> Result<Tensor> {
    let (mut down, mut right) = (Vec::new(), Vec::new());
    let (height, width) = size.height_width();
    for mask in masks {
        let Mask::Window { rows, columns, .. } = mask else {
            continue;
        };
        let inside = |range: &std::ops::Range<usize>, len: usize| {
            let range = range.clone();
            (0..len).map(move |i| f32::from(u8::from(range.contains(&i))))
        };
        down.extend(inside(rows, height));
        right.extend(inside(columns, width));
    }
    let down = Tensor::from_vec(down, (masks.len(), height, 1), device)?;
    let right = Tensor::from_vec(right, (masks.len(), 1, width), device)?;
    Ok(down.broadcast_mul(&right)?.affine(-1.0, 1.0)?)
}

/// Returns each part's number at its pixels.
fn parts(masks: &[Mask], labels: &Tensor, device: &Device) -> Result<Tensor> {
    let mut all = Vec::new();
    for mask in masks {
        if let Mask::Parts { values, .. } = mask {
            all.extend_from_slice(values);
        }
    }
    let count = all.len() / masks.len();
    Ok(Tensor::from_vec(all, (masks.len(), count), device)?.index_select(labels, 1)?)
}

/// Returns one value between two places of the order, and another outside.
fn ranked(
    masks: &[Mask],
    ranks: &Tensor,
    (inside, outside): (f32, f32),
    device: &Device,
) -> Result<Tensor> {
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for mask in masks {
        if let Mask::Ranked { changed, .. } = mask {
            starts.push(changed.start as f32);
            ends.push(changed.end as f32);
        }
    }
    let column = |values: Vec<f32>| Tensor::from_vec(values, (masks.len(), 1), device);
    let after = ranks.broadcast_ge(&column(starts)?)?.to_dtype(DType::F32)?;
    let before = ranks.broadcast_lt(&column(ends)?)?.to_dtype(DType::F32)?;
    Ok((after * before)?.affine(f64::from(inside - outside), f64::from(outside))?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use gradcam_map::Grid;

    /// Masks of each kind, alone and mixed, equal those made by the processor.
    #[test]
    fn masks_are_the_processor_s() {
        let size = Size::new(6, 5).unwrap();
        let (height, width) = size.height_width();
        let small = Size::new(3, 2).unwrap();
        let taps = |len: usize, cells: usize, shift: usize| -> Vec<Taps> {
            let tap = |i: usize| ((i + shift) % cells, (i + shift + 1) % cells, i as f32 / 7.0);
            (0..len).map(tap).collect()
        };
        let cells = |seed: usize| Mask::Cells {
            cells: Grid::from_fn(small, |i| ((i + seed) as f32).sin()),
            rows: taps(height, 3, seed),
            columns: taps(width, 2, seed + 1),
        };
        let window = |start: usize| Mask::Window {
            size,
            rows: start..start + 3,
            columns: 2..start + 2,
        };
        let labels: Arc<[u32]> = (0..30).map(|i| i % 7 / 2).collect();
        let parts = |seed: usize| Mask::Parts {
            size,
            labels: labels.clone(),
            values: (0..4).map(|i| ((i * seed) as f32).cos()).collect(),
        };
        let ranks: Arc<[u32]> = (0..30).map(|i| i * 7 % 30).collect();
        let ranked = |end: u32| Mask::Ranked {
            size,
            ranks: ranks.clone(),
            changed: end / 2..end,
            values: (0.25, 1.0),
        };
        for masks in [
            vec![cells(0), cells(1), cells(5)],
            vec![window(0), window(2)],
            vec![parts(1), parts(2), parts(3)],
            vec![ranked(0), ranked(9), ranked(30)],
            vec![cells(0), window(1), parts(1), ranked(4)],
        ] {
            let found = tensor(masks.clone(), size, &Device::Cpu).unwrap();
            assert_eq!(found.dims(), [masks.len(), 1, height, width]);
            let found: Vec<f32> = found.flatten_all().unwrap().to_vec1().unwrap();
            let expected = masks.into_iter().map(|mask| mask.into_grid().unwrap());
            let expected = expected.flat_map(Grid::into_values);
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
            }
        }
    }
}
