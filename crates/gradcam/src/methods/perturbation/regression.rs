//! Weighted least squares and their standard errors.

/// Added to the diagonal of a normal matrix, as a fraction of its mean: values that too few samples leave undetermined become small instead
/// of infinite.
const JITTER: f64 = 1e-10;

/// Computes `Σ w x xᵀ` over rows `x` of `size` numbers.
pub(super) fn gram(rows: &[Vec<f64>], weights: &[f64], size: usize) -> Vec<f64> {
    let mut sums = vec![0.0; size * size];
    for (row, weight) in rows.iter().zip(weights) {
        for (sums, a) in sums.chunks_exact_mut(size.max(1)).zip(row) {
            let a = weight * a;
            sums.iter_mut().zip(row).for_each(|(sum, b)| *sum += a * b);
        }
    }
    sums
}

/// Computes `Σ w x y`.
pub(super) fn moments(
    rows: &[Vec<f64>],
    weights: &[f64],
    targets: &[f64],
    size: usize,
) -> Vec<f64> {
    let mut sums = vec![0.0; size];
    for ((row, weight), target) in rows.iter().zip(weights).zip(targets) {
        let wy = weight * target;
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += wy * x);
    }
    sums
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The Cholesky factor of a symmetric matrix without negative eigenvalues.
pub(super) struct Factor {
    size: usize,
    lower: Vec<f64>,
}

impl Factor {
    pub(super) fn of(mut matrix: Vec<f64>, size: usize) -> Self {
        let trace: f64 = (0..size).map(|i| matrix[i * size + i]).sum();
        let jitter = JITTER * trace / size.max(1) as f64;
        for j in 0..size {
            let row: Vec<f64> = matrix[j * size..][..j].to_vec();
            let left = matrix[j * size + j] + jitter - dot(&row, &row);
            // Rounding may subtract slightly too much.
            let pivot = left.max(jitter).max(f64::MIN_POSITIVE).sqrt();
            matrix[j * size + j] = pivot;
            for i in j + 1..size {
                let other = &mut matrix[i * size..];
                other[j] = (other[j] - dot(&other[..j], &row)) / pivot;
            }
        }
        Factor {
            size,
            lower: matrix,
        }
    }

    /// Returns the matrix's inverse times `right`.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let Factor { size, lower } = self;
        let mut x = right.to_vec();
        for i in 0..*size {
            let row = &lower[i * size..][..i];
            x[i] = (x[i] - dot(row, &x[..i])) / lower[i * size + i];
        }
        for i in (0..*size).rev() {
            x[i] /= lower[i * size + i];
            let value = x[i];
            let row = &lower[i * size..][..i];
            x[..i]
                .iter_mut()
                .zip(row)
                .for_each(|(x, l)| *x -= l * value);
        }
        x
    }
}

/// Computes the standard errors of a fit that solves `Σ g_i = 0`: the roots of the diagonal of `P (Σ g_i g_iᵀ) P`, where `P` is the inverse
/// of the normal matrix.
///
/// This is White's (1980) estimator, which assumes nothing about the residuals (a network is not a linear model with noise of one
/// strength), with the usual factor for `free` parameters. `None` if the samples do not outnumber the parameters: the residuals are
/// uninformative then.
pub(super) fn standard_errors(
    contributions: &[Vec<f64>],
    free: usize,
    inverse: impl Fn(&[f64]) -> Vec<f64>,
) -> Option<Vec<f64>> {
    let count = contributions.len();
    if count <= free {
        return None;
    }
    let mut sums = vec![0.0; contributions.first()?.len()];
    for contribution in contributions {
        for (sum, v) in sums.iter_mut().zip(inverse(contribution)) {
            *sum += v * v;
        }
    }
    let factor = count as f64 / (count - free) as f64;
    Some(sums.into_iter().map(|sum| (factor * sum).sqrt()).collect())
}

/// A fitted linear model.
pub(super) struct Ridge {
    pub(super) coefficients: Vec<f64>,
    pub(super) errors: Option<Vec<f64>>,
    /// The fraction of the weighted variance that the model explains.
    pub(super) r_squared: f64,
}

