//! The result of an explanation.

use std::fmt;

use gradcam_map::Grid;

use crate::target::{Explained, is_softmax};

/// The map of one layer, at the layer's resolution.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerMap {
    /// The layer's path.
    pub layer: String,
    /// The signed map before the ReLU; for Grad-CAM that of equation 2, in units of the score.
    pub raw: Grid,
    /// The map after the ReLU; the signed map if the ReLU was switched off.
    pub map: Grid,
    /// The standard error of the signed map; `None` if the map was not sampled.
    pub error: Option<Grid>,
    /// The method's other measurements, by name.
    pub measures: Vec<(&'static str, f64)>,
}

impl LayerMap {
    /// Makes the map `map` of a layer, with the signed map `raw` that it comes from.
    pub fn new(layer: impl Into<String>, raw: Grid, map: Grid) -> Self {
        LayerMap {
            layer: layer.into(),
            raw,
            map,
            error: None,
            measures: Vec::new(),
        }
    }
}

/// The explanation of one score of one image.
///
/// ```
/// use gradcam::{Explainer, Target, Verdict};
/// # use gradcam::candle_core::{Device, Result, Tensor};
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
/// let heatmap = Explainer::default().explain_one(&Sum, &picture, Target::Top(0))?;
/// assert_eq!(heatmap.target.index, Some(1));
/// assert_eq!(heatmap.target.score, 7.0);
/// assert_eq!(heatmap.raw().argmax(), Some((0, 1)));
/// assert_eq!(heatmap.verdict, Verdict::Ok);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Heatmap {
    /// One map per layer; more than one only if several layers were fused.
    pub layers: Vec<LayerMap>,
    /// The map at the input's resolution. For one layer it is in the units of the raw map; fused maps are fractions of their maxima.
    pub upsampled: Grid,
    /// The score that was explained.
    pub target: Explained,
    /// All logits of the image.
    pub logits: Vec<f32>,
    /// Whether the map can be used and, if not, why.
    pub verdict: Verdict,
}

impl Heatmap {
    /// Returns the signed low-resolution map of the first layer.
    pub fn raw(&self) -> &Grid {
        &self.layers[0].raw
    }
    /// Returns the low-resolution map of the first layer after the ReLU.
    pub fn map(&self) -> &Grid {
        &self.layers[0].map
    }
}

/// Whether a map can be used: the first verdict that applies, in this order.
///
/// It is meant to be matched exhaustively: whoever shows a map says what each verdict means for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The logits, the gradient or the map contain NaN or an infinity.
    NonFinite,
    /// The scores are probabilities, and that of the class is so close to 0 or 1 that its gradient vanishes; explain logits instead.
    Saturated,
    /// The score does not depend on the layer.
    ZeroGradient,
    /// No position stands out: the values differ by less than a millionth of the largest.
    Flat,
    /// The map vanishes against its parts: they cancel to less than a ten-thousandth of the sum of their absolute values. The remainder is
    /// rounding, or the epsilon of a norm.
    Vanishing,
    /// The map's sum falls short of the expected sum, or exceeds it, by more than half of it.
    Incomplete,
    /// Nothing at this layer supports the score; the ReLU leaves an empty map.
    AllNegative,
    /// The map shows positive evidence somewhere.
    Ok,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::NonFinite => "non-finite",
            Verdict::Saturated => "saturated",
            Verdict::ZeroGradient => "zero-gradient",
            Verdict::Flat => "flat",
            Verdict::Vanishing => "vanishing",
            Verdict::Incomplete => "incomplete",
            Verdict::AllNegative => "all-negative",
            Verdict::Ok => "ok",
        })
    }
}

/// A map that is a smaller fraction of its parts vanishes. Activations and gradients in `f32` have relative errors of 1e-7 to 1e-5, and a
/// norm leaves its epsilon (1e-5 or 1e-6) over its variance. On photos, the default model's maps keep a quarter or more; Grad-CAM's, whose
/// weights are averages, a fourteenth at its middle layer and a five-hundredth at its first.
const VANISHING: f64 = 1e-4;
/// A map that misses a larger fraction of its expected sum is incomplete: more of the score is missing, or made up, than is explained. On
/// five photos and the default model, Blur IG misses up to 29 % with its 100 steps, integrated gradients up to 6 %.
const INCOMPLETE: f64 = 0.5;
/// The least expected sum, as a fraction of the largest logit, whose relative error counts: near 0, any error is large.
const NOTHING: f64 = 1e-3;

impl Verdict {
    /// Judges a signed map `raw` with its `measures`, for an image with these `logits` and this target. `gradient` is the gradient that the
    /// map was made from: empty if it was taken elsewhere, `None` if there was none.
    pub(crate) fn of(
        raw: &Grid,
        measures: &[(&'static str, f64)],
        gradient: Option<&[f32]>,
        logits: &[f32],
        target: &Explained,
    ) -> Self {
        let from_gradient = gradient.is_some();
        let gradient = gradient.unwrap_or_default();
        let finite = |values: &[f32]| values.iter().all(|v| v.is_finite());
        let (min, max) = (raw.min(), raw.max());
        let largest = min.abs().max(max.abs());
        if !finite(raw.values()) || !finite(gradient) || !finite(logits) {
            Verdict::NonFinite
        } else if from_gradient && saturated(logits, target) {
            Verdict::Saturated
        } else if !gradient.is_empty() && gradient.iter().all(|&g| g == 0.0) {
            Verdict::ZeroGradient
        } else if max - min <= 1e-6 * largest {
            Verdict::Flat
        } else if measure(measures, "share-of-parts").is_some_and(|share| share < VANISHING) {
            Verdict::Vanishing
        } else if incomplete(measures, logits) {
            Verdict::Incomplete
        } else if max <= 0.0 {
            Verdict::AllNegative
        } else {
            Verdict::Ok
        }
    }
}

fn measure(measures: &[(&'static str, f64)], name: &str) -> Option<f64> {
    let found = measures.iter().find(|(n, _)| *n == name);
    found.map(|(_, value)| *value)
}

/// Tests whether a map misses its expected sum; NaN does.
fn incomplete(measures: &[(&'static str, f64)], logits: &[f32]) -> bool {
    let largest = logits.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let fits = |value: Option<f64>, most: f64| value.is_none_or(|value| value <= most);
    [
        ("completeness-error", "completeness-gap"),
        ("conservation-error", "conservation-gap"),
    ]
    .into_iter()
    .any(|(share, gap)| {
        !fits(measure(measures, share), INCOMPLETE)
            && !fits(
                measure(measures, gap),
                INCOMPLETE * NOTHING * f64::from(largest),
            )
    })
}

/// Tests whether the network's output is already a softmax whose derivative `p (1 - p)` at the target has almost vanished.
fn saturated(logits: &[f32], target: &Explained) -> bool {
    is_softmax(logits)
        && target
            .logit
            .is_some_and(|p| !(1e-3..=1.0 - 1e-3).contains(&p))
}
