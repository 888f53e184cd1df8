//! The contract of a method: from a network, an image and a score to a signed map.

use std::fmt;

use candle_core::Tensor;
use gradcam_map::{Grid, Size};
use gradcam_nn::Network;
use serde::Serialize;

use crate::methods::baseline::Inputs;
use crate::target::{Target, is_softmax, probabilities, value};
use crate::{Error, Result};

/// Where a map comes from. There is no third source, so a match can be exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The activations of a layer.
    Layer,
    /// The network's input.
    Pixels,
}

/// A method, the crate's own ([`Method`](crate::Method)) or a user's.
///
/// ```
/// use candle_core::{Device, Result, Tensor};
/// use gradcam::{Explainer, Grid, Saliency, SignedMap, Subject, Target};
/// use gradcam_nn::{Network, Pass};
///
/// /// The norm of the gradient over the channels.
/// struct Strength;
///
/// impl Saliency for Strength {
///     fn name(&self) -> &str {
///         "strength"
///     }
///     fn signed_map(&self, subject: &Subject<'_>) -> gradcam::Result<SignedMap> {
///         let gradient = subject.features.gradient;
///         let size = subject.features.size;
///         let at = |i: usize| gradient.iter().skip(i).step_by(size.area());
///         let map = Grid::from_fn(size, |i| at(i).map(|g| g * g).sum::<f32>().sqrt());
///         Ok(map.into())
///     }
/// }
///
/// struct Sum;
///
/// impl Network for Sum {
///     fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
///         pass.tap("maps", x.clone())?.sum((2, 3))
///     }
/// }
///
/// let picture = Tensor::new(&[[[[1.0_f32, 2.0]], [[3.0, 4.0]]]], &Device::Cpu)?;
/// let explainer = Explainer::of(Strength);
/// let heatmap = explainer.explain_one(&Sum, &picture, Target::Index(0))?;
/// assert_eq!(heatmap.raw().values(), [1.0, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Saliency: Send + Sync {
    /// Returns the method's name, for messages and records.
    fn name(&self) -> &str;
    /// Where the map comes from: the source of [`Subject::features`].
    fn source(&self) -> Source {
        Source::Layer
    }
    /// Whether the features need the score's gradient.
    fn needs_gradient(&self) -> bool {
        true
    }
    /// Whether the method takes a gradient anywhere: the gradient of a saturated probability is meaningless.
    fn takes_backward(&self) -> bool {
        self.needs_gradient()
    }
    /// Whether the map depends on the target.
    fn knows_target(&self) -> bool {
        true
    }
    /// Whether the map changes its sign, or more, with the score's. A map of absolute values does not, and is refused for a counterfactual.
    fn is_signed(&self) -> bool {
        true
    }
    /// Refuses options with invalid values, before any work is done.
    ///
    /// # Errors
    /// The first such option.
    fn check(&self) -> Result<()> {
        Ok(())
    }
    /// Refuses a network that the method cannot explain, whatever the image. `image` has the size of the network's inputs, with meaningless
    /// values. `layers` are the layers to explain, none for a method that works on the pixels.
    ///
    /// # Errors
    /// If the method does not suit the network or a layer.
    fn suits(&self, _network: &dyn Network, _image: &Tensor, _layers: &[&str]) -> Result<()> {
        Ok(())
    }
    /// Refuses options that are invalid with these inputs or, if the size is known, for an input of this size; and those that
    /// [`check`](Saliency::check) refuses.
    ///
    /// # Errors
    /// The first such option.
    fn check_inputs(&self, _size: Option<Size>, _inputs: &Inputs) -> Result<()> {
        self.check()
    }
    /// Returns another score whose gradient the method takes; `None` for the target's own. `logits` are those of the image.
    ///
    /// # Errors
    /// If the method has no score for this target.
    fn objective(&self, _target: &Target, _logits: &[f32]) -> Result<Option<Target>> {
        Ok(None)
    }
    /// Computes the signed map of one image for one score.
    ///
    /// # Errors
    /// If the method does not suit the network, the layer or the target.
    fn signed_map(&self, subject: &Subject<'_>) -> Result<SignedMap>;
}

/// One image, one score, and the network's features for them.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Subject<'a> {
    /// The network.
    pub network: &'a dyn Network,
    /// The network's input, `(1, channels, height, width)`.
    pub image: &'a Tensor,
    /// The target; a rank is replaced by the class that has it.
    pub target: &'a Target,
    /// -1 for the evidence against the target, otherwise 1. [`score`](Subject::score) and the gradients include it.
    pub sign: f64,
    /// The image's logits.
    pub logits: &'a [f32],
    /// The layer's path; `input` for the pixels.
    pub layer: &'a str,
    /// The activations there and the gradient, if the method needs it.
    pub features: Features<'a>,
    /// A description of the network's inputs.
    pub inputs: &'a Inputs,
    /// The most forward passes that a sampling method may spend; it takes at least one sample.
    pub budget: Option<usize>,
    /// The standard error at which a sampling method may stop, as a fraction of the map's range.
    pub tolerance: Option<f64>,
}

/// Shows shapes in place of the image, the logits and the features.
impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("image", &self.image.shape())
            .field("target", &self.target)
            .field("sign", &self.sign)
            .field("logits", &self.logits.len())
            .field("layer", &self.layer)
            .field("features", &self.features)
            .field("inputs", &self.inputs)
            .field("budget", &self.budget)
            .field("tolerance", &self.tolerance)
            .finish_non_exhaustive()
    }
}

