//! Products of matrices.

use crate::graph::Node;
use crate::host::broadcast::{onto, shape, spread};
use crate::host::inputs::Inputs;
use crate::host::number::Number;
use crate::host::value::{Element, Host, count, numeric};
use crate::host::walk::{copied, strides, walk};

/// The most multiplications of a node: some seconds.
const MOST_STEPS: usize = 1 << 32;

fn bounded(dims: &[usize]) -> Result<(), String> {
    let steps = |n: usize, dim: &usize| {
        let steps = n.checked_mul((*dim).max(1));
        steps.filter(|steps| *steps <= MOST_STEPS)
    };
    match dims.iter().try_fold(1, steps) {
        Some(_) => Ok(()),
        None => Err(format!(
            "expected at most {MOST_STEPS} multiplications, found {dims:?}"
        )),
    }
}

/// Multiplies matrices, of which the leading dimensions broadcast. A vector is a row on the left and a column on the right.
pub(crate) fn mat_mul(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (a, b) = (inputs.get(0)?, inputs.get(1)?);
    let refused = || {
        format!(
            "matrices of shapes {:?} and {:?} do not multiply",
            a.dims(),
            b.dims()
        )
    };
    let (left, right) = match (a.dims(), b.dims()) {
        ([], _) | (_, []) => return Err(refused()),
        (left, right) => (matrix(left, true), matrix(right, false)),
    };
    let (left_batch, left) = left.split_at(left.len() - 2);
    let (right_batch, right) = right.split_at(right.len() - 2);
    let ([rows, inner], [found, columns]) = (left, right) else {
        return Err(refused());
    };
    let (rows, inner, columns) = (*rows, *inner, *columns);
    if inner != *found {
        return Err(refused());
    }
    let batch = shape(&[left_batch, right_batch])?;
    let full = [&batch[..], &[rows, columns]].concat();
    let length = count(&full)?;
    bounded(&[&full[..], &[inner]].concat())?;
    // Batches are whole matrices apart.
    let whole = |strides: Vec<isize>, size: usize| -> Vec<isize> {
        strides
            .into_iter()
            .map(|stride| stride * size as isize)
            .collect()
    };
    let to_left = whole(spread(left_batch, &batch), rows * inner);
    let to_right = whole(spread(right_batch, &batch), inner * columns);
    let mut dims = batch.clone();
    dims.extend((a.rank() > 1).then_some(rows));
    dims.extend((b.rank() > 1).then_some(columns));
    let product = numeric!(a, T => {
        let (left, right) = (T::of(a)?, T::of(b)?);
        let mut out = Vec::with_capacity(length);
        walk(&batch, [&to_left, &to_right], [0, 0], |[l, r]| {
            let (left, right) = (&left[l..l + rows * inner], &right[r..r + inner * columns]);
            multiply(left, right, [rows, inner, columns], &mut out);
        });
        Host::of(dims, out)
    })?;
    Ok(product.typed(a.element()))
}

fn matrix(dims: &[usize], row: bool) -> Vec<usize> {
    match dims {
        [size] if row => vec![1, *size],
        [size] => vec![*size, 1],
        dims => dims.to_vec(),
    }
}

/// Appends the product of two matrices.
fn multiply<T: Number>(
    left: &[T],
    right: &[T],
    [rows, inner, columns]: [usize; 3],
    out: &mut Vec<T>,
) {
    for row in 0..rows {
        let start = out.len();
        out.resize(start + columns, T::ZERO);
        for n in 0..inner {
            let factor = left[row * inner + n];
            let line = &right[n * columns..(n + 1) * columns];
            for (sum, value) in out[start..].iter_mut().zip(line) {
                *sum = sum.plus(factor.times(*value));
            }
        }
    }
}

