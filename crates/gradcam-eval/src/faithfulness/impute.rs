//! Imputes hidden pixels from their surroundings, after Rong et al. 2022 (ROAD).

use crate::{Error, Result, Undefined};

/// The maximum number of iterations; a picture of 224 × 224 with one visible pixel takes under 2,000.
const ROUNDS: usize = 20_000;
/// The residual, as a share of the right-hand side, at which the solver stops: too small to show in an f32.
const ENOUGH: f64 = 1e-9;
/// The weights of a neighbour across an edge, and across a corner.
const SIDE: f64 = 1.0 / 6.0;
const CORNER: f64 = 1.0 / 12.0;

/// Fills planes of `height` rows and `width` columns: each `hidden` pixel is the weighted mean of its up to eight neighbours, hidden or
/// not. The weights are 1/6 across an edge and 1/12 across a corner, divided by their sum at the border.
///
/// The equations are symmetric and positive definite. Conjugate gradients solve them in f64 and in a fixed order.
///
/// # Errors
/// If `hidden` does not have the size of a plane, `planes` is not a whole number of planes, or every pixel is hidden.
/// [`Undefined::NonFinite`] if a value of the planes is not finite: it would persist in every iteration of the solver.
pub fn impute(planes: &[f32], hidden: &[bool], height: usize, width: usize) -> Result<Vec<f32>> {
    let size = height * width;
    if hidden.len() != size || !planes.len().is_multiple_of(size.max(1)) {
        return Err(Error::Length {
            expected: size,
            found: if hidden.len() == size {
                planes.len()
            } else {
                hidden.len()
            },
        });
    }
    if size > 0 && hidden.iter().all(|&h| h) {
        return Err(Error::option(
            "hidden",
            "less than the whole image",
            "all of it",
        ));
    }
    if planes.iter().any(|v| !v.is_finite()) {
        return Err(Undefined::NonFinite.into());
    }
    let system = System::new(hidden, height, width);
    let mut result = planes.to_vec();
    for plane in result.chunks_exact_mut(size.max(1)) {
        let known = |i: usize| if hidden[i] { 0.0 } else { f64::from(plane[i]) };
        let mut field = system.empty();
        (0..size).for_each(|i| field[system.place(i)] = known(i));
        // The known neighbours' part of each mean is on the right-hand side.
        let solution = system.solve(&system.sums(&field));
        for (&pixel, value) in system.pixels.iter().zip(solution) {
            plane[pixel] = value as f32;
        }
    }
    Ok(result)
}

/// The equations of the hidden pixels. A field is a plane with a border of zeros, so that every pixel has eight neighbours.
struct System {
    height: usize,
    width: usize,
    /// The hidden pixels' indices in the plane.
    pixels: Vec<usize>,
    /// Their indices in a field.
    places: Vec<usize>,
    /// The sum of the weights of each hidden pixel's neighbours.
    diagonal: Vec<f64>,
}

impl System {
    fn new(hidden: &[bool], height: usize, width: usize) -> Self {
        let mut system = System {
            height,
            width,
            pixels: (0..hidden.len()).filter(|&i| hidden[i]).collect(),
            places: Vec::new(),
            diagonal: Vec::new(),
        };
        system.places = system.pixels.iter().map(|&i| system.place(i)).collect();
        let mut inside = system.empty();
        (0..hidden.len()).for_each(|i| inside[system.place(i)] = 1.0);
        system.diagonal = system.sums(&inside);
        system
    }

    fn empty(&self) -> Vec<f64> {
        vec![0.0; (self.height + 2) * (self.width + 2)]
    }

    fn place(&self, pixel: usize) -> usize {
        (pixel / self.width + 1) * (self.width + 2) + pixel % self.width + 1
    }

    /// Returns the weighted sum of each hidden pixel's neighbours in a field.
    fn sums(&self, field: &[f64]) -> Vec<f64> {
        let row = self.width + 2;
        let sum = |&at: &usize| {
            let sides = field[at - row] + field[at - 1] + field[at + 1] + field[at + row];
            let above = field[at - row - 1] + field[at - row + 1];
            let below = field[at + row - 1] + field[at + row + 1];
            SIDE * sides + CORNER * (above + below)
        };
        self.places.iter().map(sum).collect()
    }

    /// Computes the hidden pixels' values, by conjugate gradients preconditioned with the diagonal.
    fn solve(&self, right: &[f64]) -> Vec<f64> {
        let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        let scaled =
            |r: &[f64]| -> Vec<f64> { r.iter().zip(&self.diagonal).map(|(r, d)| r / d).collect() };
        let mut solution = vec![0.0; right.len()];
        let mut residual = right.to_vec();
        let mut step = scaled(&residual);
        let mut energy = dot(&residual, &step);
        let enough = ENOUGH * ENOUGH * energy;
        let mut field = self.empty();
        for _ in 0..ROUNDS {
            if energy <= enough {
                break;
            }
            for (&place, &value) in self.places.iter().zip(&step) {
                field[place] = value;
            }
            let mut image = self.sums(&field);
            for (i, off) in image.iter_mut().enumerate() {
                *off = self.diagonal[i] * step[i] - *off;
            }
            let length = energy / dot(&step, &image);
            for i in 0..step.len() {
                solution[i] += length * step[i];
                residual[i] -= length * image[i];
            }
            let next = scaled(&residual);
            let next_energy = dot(&residual, &next);
            let turn = next_energy / energy;
            for i in 0..step.len() {
                step[i] = next[i] + turn * step[i];
            }
            energy = next_energy;
        }
        solution
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{golden, list, undefined, wave};

    #[test]
    fn the_values_are_those_of_a_direct_solver() {
        let image = wave(12, 10, 0.731);
        let hidden: Vec<bool> = wave(12, 10, 1.117)
            .values()
            .iter()
            .map(|&v| v < 0.8)
            .collect();
        // A second plane with doubled values has a doubled solution.
        let twice = image.map(|v| 2.0 * v);
        let planes = [image.values(), twice.values()].concat();
        let found = impute(&planes, &hidden, 12, 10).unwrap();
        for (i, expected) in list(&golden()["imputation"]).into_iter().enumerate() {
            assert!((f64::from(found[i]) - expected).abs() < 1e-6);
            assert!((f64::from(found[i + 120]) - 2.0 * expected).abs() < 1e-6);
        }
    }

    #[test]
    fn one_pixel_left_fills_the_plane() {
        let mut hidden = vec![true; 30 * 41];
        hidden[555] = false;
        let plane: Vec<f32> = (0..30 * 41).map(|i| i as f32).collect();
        for v in impute(&plane, &hidden, 30, 41).unwrap() {
            assert!((v - 555.0).abs() < 1e-3, "{v}");
        }
        assert!(impute(&plane, &[true; 30 * 41], 30, 41).is_err());
        assert!(impute(&plane, &hidden, 30, 40).is_err());
        assert_eq!(impute(&[], &[], 0, 0).unwrap(), [0.0_f32; 0]);
        for value in [f32::NAN, f32::INFINITY] {
            let mut plane = plane.clone();
            plane[7] = value;
            let found = impute(&plane, &hidden, 30, 41);
            assert_eq!(undefined(found), Undefined::NonFinite);
        }
    }
}
