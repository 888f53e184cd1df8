//! The first principal component of a matrix.

use gradcam_random::Random;

/// The most steps of the power iteration; it ends when the direction converges.
const STEPS: usize = 2000;
/// The squared change of the direction below which it has converged.
const REST: f64 = 1e-24;

/// Computes `A v₁` for the matrix `A` with these columns, one per channel, and its first right singular vector `v₁`.
///
/// This is also `σ₁ u₁`. The vector is found from `Aᵀ A` or `A Aᵀ`, whichever is smaller. Its sign, which is arbitrary for a singular
/// vector, is chosen to correlate with the sum of the columns.
pub(super) fn first_component(mut columns: Vec<Vec<f64>>, centered: bool) -> Vec<f64> {
    let positions = columns.first().map_or(0, Vec::len);
    if columns.iter().flatten().any(|v| !v.is_finite()) {
        return vec![f64::NAN; positions];
    }
    if centered {
        for column in &mut columns {
            let mean = column.iter().sum::<f64>() / positions as f64;
            column.iter_mut().for_each(|v| *v -= mean);
        }
    }
    let mut component = if columns.len() <= positions {
        let gram = columns
            .iter()
            .map(|a| columns.iter().map(|b| dot(a, b)).collect());
        let (v, _) = first_eigenvector(&gram.collect::<Vec<Vec<f64>>>());
        (0..positions)
            .map(|position| {
                columns
                    .iter()
                    .zip(&v)
                    .map(|(column, v)| column[position] * v)
                    .sum()
            })
            .collect()
    } else {
        let mut gram = vec![vec![0.0; positions]; positions];
        for column in &columns {
            for (row, &a) in gram.iter_mut().zip(column) {
                for (sum, &b) in row.iter_mut().zip(column) {
                    *sum += a * b;
                }
            }
        }
        let (u, eigenvalue) = first_eigenvector(&gram);
        let scale = eigenvalue.max(0.0).sqrt();
        u.into_iter().map(|v| v * scale).collect::<Vec<f64>>()
    };
    let sums: Vec<f64> = (0..positions)
        .map(|position| columns.iter().map(|column| column[position]).sum())
        .collect();
    let mean = |v: &[f64]| v.iter().sum::<f64>() / positions as f64;
    let (mean_component, mean_sums) = (mean(&component), mean(&sums));
    let products = component.iter().zip(&sums);
    let covariance: f64 = products
        .map(|(c, s)| (c - mean_component) * (s - mean_sums))
        .sum();
    if covariance < 0.0 {
        component.iter_mut().for_each(|v| *v = -*v);
    }
    component
}

/// Computes the first eigenvector, of length 1, of a symmetric matrix without negative eigenvalues, and its eigenvalue, by power iteration.
fn first_eigenvector(matrix: &[Vec<f64>]) -> (Vec<f64>, f64) {
    // The start must not be orthogonal to the eigenvector. A drawn one is not; a row of the matrix may be.
    let drawn = Random::of_draw(0, 0).normals(matrix.len(), 1.0);
    let mut v: Vec<f64> = matrix.iter().map(|row| dot(row, &drawn)).collect();
    let mut eigenvalue = 0.0;
    if !normalize(&mut v) {
        return (v, eigenvalue);
    }
    for _ in 0..STEPS {
        let mut next: Vec<f64> = matrix.iter().map(|row| dot(row, &v)).collect();
        eigenvalue = dot(&next, &v);
        normalize(&mut next);
        let moved: f64 = next.iter().zip(&v).map(|(a, b)| (a - b).powi(2)).sum();
        v = next;
        if moved < REST {
            break;
        }
    }
    (v, eigenvalue)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Scales a vector to length 1; returns whether it had a length.
fn normalize(v: &mut [f64]) -> bool {
    let length = dot(v, v).sqrt();
    if length > 0.0 {
        v.iter_mut().for_each(|v| *v /= length);
    }
    length > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_of_rank_one_is_its_own_component() {
        // Columns 2u and -u: A v₁ is √5 u, with the sign of the sum of the columns, u.
        let u = [0.6, 0.0, -0.8];
        let columns = vec![u.map(|v| 2.0 * v).to_vec(), u.map(|v| -v).to_vec()];
        for (found, u) in first_component(columns, false).iter().zip(u) {
            assert!((found - 5.0_f64.sqrt() * u).abs() < 1e-12);
        }
    }

    /// Few and many channels give the same result: a channel of zeros changes nothing.
    #[test]
    fn both_sides_of_the_matrix_agree() {
        let wave = |seed: f64| {
            (0..5)
                .map(|i| (f64::from(i) * seed).sin())
                .collect::<Vec<_>>()
        };
        let few = vec![wave(0.7), wave(1.9), wave(2.3)];
        let mut many = few.clone();
        many.extend(vec![vec![0.0; 5]; 6]);
        for centered in [false, true] {
            let (few, many) = (
                first_component(few.clone(), centered),
                first_component(many.clone(), centered),
            );
            for (few, many) in few.iter().zip(&many) {
                assert!((few - many).abs() < 1e-9, "{few}, {many}");
            }
        }
    }

    #[test]
    fn the_component_is_the_direction_of_the_largest_spread() {
        // Orthogonal columns of lengths 3 and 1.
        let columns = vec![vec![3.0, 0.0, 0.0], vec![0.0, 1.0, 0.0]];
        let found = first_component(columns, false);
        for (found, expected) in found.iter().zip([3.0, 0.0, 0.0]) {
            assert!((found - expected).abs() < 1e-12, "{found}, {expected}");
        }
    }

    /// Two channels that fire together outweigh the strongest channel, which fires elsewhere.
    #[test]
    fn the_strongest_channel_need_not_be_a_part_of_it() {
        let columns = vec![
            vec![1.05, 0.0, 0.0, 0.0],
            vec![1.05, 0.0, 0.0, 0.0],
            vec![0.0, 1.42, 0.0, 0.0],
        ];
        let found = first_component(columns, false);
        let expected = [1.05 * 2.0_f64.sqrt(), 0.0, 0.0, 0.0];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found}, {expected}");
        }
    }

    #[test]
    fn constant_channels_have_no_component_when_centered() {
        let columns = vec![vec![2.0, 2.0], vec![-1.0, -1.0]];
        assert_eq!(first_component(columns, true), [0.0, 0.0]);
        let columns = vec![vec![f64::NAN, 0.0]];
        assert!(first_component(columns, false).iter().all(|v| v.is_nan()));
    }
}
