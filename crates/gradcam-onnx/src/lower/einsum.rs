//! Einstein sums of one or two tensors, as permutations and one matrix product.

use super::Call;
use crate::plan::builder::Builder;
use crate::plan::value::Map;
use crate::reason::Reason;

pub(crate) fn einsum(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let equation = call.node().text("equation", "")?.replace(' ', "");
    if equation.contains('.') {
        return Err(format!(
            "the equation `{equation}` has an ellipsis, which is not supported"
        ));
    }
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs.to_string(), output.to_string()),
        None => {
            // Each letter that occurs once, in alphabetical order.
            let mut letters: Vec<char> = equation.chars().filter(|c| *c != ',').collect();
            letters.sort_unstable();
            let once = letters
                .iter()
                .filter(|c| equation.matches(**c).count() == 1);
            (equation.clone(), once.collect())
        }
    };
    let terms: Vec<Vec<char>> = inputs
        .split(',')
        .map(|term| term.chars().collect())
        .collect();
    let output: Vec<char> = output.chars().collect();
    for term in terms.iter().chain([&output]) {
        let mut seen = term.clone();
        seen.sort_unstable();
        seen.dedup();
        if seen.len() != term.len() {
            return Err(format!(
                "the equation `{equation}` repeats a letter in one term"
            ));
        }
    }
    if terms.len() != call.len() {
        return Err(format!(
            "the equation `{equation}` does not fit {} inputs",
            call.len()
        ));
    }
    let mut parts = Vec::new();
    for (index, letters) in terms.into_iter().enumerate() {
        let x = call.map(b, index)?;
        if letters.len() != x.rank() {
            return Err(format!(
                "the equation `{equation}` does not fit {:?}",
                x.dims
            ));
        }
        parts.push(Term { x, letters });
    }
    let result = match parts.as_slice() {
        [x] => x.clone(),
        [x, y] => product(b, x, y, &output)?,
        _ => return Err("more than two inputs are not supported".to_string()),
    };
    let result = result.summed(b, &output)?;
    let order: Option<Vec<usize>> = output
        .iter()
        .map(|letter| result.letters.iter().position(|l| l == letter))
        .collect();
    let order = order.ok_or(format!("the equation `{equation}` has an unknown output"))?;
    b.permute(&result.x, &order)
}

/// A tensor with a letter for each dimension.
#[derive(Clone)]
struct Term {
    x: Map,
    letters: Vec<char>,
}

impl Term {
    /// Sums the dimensions that are not in `kept`.
    fn summed(&self, b: &mut Builder<'_>, kept: &[char]) -> Result<Term, Reason> {
        let letters = self.letters.iter().enumerate();
        let gone = letters.filter(|(_, letter)| !kept.contains(letter));
        let dims: Vec<usize> = gone.map(|(dim, _)| dim).collect();
        if dims.is_empty() {
            return Ok(self.clone());
        }
        let mut letters = self.letters.clone();
        letters.retain(|letter| kept.contains(letter));
        Ok(Term {
            x: b.reduce(&self.x, &dims, false, false)?,
            letters,
        })
    }

    fn size(&self, letter: char) -> usize {
        let dim = self.letters.iter().position(|l| *l == letter);
        dim.map_or(1, |dim| self.x.dims[dim])
    }

    /// Permutes the dimensions into groups and joins each of the last two groups into one dimension.
    fn matrix(
        &self,
        b: &mut Builder<'_>,
        lead: &[char],
        rows: &[char],
        columns: &[char],
    ) -> Result<Map, Reason> {
        let all = [lead, rows, columns].concat();
        let order: Vec<usize> = all
            .iter()
            .filter_map(|letter| self.letters.iter().position(|l| l == letter))
            .collect();
        let x = b.permute(&self.x, &order)?;
        let product = |letters: &[char]| letters.iter().map(|&l| self.size(l)).product::<usize>();
        let mut dims: Vec<usize> = lead.iter().map(|&l| self.size(l)).collect();
        dims.extend([product(rows), product(columns)]);
        b.reshape(&x, &dims)
    }
}

fn product(b: &mut Builder<'_>, x: &Term, y: &Term, output: &[char]) -> Result<Term, Reason> {
    // A letter that only one term has and the output lacks is summed first.
    let x = x.summed(b, &[output, &y.letters].concat())?;
    let y = y.summed(b, &[output, &x.letters].concat())?;
    let both: Vec<char> = x
        .letters
        .iter()
        .copied()
        .filter(|l| y.letters.contains(l))
        .collect();
    for &letter in &both {
        if x.size(letter) != y.size(letter) {
            return Err(format!(
                "{:?} and {:?} have different sizes for `{letter}`",
                x.x.dims, y.x.dims
            ));
        }
    }
    let (lead, inner): (Vec<char>, Vec<char>) = both.iter().partition(|l| output.contains(l));
    let only = |a: &Term, other: &Term| -> Vec<char> {
        a.letters
            .iter()
            .copied()
            .filter(|l| !other.letters.contains(l))
            .collect()
    };
    let (rows, columns) = (only(&x, &y), only(&y, &x));
    let left = x.matrix(b, &lead, &rows, &inner)?;
    let right = y.matrix(b, &lead, &inner, &columns)?;
    let z = super::product::product(b, &left, &right)?;
    let letters = [lead, rows, columns].concat();
    let dims: Vec<usize> = letters.iter().map(|&l| x.size(l).max(y.size(l))).collect();
    Ok(Term {
        x: b.reshape(&z, &dims)?,
        letters,
    })
}
