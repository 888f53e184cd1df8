//! What a method is: from a network, an image and a score to a signed map.

use std::fmt;

use candle_core::Tensor;
use gradcam_map::{Grid, Size};
use gradcam_nn::Network;
use serde::Serialize;

use crate::methods::baseline::Inputs;
use crate::target::{Target, is_softmax, probabilities, value};
use crate::{Error, Result};

/// Where a map comes from. There is no third place, so that a match can be exhaustive.
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
    /// The method's name, for messages and records.
    fn name(&self) -> &str;
    /// Where the map comes from: what [`Subject::features`] hold.
    fn source(&self) -> Source {
        Source::Layer
    }
    /// Whether the features need the score's gradient.
    fn needs_gradient(&self) -> bool {
        true
    }
    /// Whether it takes a gradient anywhere: that of a saturated probability says nothing.
    fn takes_backward(&self) -> bool {
        self.needs_gradient()
    }
    /// Whether the map depends on the target.
    fn knows_target(&self) -> bool {
        true
    }
    /// Whether the map changes its sign, or more, with the score's. A map of absolute values does not, and is refused where what speaks against
    /// a score is asked for.
    fn is_signed(&self) -> bool {
        true
    }
    /// Refuses options whose values mean nothing, before any work is done.
    ///
    /// # Errors
    /// For the first such option.
    fn check(&self) -> Result<()> {
        Ok(())
    }
    /// Refuses a network that the method cannot explain, whatever the image. `image` has the size of the network's inputs, and its values say
    /// nothing; `layers` are those that are looked at, none for a method that looks at the pixels.
    ///
    /// # Errors
    /// When the method does not suit the network or a layer.
    fn suits(&self, _network: &dyn Network, _image: &Tensor, _layers: &[&str]) -> Result<()> {
        Ok(())
    }
    /// Refuses what means nothing together with these inputs, or for an input of this size if that is known; and what
    /// [`check`](Saliency::check) refuses.
    ///
    /// # Errors
    /// For the first such option.
    fn check_inputs(&self, _size: Option<Size>, _inputs: &Inputs) -> Result<()> {
        self.check()
    }
    /// Another score whose gradient the method takes, if not the target's own; `logits` are those of the image.
    ///
    /// # Errors
    /// When there is none for this target.
    fn objective(&self, _target: &Target, _logits: &[f32]) -> Result<Option<Target>> {
        Ok(None)
    }
    /// The signed map of one image for one score.
    ///
    /// # Errors
    /// When the method does not suit the network, the layer or the target.
    fn signed_map(&self, subject: &Subject<'_>) -> Result<SignedMap>;
}

/// One image, one score, and what the network showed of them.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Subject<'a> {
    /// The network.
    pub network: &'a dyn Network,
    /// The network's input, `(1, channels, height, width)`.
    pub image: &'a Tensor,
    /// What is explained; a rank stands here as the class that has it.
    pub target: &'a Target,
    /// -1 for what speaks against the target, else 1. [`score`](Subject::score) and the gradients have it in them.
    pub sign: f64,
    /// The image's logits.
    pub logits: &'a [f32],
    /// The layer's path; `input` for the pixels.
    pub layer: &'a str,
    /// The activations there and the gradient, if the method needs it.
    pub features: Features<'a>,
    /// What inputs look like.
    pub inputs: &'a Inputs,
    /// The most forwards that a method which samples may spend; it takes one sample at least.
    pub budget: Option<usize>,
    /// The standard error at which a method which samples may stop, as a share of the map's range.
    pub tolerance: Option<f64>,
}

