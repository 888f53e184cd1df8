//! How closely maps agree on the order of their positions.

use crate::Grid;

/// Computes Spearman's rank correlation, -1 to 1, of every pair of maps, as a square matrix. Ties share their mean rank. An entry is `None`
/// if a map is constant or not finite, or if the sizes differ.
///
/// ```
/// use gradcam_map::{Grid, Size, rank_correlations};
///
/// let size = Size::new(1, 3)?;
/// let map = Grid::new(size, vec![0.0, 1.0, 9.0])?;
/// let found = rank_correlations(&[&map, &map.map(f32::sqrt), &Grid::filled(size, 1.0)]);
/// assert!(found[0][1].is_some_and(|r| (r - 1.0).abs() < 1e-12));
/// assert_eq!(found[0][2], None);
/// # Ok::<(), gradcam_map::Error>(())
/// ```
pub fn rank_correlations(maps: &[&Grid]) -> Vec<Vec<Option<f64>>> {
    let ranks: Vec<Option<Vec<f64>>> = maps.iter().map(|map| standardised(map.values())).collect();
    let correlation = |a: usize, b: usize| -> Option<f64> {
        if maps[a].size() != maps[b].size() {
            return None;
        }
        let (x, y) = (ranks[a].as_ref()?, ranks[b].as_ref()?);
        let product: f64 = x.iter().zip(y).map(|(x, y)| x * y).sum();
        Some(product.clamp(-1.0, 1.0))
    };
    let row = |a: usize| (0..maps.len()).map(|b| correlation(a, b)).collect();
    (0..maps.len()).map(row).collect()
}

/// Ranks the values, subtracts the mean, and scales to unit length.
fn standardised(values: &[f32]) -> Option<Vec<f64>> {
    if values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    // 0 and -0 are ties, although the sort order separates them.
    for group in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = first as f64 + (group.len() - 1) as f64 / 2.0;
        group.iter().for_each(|&i| ranks[i] = mean);
        first += group.len();
    }
    let mean = (values.len().max(1) - 1) as f64 / 2.0;
    ranks.iter_mut().for_each(|rank| *rank -= mean);
    let length = ranks.iter().map(|r| r * r).sum::<f64>().sqrt();
    if length == 0.0 {
        return None;
    }
    ranks.iter_mut().for_each(|rank| *rank /= length);
    Some(ranks)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Size;

    fn grid(values: &[f32]) -> Grid {
        let size = Size::new(1, values.len()).unwrap();
        Grid::new(size, values.to_vec()).unwrap()
    }

    #[test]
    fn order_alone_counts_and_ties_share_their_rank() {
        let a = grid(&[1.0, 2.0, 3.0, 10.0]);
        let b = grid(&[-1.0, 0.0, 5.0, 6.0]);
        let c = grid(&[4.0, 3.0, 2.0, 1.0]);
        let tied = grid(&[0.0, -0.0, 1.0, 1.0]);
        let flat = grid(&[2.0; 4]);
        let found = rank_correlations(&[&a, &b, &c, &tied, &flat]);
        assert!((found[0][1].unwrap() - 1.0).abs() < 1e-12);
        assert!((found[0][2].unwrap() + 1.0).abs() < 1e-12);
        // Ranks 0 1 2 3 and ½ ½ 2½ 2½: 4 / √(5 · 4).
        assert!((found[0][3].unwrap() - 4.0 / 20.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(found[0][4], None);
        assert_eq!(rank_correlations(&[&a, &grid(&[1.0, 2.0])])[0][1], None);
    }
}
