//! What a method is: from a network, an image and a score to a signed map.

use candle_core::{Tensor, Var};
use gradcam_nn::Network;

use crate::baseline::{Baseline, Inputs};
use crate::input_gradient::input_gradient;
use crate::method::{Channels, Source};
use crate::observation::{Score, rows};
use crate::target::{Target, value};
use crate::{Error, Grid, Method, Result};

/// A method, the crate's own ([`Method`]) or a user's.
///
/// ```
/// use candle_core::{Device, Result, Tensor};
/// use gradcam::{Explainer, Saliency, SignedMap, Subject, Target};
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
///         let (height, width) = subject.features.size;
///         let at = |i: usize| gradient.iter().skip(i).step_by(height * width);
///         let values = (0..height * width).map(|i| at(i).map(|g| g * g).sum::<f32>().sqrt());
///         Ok(gradcam::Grid { height, width, values: values.collect() }.into())
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
/// assert_eq!(heatmap.raw().values, [1.0, 1.0]);
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
    /// Refuses what means nothing together with these inputs, or for an input of this height and width where that is known; and what
    /// [`check`](Saliency::check) refuses.
    ///
    /// # Errors
    /// For the first such option.
    fn check_inputs(&self, _size: Option<(usize, usize)>, _inputs: &Inputs) -> Result<()> {
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

impl Subject<'_> {
    /// The score that an image with these logits has.
    ///
    /// # Errors
    /// When a user's score fails.
    pub fn score(&self, logits: &[f32]) -> Result<f64> {
        Ok(self.sign * f64::from(value(self.target, logits)?))
    }

    /// The activation of one channel.
    pub(crate) fn channel(&self, channel: usize) -> &[f32] {
        let positions = self.features.positions();
        &self.features.activation[channel * positions..][..positions]
    }

    /// Height and width of the network's input.
    pub fn input_size(&self) -> (usize, usize) {
        match *self.image.dims() {
            [.., height, width] => (height, width),
            _ => (0, 0),
        }
    }

    /// Of `samples`, each of which costs `forwards`, those that the budget pays for; at least one.
    pub(crate) fn affordable(&self, samples: usize, forwards: usize) -> usize {
        let budget = self.budget.unwrap_or(usize::MAX);
        samples.min(budget / forwards.max(1)).max(1)
    }

    /// The score's gradient at an `output` of the network, `(1, classes)`.
    pub(crate) fn output_gradient(&self, output: &Tensor) -> Result<Tensor> {
        let variable = Var::from_tensor(output)?;
        let logits = rows(output, 1)?;
        let score = Score::of(variable.as_tensor(), &logits, &[Some(self.target.clone())])?;
        let graph = score.total(variable.as_tensor(), 1)?.backward()?;
        let found = match graph.get(variable.as_tensor()) {
            Some(grad) => grad.clone(),
            None => output.zeros_like()?,
        };
        Ok((found * self.sign)?)
    }

    /// The score's gradient at each of some images `(n, channels, height, width)`.
    ///
    /// # Errors
    /// When the images do not fit the network.
    pub fn gradients(&self, images: &Tensor) -> Result<Tensor> {
        let targets = vec![self.target.clone(); images.dim(0)?];
        let gradients = input_gradient(self.network, images, &targets)?;
        match self.sign < 0.0 {
            true => Ok(gradients.neg()?),
            false => Ok(gradients),
        }
    }
}

/// One image's activations at a source, and the gradient of its score there; the latter is empty for a method that does not need it.
#[derive(Clone, Copy)]
pub struct Features<'a> {
    /// `channels * height * width` values.
    pub activation: &'a [f32],
    /// As many, or none.
    pub gradient: &'a [f32],
    /// Height and width.
    pub size: (usize, usize),
}