/// Shapes in the place of the image, the logits and the features.
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
    /// The score that an image with these logits has.
    ///
    /// # Errors
    /// When a user's score fails.
    pub fn score(&self, logits: &[f32]) -> Result<f64> {
        Ok(self.sign * f64::from(value(self.target, logits)?))
    }

    /// The probability that an image with these logits has for the class that is explained, with the sign. The score if the target is not one
    /// of several classes, or the network's output is a softmax already.
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

    /// The activation of one channel.
    pub(crate) fn channel(&self, channel: usize) -> &[f32] {
        let positions = self.features.positions();
        &self.features.activation[channel * positions..][..positions]
    }

    /// Height and width of the network's input.
    ///
    /// # Errors
    /// When the image is not `(1, channels, height, width)`, or has no pixel.
    pub fn input_size(&self) -> Result<Size> {
        let (_, _, height, width) = self.image.dims4()?;
        Ok(Size::new(height, width)?)
    }

    /// Of `samples`, each of which costs `forwards`, those that the budget pays for; at least one.
    pub(crate) fn affordable(&self, samples: usize, forwards: usize) -> usize {
        let budget = self.budget.unwrap_or(usize::MAX);
        samples.min(budget / forwards.max(1)).max(1)
    }
}

/// One image's activations at a source, and the gradient of its score there; the latter is empty for a method that does not need it.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Features<'a> {
    /// `channels * height * width` values.
    pub activation: &'a [f32],
    /// As many, or none.
    pub gradient: &'a [f32],
    /// Height and width.
    pub size: Size,
}

/// The numbers of values, and not the values.
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
    /// Positions of a channel.
    pub(crate) fn positions(&self) -> usize {
        self.size.area()
    }

    /// The activation of each channel.
    pub(crate) fn channels(&self) -> impl Iterator<Item = &'a [f32]> {
        self.activation.chunks_exact(self.positions())
    }

    /// The activation and the gradient of each channel.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'a [f32], &'a [f32])> {
        self.channels()
            .zip(self.gradient.chunks_exact(self.positions()))
    }

    /// A map of one number a position.
    pub(crate) fn grid(&self, values: Vec<f64>) -> Grid {
        Grid::from_fn(self.size, |i| values[i] as f32)
    }

    /// The sum of the channels, each with a weight.
    pub(crate) fn weighted(&self, weights: impl IntoIterator<Item = f64>) -> SignedMap {
        self.balanced(weights.into_iter().map(|weight| (weight, weight.abs())))
    }

    /// The sum of the channels, each with a weight that is a sum itself, and what that would be if its parts had one sign.
    pub(crate) fn balanced(&self, weights: impl IntoIterator<Item = (f64, f64)>) -> SignedMap {
        let mut sums = vec![Sum::default(); self.positions()];
        for (a, (weight, size)) in self.channels().zip(weights) {
            // A channel that the score ignores stays out, even if its activation is not finite elsewhere.
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

    /// A map of sums, one a position. `share-of-parts` is the largest of them as a share of the largest sum of sizes.
    pub(crate) fn summed(&self, sums: &[Sum]) -> SignedMap {
        let largest = |of: fn(&Sum) -> f64| sums.iter().map(of).fold(0.0, f64::max);
        let share = largest(|sum| sum.sum.abs()) / largest(|sum| sum.size);
        SignedMap {
            map: Grid::from_fn(self.size, |i| sums[i].sum as f32),
            error: None,
            // Nothing is a share of nothing.
            measures: match share.is_finite() {
                true => vec![("share-of-parts", share)],
                false => Vec::new(),
            },
        }
    }
}

/// A sum that remembers how large its parts are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    sum: f64,
    /// Of the parts' absolute values.
    size: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, part: f64, size: f64) {
        self.sum += part;
        self.size += size;
    }
}

/// A signed map, and what the method measured beside it: made from its [`Grid`], the rest is assigned.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SignedMap {
    /// The map: of the layer's size, or of the input's.
    pub map: Grid,
    /// Its standard error, where it was sampled.
    pub error: Option<Grid>,
    /// Numbers by name: the error of completeness, the share of explained variance, and the like. Three are read for the [`Verdict`]:
    /// `share-of-parts` (the map's largest value as a share of what the parts that it sums would reach without their signs), and
    /// `completeness-error` or `conservation-error` (what the map's sum lacks of what it should be, as a share of that) with
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