/// Returns `alpha * A * B + beta * C`, with `A` and `B` transposed if the attributes say so.
pub(crate) fn gemm(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (a, b, c) = (inputs.get(0)?, inputs.get(1)?, inputs.optional(2));
    let (alpha, beta) = (node.float("alpha", 1.0)?, node.float("beta", 1.0)?);
    let (left, right) = (node.flag("transA", false)?, node.flag("transB", false)?);
    let [[rows, inner], [found, columns]] = [sides(a, left)?, sides(b, right)?];
    if inner != found {
        return Err(format!(
            "matrices of {rows} x {inner} and {found} x {columns} do not multiply"
        ));
    }
    let dims = vec![rows, columns];
    let length = count(&dims)?;
    bounded(&[rows, inner, columns])?;
    let product = numeric!(a, T => {
        let mut out = Vec::with_capacity(length);
        let (left, right) = (straight::<T>(a, left)?, straight::<T>(b, right)?);
        multiply(&left, &right, [rows, inner, columns], &mut out);
        if alpha != 1.0 {
            for value in &mut out {
                *value = scaled(*value, alpha);
            }
        }
        if let Some(c) = c {
            let to = onto(c.dims(), &dims)?;
            let values = T::of(c)?;
            let mut sums = out.iter_mut();
            walk(&dims, [&to], [0], |[at]| {
                if let Some(sum) = sums.next() {
                    *sum = sum.plus(scaled(values[at], beta));
                }
            });
        }
        Host::of(dims, out)
    })?;
    Ok(product.typed(a.element()))
}

fn scaled<T: Number>(value: T, factor: f32) -> T {
    if factor == 1.0 {
        return value;
    }
    T::narrow(value.wide() * f64::from(factor))
}

/// Returns the rows and columns of a matrix, exchanged if it is transposed.
fn sides(host: &Host, transposed: bool) -> Result<[usize; 2], String> {
    match host.dims() {
        [rows, columns] if transposed => Ok([*columns, *rows]),
        [rows, columns] => Ok([*rows, *columns]),
        dims => Err(format!("expected a matrix, found the shape {dims:?}")),
    }
}

fn straight<T: Number>(host: &Host, transposed: bool) -> Result<Vec<T>, String> {
    let values = T::of(host)?;
    if !transposed {
        return Ok(values.to_vec());
    }
    let dims = sides(host, true)?;
    Ok(copied(values, &dims, &[1, dims[0] as isize], 0))
}

/// Sums products over the letters that the result lacks, of one or two values.
pub(crate) fn einsum(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let operands = inputs.all()?;
    let equation = node.text("equation", "")?.replace(' ', "");
    let (terms, result) = match equation.split_once("->") {
        Some((terms, result)) => (terms, Some(result)),
        None => (equation.as_str(), None),
    };
    let terms: Vec<&str> = terms.split(',').collect();
    let letters = |term: &str| term.chars().all(|letter| letter.is_ascii_alphabetic());
    let supported = terms.len() <= 2 && terms.iter().all(|term| letters(term));
    if !supported || !result.is_none_or(letters) {
        return Err(format!(
            "expected an equation of letters for one or two values, found {equation:?}"
        ));
    }
    if terms.len() != operands.len() {
        return Err(format!(
            "expected {} values by {equation:?}, found {}",
            terms.len(),
            operands.len()
        ));
    }
    let result = result.map_or_else(|| once(&terms), str::to_string);
    let mut order: Vec<char> = result.chars().collect();
    for (n, letter) in order.iter().enumerate() {
        if order[..n].contains(letter) || !terms.iter().any(|term| term.contains(*letter)) {
            return Err(format!(
                "expected each letter of the result once and in a value, found {equation:?}"
            ));
        }
    }
    let kept = order.len();
    for letter in terms.iter().flat_map(|term| term.chars()) {
        if !order.contains(&letter) {
            order.push(letter);
        }
    }
    let dims = sizes(&order, &terms, &operands)?;
    let shape = dims[..kept].to_vec();
    let length = count(&shape)?;
    bounded(&dims)?;
    let mut to = strides(&shape);
    to.resize(dims.len(), 0);
    let of = |n: usize| letter_strides(&order, &dims, terms[n], operands[n]);
    let product = match operands[..] {
        [only] => {
            let from = of(0);
            numeric!(only, T => {
                let values = T::of(only)?;
                let mut out = vec![T::ZERO; length];
                walk(&dims, [&from, &to], [0, 0], |[from, to]| {
                    out[to] = out[to].plus(values[from]);
                });
                Host::of(shape, out)
            })
        }
        [a, b] => {
            let (from_a, from_b) = (of(0), of(1));
            numeric!(a, T => {
                let (left, right) = (T::of(a)?, T::of(b)?);
                let mut out = vec![T::ZERO; length];
                walk(&dims, [&from_a, &from_b, &to], [0, 0, 0], |[l, r, to]| {
                    out[to] = out[to].plus(left[l].times(right[r]));
                });
                Host::of(shape, out)
            })
        }
        _ => Err(format!(
            "expected one or two values, found {}",
            operands.len()
        )),
    };
    Ok(product?.typed(operands[0].element()))
}