impl Subject<'_> {
    /// Returns the score of an image with these logits.
    ///
    /// # Errors
    /// If a custom score fails.
    pub fn score(&self, logits: &[f32]) -> Result<f64> {
        Ok(self.sign * f64::from(value(self.target, logits)?))
    }

    /// Returns the probability of the explained class under these logits, with the sign. It is the score if the target is not one of several
    /// classes, or if the output of the network is already a softmax.
    pub(crate) fn probability(&self, logits: &[f32]) -> Result<f64> {
        match *self.target {
            Target::Index(class) if logits.len() > 1 && !is_softmax(self.logits) => {
                let probabilities = probabilities(logits);
                let found = probabilities.get(class).ok_or(Error::ClassOutOfRange {
                    index: class,
                    classes: logits.len(),
                })?;
                Ok(self.sign * f64::from(*found))
            }
            _ => self.score(logits),
        }
    }

    /// Returns the activation of one channel.
    pub(crate) fn channel(&self, channel: usize) -> &[f32] {
        let positions = self.features.positions();
        &self.features.activation[channel * positions..][..positions]
    }

    /// Returns height and width of the network's input.
    ///
    /// # Errors
    /// If the image is not `(1, channels, height, width)`, or has no pixels.
    pub fn input_size(&self) -> Result<Size> {
        let (_, _, height, width) = self.image.dims4()?;
        Ok(Size::new(height, width)?)
    }

    /// Returns how many of `samples`, each of which costs `forwards`, the budget pays for; at least one.
    pub(crate) fn affordable(&self, samples: usize, forwards: usize) -> usize {
        let budget = self.budget.unwrap_or(usize::MAX);
        samples.min(budget / forwards.max(1)).max(1)
    }
}

/// One image's activations at a source, and the gradient of its score there, which is empty for a method that does not need it.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Features<'a> {
    /// `channels * height * width` values.
    pub activation: &'a [f32],
    /// As many values, or none.
    pub gradient: &'a [f32],
    /// Height and width.
    pub size: Size,
}

/// Shows the numbers of values, not the values.
impl fmt::Debug for Features<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Features")
            .field("activation", &self.activation.len())
            .field("gradient", &self.gradient.len())
            .field("size", &self.size)
            .finish()
    }
}

impl<'a> Features<'a> {
    /// Returns the number of positions of a channel.
    pub(crate) fn positions(&self) -> usize {
        self.size.area()
    }

    /// Returns the activation of each channel.
    pub(crate) fn channels(&self) -> impl Iterator<Item = &'a [f32]> {
        self.activation.chunks_exact(self.positions())
    }

    /// Returns the activation and the gradient of each channel.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'a [f32], &'a [f32])> {
        self.channels()
            .zip(self.gradient.chunks_exact(self.positions()))
    }

    /// Makes a map of one number per position.
    pub(crate) fn grid(&self, values: Vec<f64>) -> Grid {
        Grid::from_fn(self.size, |i| values[i] as f32)
    }

    /// Sums the channels, each with a weight.
    pub(crate) fn weighted(&self, weights: impl IntoIterator<Item = f64>) -> SignedMap {
        self.balanced(weights.into_iter().map(|weight| (weight, weight.abs())))
    }

    /// Sums the channels, each with a weight that is a sum itself, and with the sum of the absolute values of the weight's parts.
    pub(crate) fn balanced(&self, weights: impl IntoIterator<Item = (f64, f64)>) -> SignedMap {
        let mut sums = vec![Sum::default(); self.positions()];
        for (a, (weight, size)) in self.channels().zip(weights) {
            // A channel that the score ignores is left out, even if its activation is not finite.
            if weight == 0.0 {
                continue;
            }
            for (sum, &a) in sums.iter_mut().zip(a) {
                let a = f64::from(a);
                sum.add(weight * a, size * a.abs());
            }
        }
        self.summed(&sums)
    }

    /// Makes a map of sums, one per position. `share-of-parts` is the largest sum as a fraction of the largest sum of sizes.
    pub(crate) fn summed(&self, sums: &[Sum]) -> SignedMap {
        let largest = |of: fn(&Sum) -> f64| sums.iter().map(of).fold(0.0, f64::max);
        let share = largest(|sum| sum.sum.abs()) / largest(|sum| sum.size);
        SignedMap {
            map: Grid::from_fn(self.size, |i| sums[i].sum as f32),
            error: None,
            // Zero is not a fraction of zero.
            measures: if share.is_finite() {
                vec![("share-of-parts", share)]
            } else {
                Vec::new()
            },
        }
    }
}

/// A sum that also tracks the size of its parts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    sum: f64,
    /// The sum of the parts' absolute values.
    size: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, part: f64, size: f64) {
        self.sum += part;
        self.size += size;
    }
}

/// A signed map, and the method's measurements beside it. It is made from its [`Grid`]; the other fields are assigned.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SignedMap {
    /// The map: of the layer's size, or of the input's.
    pub map: Grid,
    /// The map's standard error; `None` if the map was not sampled.
    pub error: Option<Grid>,
    /// Numbers by name: the error of completeness, the fraction of explained variance, and the like. Three are read for the [`Verdict`]:
    /// `share-of-parts` (the map's largest value as a fraction of the value that its summed parts would reach without their signs), and
    /// `completeness-error` or `conservation-error` (the distance of the map's sum from the expected sum, as a fraction of the latter) with
    /// `completeness-gap` or `conservation-gap` (the same in units of the score).
    ///
    /// [`Verdict`]: crate::Verdict
    pub measures: Vec<(&'static str, f64)>,
}

impl From<Grid> for SignedMap {
    fn from(map: Grid) -> Self {
        SignedMap {
            map,
            error: None,
            measures: Vec::new(),
        }
    }
}
