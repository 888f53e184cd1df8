//! The target of an explanation: one number computed from the logits.

use std::fmt;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use gradcam_names::{hint, nearest};

use crate::{Error, Result};

/// A custom score: from the logits of one image `(classes,)` to a tensor with one element, by candle operations.
pub type Score = Arc<dyn Fn(&Tensor) -> candle_core::Result<Tensor> + Send + Sync>;

/// The target of an explanation. Scores are taken before the softmax, whose gradient vanishes if the network is certain.
///
/// ```
/// use std::sync::Arc;
///
/// use gradcam::candle_core::Tensor;
/// use gradcam::{Explainer, Target};
/// # use gradcam::candle_core::{Device, Result};
/// # use gradcam::{Network, Pass};
/// # /// Each channel's sum is the logit of a class.
/// # struct Sum;
/// # impl Network for Sum {
/// #     fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
/// #         pass.tap("maps", x.clone())?.sum((2, 3))
/// #     }
/// # }
///
/// // A network whose logits are the sums of the two channels: 1 + 2, and 3 + 4.
/// let picture = Tensor::new(&[[[[1.0_f32, 2.0]], [[3.0, 4.0]]]], &Device::Cpu)?;
/// // A custom score, by candle's operations on the logits of an image.
/// let both = Target::Score(Arc::new(|logits: &Tensor| logits.sum_all()));
/// let heatmap = Explainer::default().explain_one(&Sum, &picture, both)?;
/// assert_eq!(heatmap.target.score, 10.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum Target {
    /// The class of the given rank, 0 for the one with the largest logit; ties go to the smaller index.
    Top(usize),
    /// A class by its index.
    Index(usize),
    /// The logit of the first class minus that of the second: the evidence for the one against the other.
    Difference(usize, usize),
    /// A weighted sum of logits.
    Weighted(Vec<(usize, f32)>),
    /// The cosine of the angle between the output, as an embedding, and another embedding: that of a second picture, or of a text.
    Similarity(Vec<f32>),
    /// Any differentiable function of the logits. It is called with the network's own output for the gradient, and with `f32` on the CPU for
    /// the value.
    Score(Score),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Top(rank) => write!(f, "Top({rank})"),
            Target::Index(index) => write!(f, "Index({index})"),
            Target::Difference(a, b) => write!(f, "Difference({a}, {b})"),
            Target::Weighted(parts) => write!(f, "Weighted({parts:?})"),
            Target::Similarity(other) => write!(f, "Similarity({} numbers)", other.len()),
            Target::Score(_) => f.write_str("Score(..)"),
        }
    }
}

/// The reason why a target's text could not be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetError {
    /// Neither a class nor a label.
    #[error("unknown label `{text}`{}", hint(.nearest))]
    Unknown {
        /// The text.
        text: String,
        /// Similar labels.
        nearest: Vec<String>,
    },
    /// Several classes have this label.
    #[error("the label `{text}` belongs to several classes ({}); name one by its index", list(.indices))]
    Ambiguous {
        /// The text.
        text: String,
        /// The classes.
        indices: Vec<usize>,
    },
    /// The index is not a class.
    #[error("class {index} is out of range: the network has {classes} classes (0 to {})", .classes.saturating_sub(1))]
    OutOfRange {
        /// The index.
        index: usize,
        /// The number of classes.
        classes: usize,
    },
}

fn list(indices: &[usize]) -> String {
    let texts: Vec<String> = indices.iter().map(usize::to_string).collect();
    texts.join(", ")
}

impl Target {
    /// Parses `top` (or `top2` for the second rank, and so on), a class index, a label (in any case), or a difference `A-B` of two indices
    /// or labels. `labels` are the classes' names.
    ///
    /// # Errors
    /// If no class matches, or several do.
    ///
    /// ```
    /// use gradcam::Target;
    ///
    /// let labels = ["tabby", "crane"].map(String::from);
    /// assert!(matches!(Target::parse("Crane", &labels)?, Target::Index(1)));
    /// assert!(matches!(Target::parse("top2", &labels)?, Target::Top(1)));
    /// assert!(matches!(Target::parse("tabby-crane", &labels)?, Target::Difference(0, 1)));
    /// let error = Target::parse("taby", &labels).unwrap_err();
    /// assert_eq!(error.to_string(), "unknown label `taby`; the nearest is `tabby`");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse(text: &str, labels: &[String]) -> std::result::Result<Self, TargetError> {
        let text = text.trim();
        if let Some(rank) = rank(text) {
            return Ok(Target::Top(rank));
        }
        let whole = class(text, labels);
        if let Ok(index) = whole {
            return Ok(Target::Index(index));
        }
        // Labels may contain hyphens, so each hyphen is tried.
        for (at, _) in text.match_indices('-') {
            let (a, b) = (class(&text[..at], labels), class(&text[at + 1..], labels));
            match (a, b) {
                (Ok(a), Ok(b)) => return Ok(Target::Difference(a, b)),
                (Ok(_), Err(error)) | (Err(error), Ok(_))
                    if !matches!(error, TargetError::Unknown { .. }) =>
                {
                    return Err(error);
                }
                _ => {}
            }
        }
        whole.map(Target::Index)
    }
}