/// Returns the letters that occur once, in alphabetical order.
fn once(terms: &[&str]) -> String {
    let all = terms.concat();
    let mut letters: Vec<char> = all
        .chars()
        .filter(|l| all.matches(*l).count() == 1)
        .collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

/// Returns the size of each letter. A size of 1 repeats.
fn sizes(order: &[char], terms: &[&str], operands: &[&Host]) -> Result<Vec<usize>, String> {
    let mut sizes = vec![1; order.len()];
    for (term, host) in terms.iter().zip(operands) {
        if term.len() != host.rank() {
            return Err(format!(
                "the shape {:?} does not fit the letters {term:?}",
                host.dims()
            ));
        }
        for (letter, dim) in term.chars().zip(host.dims()) {
            let known = order.iter().zip(&mut sizes).filter(|(l, _)| **l == letter);
            for (_, size) in known {
                match (*size, *dim) {
                    (_, 1) => {}
                    (1, dim) => *size = dim,
                    (size, dim) if size == dim => {}
                    (size, dim) => {
                        return Err(format!("the letter {letter:?} has sizes {size} and {dim}"));
                    }
                }
            }
        }
    }
    Ok(sizes)
}

/// Returns the strides of a value for each letter; a letter that occurs twice runs along a diagonal.
fn letter_strides(order: &[char], dims: &[usize], term: &str, host: &Host) -> Vec<isize> {
    let own = strides(host.dims());
    let pairs = || term.chars().zip(own.iter().zip(host.dims()));
    let stride = |(letter, size): (&char, &usize)| {
        let axes = pairs().filter(|(own, (_, dim))| own == letter && *dim == size);
        axes.map(|(_, (stride, _))| *stride).sum()
    };
    order.iter().zip(dims).map(stride).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::host::tests::{check, f, float, i, int, l, refuses, text};

    #[test]
    fn matrices_multiply_in_batches() {
        let x = f(&[2, 1, 2], &[1.0, 2.0, 3.0, 4.0]);
        let y = f(&[2, 2], &[1.0, 10.0, 100.0, 1000.0]);
        let product = f(&[2, 1, 2], &[201.0, 2010.0, 403.0, 4030.0]);
        check("MatMul", &[], &[x.clone(), y.clone()], &product);
        let vector = f(&[2], &[1.0, 2.0]);
        check(
            "MatMul",
            &[],
            &[vector.clone(), y.clone()],
            &f(&[2], &[201.0, 2010.0]),
        );
        check(
            "MatMul",
            &[],
            &[x, vector.clone()],
            &f(&[2, 1], &[5.0, 11.0]),
        );
        check(
            "MatMul",
            &[],
            &[vector.clone(), vector.clone()],
            &f(&[], &[5.0]),
        );
        check(
            "MatMul",
            &[],
            &[i(&[1, 2], &[1, 2]), i(&[2, 1], &[3, 4])],
            &i(&[1, 1], &[11]),
        );
        let (tall, wide) = (f(&[2, 0], &[]), f(&[0, 2], &[]));
        check("MatMul", &[], &[tall, wide], &f(&[2, 2], &[0.0; 4]));
        refuses(
            "MatMul",
            &[],
            &[f(&[], &[1.0]), y.clone()],
            "do not multiply",
        );
        refuses("MatMul", &[], &[f(&[3], &[1.0; 3]), y], "do not multiply");
    }

    #[test]
    fn long_products_are_refused() {
        let side = f(&[1 << 11, 1 << 11], &vec![0.0; 1 << 22]);
        refuses(
            "MatMul",
            &[],
            &[side.clone(), side.clone()],
            "at most 4294967296 multiplications",
        );
        refuses(
            "Gemm",
            &[],
            &[side.clone(), side.clone()],
            "at most 4294967296 multiplications",
        );
        let equation = [("equation", text("ij,jk->ik"))];
        refuses(
            "Einsum",
            &equation,
            &[side.clone(), side],
            "at most 4294967296 multiplications",
        );
    }

    #[test]
    fn matrices_are_scaled_and_added() {
        let (x, y) = (f(&[1, 2], &[1.0, 2.0]), f(&[1, 2], &[3.0, 4.0]));
        let right = ("transB", int(1));
        check(
            "Gemm",
            std::slice::from_ref(&right),
            &[x.clone(), y.clone()],
            &f(&[1, 1], &[11.0]),
        );
        let all = [right, ("alpha", float(2.0)), ("beta", float(0.5))];
        check(
            "Gemm",
            &all,
            &[x.clone(), y.clone(), f(&[1], &[6.0])],
            &f(&[1, 1], &[25.0]),
        );
        let left = [("transA", int(1))];
        check(
            "Gemm",
            &left,
            &[x.clone(), y.clone()],
            &f(&[2, 2], &[3.0, 4.0, 6.0, 8.0]),
        );
        refuses("Gemm", &[], &[x.clone(), y.clone()], "do not multiply");
        refuses(
            "Gemm",
            &left,
            &[x.clone(), y, f(&[3], &[0.0; 3])],
            "do not broadcast",
        );
        refuses("Gemm", &[], &[x, l(&[1])], "expected a matrix");
    }

    #[test]
    fn letters_name_sums() {
        let x = f(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let vector = f(&[2], &[1.0, 10.0]);
        let by = |equation| [("equation", text(equation))];
        let y = x.clone();
        check(
            "Einsum",
            &by("ij->ji"),
            &[&x],
            &f(&[2, 2], &[1.0, 3.0, 2.0, 4.0]),
        );
        check("Einsum", &by("ii->i"), &[&x], &f(&[2], &[1.0, 4.0]));
        check("Einsum", &by("ii"), &[&x], &f(&[], &[5.0]));
        check(
            "Einsum",
            &by("ba"),
            &[&x],
            &f(&[2, 2], &[1.0, 3.0, 2.0, 4.0]),
        );
        check(
            "Einsum",
            &by("i j, j -> i"),
            &[x.clone(), vector.clone()],
            &f(&[2], &[21.0, 43.0]),
        );
        check(
            "Einsum",
            &by("ij,jk"),
            &[x.clone(), y],
            &f(&[2, 2], &[7.0, 10.0, 15.0, 22.0]),
        );
        let squares = f(&[2, 2], &[1.0, 10.0, 10.0, 100.0]);
        check(
            "Einsum",
            &by("i,j->ij"),
            &[vector.clone(), vector.clone()],
            &squares,
        );
        for wrong in [
            "...i->...i",
            "ij,j,k",
            "i1->i",
            "",
            "->i",
            "ij->iji",
            "ij->k",
            "i",
            "ijk",
        ] {
            refuses("Einsum", &by(wrong), &[&x], "");
        }
        refuses(
            "Einsum",
            &by("i,i"),
            &[vector, f(&[3], &[0.0; 3])],
            "has sizes 2 and 3",
        );
    }
}