impl<'a> Features<'a> {
    /// Positions of a channel.
    pub(crate) fn positions(&self) -> usize {
        self.size.0 * self.size.1
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

    pub(crate) fn grid(&self, values: Vec<f64>) -> Grid {
        Grid {
            height: self.size.0,
            width: self.size.1,
            values: values.into_iter().map(|v| v as f32).collect(),
        }
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
            map: self.grid(sums.iter().map(|sum| sum.sum).collect()),
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

/// A signed map, and what the method measured beside it.
#[derive(Debug, Clone, PartialEq)]
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

impl Saliency for Method {
    fn name(&self) -> &str {
        Method::name(self)
    }
    fn source(&self) -> Source {
        self.about().source
    }
    fn needs_gradient(&self) -> bool {
        self.about().gradient
    }
    fn takes_backward(&self) -> bool {
        self.about().backward
    }
    fn knows_target(&self) -> bool {
        self.about().target
    }
    fn is_signed(&self) -> bool {
        match self {
            Method::Gradient(options) => options.channels == Channels::Sum,
            Method::SmoothGrad(options) => options.channels == Channels::Sum,
            Method::VarGrad(_) | Method::FullGrad => false,
            _ => true,
        }
    }
    fn check(&self) -> Result<()> {
        self.check_options(None)
    }
    fn check_inputs(&self, size: Option<(usize, usize)>, inputs: &Inputs) -> Result<()> {
        self.check_options(size)?;
        match self.baseline() {
            Some(Baseline::Custom) if inputs.background.is_none() => Err(Error::NoBackground),
            _ => Ok(()),
        }
    }
    fn suits(&self, network: &dyn Network, image: &Tensor, layers: &[&str]) -> Result<()> {
        use crate::{attention, class_activation, pixels::through};
        match self {
            Method::Cam => layers.iter().try_for_each(|layer| {
                class_activation::head_of_cam(network, image, layer).map(drop)
            }),
            Method::AttentionRollout(_) | Method::GradientAttentionRollout => {
                attention::attends(Method::name(self), network, image)
            }
            Method::GuidedGradCam
            | Method::FullGrad
            | Method::GuidedBackpropagation(_)
            | Method::Deconvolution(_)
            | Method::DeepLift(_)
            | Method::Lrp(_) => through::all_pass(Method::name(self), network),
            Method::GradCam
            | Method::GradCamPlusPlus(_)
            | Method::SmoothGradCamPlusPlus(_)
            | Method::XGradCam(_)
            | Method::HiResCam
            | Method::LayerCam
            | Method::ElementWiseCam
            | Method::EigenCam(_)
            | Method::EigenGradCam(_)
            | Method::Fem(_)
            | Method::ScoreCam
            | Method::SsCam(_)
            | Method::IsCam(_)
            | Method::AblationCam
            | Method::FinerCam(_)
            | Method::ShapleyCam(_)
            | Method::SmoothGradGradCam(_)
            | Method::Gradient(_)
            | Method::InputTimesGradient
            | Method::SmoothGrad(_)
            | Method::VarGrad(_)
            | Method::IntegratedGradients(_)
            | Method::SmoothIntegratedGradients(_)
            | Method::ExpectedGradients(_)
            | Method::BlurIntegratedGradients(_)
            | Method::Xrai(_)
            | Method::Occlusion(_)
            | Method::Rise(_)
            | Method::Lime(_)
            | Method::KernelShap(_)
            | Method::FeatureAblation(_) => Ok(()),
        }
    }
    fn objective(&self, target: &Target, logits: &[f32]) -> Result<Option<Target>> {
        crate::class_activation::objective(self, target, logits)
    }
    fn signed_map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        use crate::{attention, class_activation, perturbation, pixels};
        self.check_inputs(Some(subject.input_size()), subject.inputs)?;
        match self {
            Method::Occlusion(o) => perturbation::occlusion::map(o, subject),
            Method::Rise(o) => perturbation::rise::map(o, subject),
            Method::Lime(o) => perturbation::lime::map(o, subject),
            Method::KernelShap(o) => perturbation::shap::map(o, subject),
            Method::FeatureAblation(o) => perturbation::ablation::map(o, subject),
            Method::Gradient(o) => pixels::gradient::gradient(o, subject),
            Method::InputTimesGradient => pixels::gradient::input_times_gradient(subject),
            Method::GuidedBackpropagation(o) => pixels::rectified::guided(o, subject),
            Method::Deconvolution(o) => pixels::rectified::deconvolution(o, subject),
            Method::SmoothGrad(o) => pixels::smooth::mean(o, subject),
            Method::VarGrad(o) => pixels::smooth::variance(o, subject),
            Method::IntegratedGradients(o) => pixels::integrated::map(o, subject),
            Method::SmoothIntegratedGradients(o) => pixels::integrated::smooth(o, subject),
            Method::ExpectedGradients(o) => pixels::integrated::expected(o, subject),
            Method::BlurIntegratedGradients(o) => pixels::blur::map(o, subject),
            Method::Xrai(o) => pixels::xrai::map(o, subject),
            Method::DeepLift(o) => pixels::deep_lift::map(o, subject),
            Method::Lrp(o) => pixels::relevance::map(o, subject),
            Method::AttentionRollout(o) => attention::rollout(o, subject),
            Method::GradientAttentionRollout => attention::gradient_rollout(subject),
            Method::FullGrad => pixels::full_gradient::map(subject),
            other => class_activation::signed_map(other, subject),
        }
    }
}