/// Parses the rank of `top` or `topK`, from 0.
fn rank(text: &str) -> Option<usize> {
    match text.to_ascii_lowercase().strip_prefix("top")? {
        "" => Some(0),
        rank => rank.parse::<usize>().ok()?.checked_sub(1),
    }
}

/// Finds the class that `text` names by index or label.
fn class(text: &str, labels: &[String]) -> std::result::Result<usize, TargetError> {
    let text = text.trim();
    let matches: Vec<usize> = labels
        .iter()
        .enumerate()
        .filter(|(_, label)| label.to_lowercase() == text.to_lowercase())
        .map(|(index, _)| index)
        .collect();
    match (matches.as_slice(), text.parse::<usize>()) {
        (&[index], _) => Ok(index),
        (&[], Ok(index)) if index < labels.len() => Ok(index),
        (&[], Ok(index)) => Err(TargetError::OutOfRange {
            index,
            classes: labels.len(),
        }),
        (&[], Err(_)) => Err(TargetError::Unknown {
            text: text.to_string(),
            nearest: nearest(text, labels.iter().map(String::as_str)),
        }),
        _ => Err(TargetError::Ambiguous {
            text: text.to_string(),
            indices: matches,
        }),
    }
}

/// A target, evaluated for one image.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Explained {
    /// The class, or the first class of a difference; `None` for another target.
    pub index: Option<usize>,
    /// The second class of a difference; `None` for another target.
    pub against: Option<usize>,
    /// The score that was explained.
    pub score: f32,
    /// The class's logit.
    pub logit: Option<f32>,
    /// The class's probability after a softmax over all logits.
    pub probability: Option<f32>,
}

/// Sorts the classes from the largest logit to the smallest; NaN last, ties by index.
///
/// ```
/// assert_eq!(gradcam::ranking(&[0.5, 2.0, 2.0]), [1, 2, 0]);
/// ```
pub fn ranking(logits: &[f32]) -> Vec<usize> {
    let key = |v: f32| if v.is_nan() { f32::NEG_INFINITY } else { v };
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| key(logits[b]).total_cmp(&key(logits[a])).then(a.cmp(&b)));
    order
}

/// Computes the softmax of one image's logits, in `f64`.
///
/// ```
/// assert_eq!(gradcam::probabilities(&[1.0, 1.0]), [0.5, 0.5]);
/// ```
pub fn probabilities(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exps: Vec<f64> = logits
        .iter()
        .map(|&v| (f64::from(v) - f64::from(max)).exp())
        .collect();
    let total: f64 = exps.iter().sum();
    exps.into_iter().map(|e| (e / total) as f32).collect()
}

impl Target {
    /// Replaces a rank by the class that has it.
    pub(crate) fn resolved(&self, logits: &[f32]) -> Result<Target> {
        Ok(match (self, self.weights(logits)?.as_deref()) {
            (Target::Top(_), Some(&[(index, _)])) => Target::Index(index),
            _ => self.clone(),
        })
    }

    /// Whether the score is a weighted sum of logits.
    pub(crate) fn is_linear(&self) -> bool {
        !matches!(self, Target::Similarity(_) | Target::Score(_))
    }

    /// Returns the weights of an image's logits in its score; `None` if the score is another function of them.
    pub(crate) fn weights(&self, logits: &[f32]) -> Result<Option<Vec<(usize, f32)>>> {
        let parts = match self {
            &Target::Top(rank) => {
                let order = ranking(logits);
                let index = order.get(rank).copied().unwrap_or(rank);
                vec![(index, 1.0)]
            }
            &Target::Index(index) => vec![(index, 1.0)],
            &Target::Difference(a, b) => vec![(a, 1.0), (b, -1.0)],
            Target::Weighted(parts) => parts.clone(),
            Target::Similarity(_) | Target::Score(_) => return Ok(None),
        };
        match parts.iter().find(|(index, _)| *index >= logits.len()) {
            Some(&(index, _)) => Err(Error::ClassOutOfRange {
                index,
                classes: logits.len(),
            }),
            None => Ok(Some(parts)),
        }
    }
}

impl Explained {
    /// Evaluates the target for an image with these logits.
    pub(crate) fn of(target: &Target, logits: &[f32]) -> Result<Self> {
        let (index, against) = match *target {
            Target::Index(index) => (Some(index), None),
            Target::Difference(a, b) => (Some(a), Some(b)),
            _ => (None, None),
        };
        Ok(Explained {
            index,
            against,
            score: value(target, logits)?,
            logit: index.map(|i| logits[i]),
            probability: index.map(|i| probabilities(logits)[i]),
        })
    }
}

