//! The first principal component of a layer.

/// Steps of the power iteration at most; it ends when the direction rests.
const STEPS: usize = 2000;
/// How little the direction has to move, as the sine of an angle, squared.
const REST: f64 = 1e-24;

/// `A v₁` for the matrix `A` with these columns, one a channel, and its first right singular vector `v₁`.
///
/// That is `σ₁ u₁`, and `u₁` is the first eigenvector of `A Aᵀ`, a matrix of positions by positions. The sign, which a singular vector
/// leaves open, is that which correlates with the sum of the columns.
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
    let mut gram = vec![0.0; positions * positions];
    for column in &columns {
        for (row, &a) in gram.chunks_exact_mut(positions.max(1)).zip(column) {
            if a != 0.0 {
                for (sum, &b) in row.iter_mut().zip(column) {
                    *sum += a * b;
                }
            }
        }
    }
    let sums: Vec<f64> = (0..positions)
        .map(|position| columns.iter().map(|column| column[position]).sum())
        .collect();
    // Any start that is not orthogonal to the component will do; the largest row of the matrix cannot be.
    let start = (0..positions).max_by(|&i, &j| {
        let size = |i: usize| gram[i * positions + i];
        size(i).total_cmp(&size(j)).then(j.cmp(&i))
    });
    let Some(start) = start else {
        return Vec::new();
    };
    let mut u = gram[start * positions..][..positions].to_vec();
    if !normalize(&mut u) {
        return vec![0.0; positions];
    }
    let mut eigenvalue = 0.0;
    for _ in 0..STEPS {
        let mut next: Vec<f64> = gram
            .chunks_exact(positions)
            .map(|row| dot(row, &u))
            .collect();
        eigenvalue = dot(&next, &u);
        normalize(&mut next);
        let along = dot(&next, &u);
        u = next;
        if 1.0 - along * along < REST {
            break;
        }
    }
    let scale = eigenvalue.max(0.0).sqrt();
    let mean = |v: &[f64]| v.iter().sum::<f64>() / positions as f64;
    let (mean_u, mean_sums) = (mean(&u), mean(&sums));
    let covariance: f64 = u
        .iter()
        .zip(&sums)
        .map(|(u, s)| (u - mean_u) * (s - mean_sums))
        .sum();
    let sign = if covariance < 0.0 { -scale } else { scale };
    u.into_iter().map(|v| v * sign).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Brings a vector to the length 1; says whether it had one.
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

    #[test]
    fn the_component_is_the_direction_of_the_largest_spread() {
        // Orthogonal columns of the lengths 3 and 1.
        let columns = vec![vec![3.0, 0.0, 0.0], vec![0.0, 1.0, 0.0]];
        assert_eq!(first_component(columns, false), [3.0, 0.0, 0.0]);
    }

    #[test]
    fn constant_channels_have_no_component_when_centered() {
        let columns = vec![vec![2.0, 2.0], vec![-1.0, -1.0]];
        assert_eq!(first_component(columns, true), [0.0, 0.0]);
        let columns = vec![vec![f64::NAN, 0.0]];
        assert!(first_component(columns, false).iter().all(|v| v.is_nan()));
    }
}