impl Ridge {
    /// Minimises `Σ w (y - c - x·β)² + penalty |β|²`; the intercept `c` is not penalised.
    pub(super) fn fit(rows: &[Vec<f64>], weights: &[f64], targets: &[f64], penalty: f64) -> Self {
        let size = rows.first().map_or(0, Vec::len);
        let total: f64 = weights.iter().sum();
        let mean = dot(weights, targets) / total;
        let ones = vec![1.0; rows.len()];
        let means: Vec<f64> = moments(rows, weights, &ones, size)
            .into_iter()
            .map(|sum| sum / total)
            .collect();
        let centred: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| row.iter().zip(&means).map(|(x, m)| x - m).collect())
            .collect();
        let from_mean: Vec<f64> = targets.iter().map(|y| y - mean).collect();
        let mut normal = gram(&centred, weights, size);
        normal
            .iter_mut()
            .step_by(size + 1)
            .for_each(|diagonal| *diagonal += penalty);
        let factor = Factor::of(normal, size);
        let coefficients = factor.solve(&moments(&centred, weights, &from_mean, size));
        let residuals: Vec<f64> = centred
            .iter()
            .zip(&from_mean)
            .map(|(row, y)| y - dot(row, &coefficients))
            .collect();
        let contributions: Vec<Vec<f64>> = centred
            .iter()
            .zip(weights.iter().zip(&residuals))
            .map(|(row, (w, r))| row.iter().map(|x| w * r * x).collect())
            .collect();
        let squares = |values: &[f64]| -> f64 {
            let terms = values.iter().zip(weights).map(|(v, w)| w * v * v);
            terms.sum()
        };
        let (left, all) = (squares(&residuals), squares(&from_mean));
        Ridge {
            errors: standard_errors(&contributions, size + 1, |g| factor.solve(g)),
            coefficients,
            // As in scikit-learn if nothing varies.
            r_squared: match (all == 0.0, left == 0.0) {
                (true, true) => 1.0,
                (true, false) => 0.0,
                _ => 1.0 - left / all,
            },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use gradcam_random::Random;

    use super::*;

    #[test]
    fn a_factor_solves() {
        let matrix = vec![4.0, 2.0, 1.0, 2.0, 5.0, 3.0, 1.0, 3.0, 6.0];
        let x = [1.0, -2.0, 0.5];
        let right: Vec<f64> = matrix.chunks(3).map(|row| dot(row, &x)).collect();
        for (a, b) in Factor::of(matrix, 3).solve(&right).iter().zip(x) {
            assert!((a - b).abs() < 1e-8, "{a}, {b}");
        }
        // Nothing is known about the second number, or about either.
        let found = Factor::of(vec![2.0, 0.0, 0.0, 0.0], 2).solve(&[3.0, 0.0]);
        assert!((found[0] - 1.5).abs() < 1e-8 && found[1] == 0.0);
        assert_eq!(Factor::of(vec![0.0; 4], 2).solve(&[0.0; 2]), [0.0; 2]);
    }

    /// The errors match the coefficients' scatter over many data sets, with noise that depends on the row.
    #[test]
    fn the_errors_are_those_of_repetitions() {
        let truth = [1.0, -2.0];
        let (mut scatter, mut claimed) = ([0.0; 2], [0.0; 2]);
        let repetitions = 400;
        for seed in 0..repetitions {
            let mut random = Random::of_draw(seed, 0);
            let rows: Vec<_> = (0..200).map(|_| random.normals(2, 1.0)).collect();
            let noise = random.normals(200, 0.5);
            let targets: Vec<f64> = rows
                .iter()
                .zip(noise)
                .map(|(row, n)| 3.0 + dot(row, &truth) + n * row[0])
                .collect();
            let fit = Ridge::fit(&rows, &vec![1.0; 200], &targets, 0.0);
            for (j, error) in fit.errors.unwrap().into_iter().enumerate() {
                scatter[j] += (fit.coefficients[j] - truth[j]).powi(2) / repetitions as f64;
                claimed[j] += error * error / repetitions as f64;
            }
        }
        for (scatter, claimed) in scatter.iter().zip(claimed) {
            let ratio = (claimed / scatter).sqrt();
            assert!((0.85..1.15).contains(&ratio), "{ratio}");
        }
    }
}