/// Returns the score of an image with these `logits`.
pub(crate) fn value(target: &Target, logits: &[f32]) -> Result<f32> {
    match target.weights(logits)? {
        Some(parts) => Ok(parts.iter().map(|&(class, w)| logits[class] * w).sum()),
        None => {
            let output = Tensor::from_slice(logits, logits.len(), &Device::Cpu)?;
            Ok(function(target, &output)?
                .to_dtype(DType::F32)?
                .to_scalar()?)
        }
    }
}

/// Returns the score as a function of an image's output `(classes,)`, for a target that is not a weighted sum; a tensor without dimensions.
pub(crate) fn function(target: &Target, output: &Tensor) -> Result<Tensor> {
    let score = match target {
        Target::Similarity(other) => cosine(output, other)?,
        Target::Score(score) => score(output)?,
        _ => output.zeros_like()?,
    };
    match score.elem_count() {
        1 => Ok(score.flatten_all()?.get(0)?),
        _ => Err(Error::Score(score.dims().to_vec())),
    }
}

/// Computes the cosine of the angle between two embeddings; 0 if one of them is zero.
fn cosine(output: &Tensor, other: &[f32]) -> Result<Tensor> {
    Ok(products(output, other)?.sum_all()?)
}

/// Computes the products whose sum is the cosine.
pub(crate) fn products(output: &Tensor, other: &[f32]) -> Result<Tensor> {
    if output.elem_count() != other.len() {
        return Err(Error::Embedding {
            expected: output.elem_count(),
            found: other.len(),
        });
    }
    let other = Tensor::from_slice(other, other.len(), output.device())?;
    let other = other.to_dtype(output.dtype())?;
    // Products of small numbers may vanish in f32, so both are scaled near 1 first, by factors without gradients.
    let near_one = |x: &Tensor| -> Result<Tensor> {
        let largest = x
            .abs()?
            .max_all()?
            .to_dtype(DType::F64)?
            .to_scalar::<f64>()?;
        Ok((x / if largest > 0.0 { largest } else { 1.0 })?)
    };
    let (x, y) = (near_one(output)?, near_one(&other)?);
    let squares = (x.sqr()?.sum_all()? * y.sqr()?.sum_all()?)?;
    if squares.to_dtype(DType::F64)?.to_scalar::<f64>()? == 0.0 {
        return Ok((x * y)?);
    }
    Ok((x * y)?.broadcast_div(&squares.sqrt()?)?)
}

/// Tests whether an output is already a softmax: numbers from 0 to 1 that sum to 1.
pub(crate) fn is_softmax(output: &[f32]) -> bool {
    let sum: f64 = output.iter().map(|&v| f64::from(v)).sum();
    output.len() > 1 && output.iter().all(|v| (0.0..=1.0).contains(v)) && (sum - 1.0).abs() < 1e-4
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn labels() -> Vec<String> {
        ["tabby", "T-shirt", "crane", "crane", "tiger cat"]
            .map(String::from)
            .to_vec()
    }

    fn show(text: &str) -> String {
        match Target::parse(text, &labels()) {
            Ok(target) => format!("{target:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn texts_become_targets() {
        for (text, expected) in [
            ("top", "Top(0)"),
            ("TOP3", "Top(2)"),
            ("top0", "unknown label `top0`"),
            ("3", "Index(3)"),
            ("Tabby", "Index(0)"),
            ("t-shirt", "Index(1)"),
            ("tabby-tiger cat", "Difference(0, 4)"),
            ("T-shirt-tabby", "Difference(1, 0)"),
            ("4-0", "Difference(4, 0)"),
            (
                "9",
                "class 9 is out of range: the network has 5 classes (0 to 4)",
            ),
            (
                "tabby-9",
                "class 9 is out of range: the network has 5 classes (0 to 4)",
            ),
            ("taby", "unknown label `taby`; the nearest is `tabby`"),
            (
                "crane",
                "the label `crane` belongs to several classes (2, 3); name one by its index",
            ),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
    }

    #[test]
    fn likeness_is_a_cosine() {
        let like = |other: &[f32], output: &[f32]| value(&Target::Similarity(other.into()), output);
        assert!((like(&[3.0, 4.0], &[0.0, 2.0]).unwrap() - 0.8).abs() < 1e-6);
        // Neither the size of the numbers matters, nor whether they are all zero.
        assert!((like(&[3e-30, 4e-30], &[0.0, 2e30]).unwrap() - 0.8).abs() < 1e-6);
        assert_eq!(like(&[0.0, 0.0], &[1.0, 2.0]).unwrap(), 0.0);
        let error = like(&[1.0], &[1.0, 2.0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected an embedding of 2 numbers, the length of the network's output, found 1"
        );
    }

    #[test]
    fn ranks_break_ties_by_index_and_leave_nan_last() {
        assert_eq!(ranking(&[1.0, f32::NAN, 3.0, 3.0]), [2, 3, 0, 1]);
    }

    #[test]
    fn probabilities_sum_to_one_for_large_logits() {
        let p = probabilities(&[1000.0, 1001.0]);
        assert!((p[0] + p[1] - 1.0).abs() < 1e-6 && (p[1] - 0.731_058_6).abs() < 1e-6);
    }
}
