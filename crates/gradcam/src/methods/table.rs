//! The table of methods: each line makes a recipe a [`Method`] with a name.

use candle_core::Tensor;
use gradcam_map::Size;
use gradcam_nn::Network;
use serde::{Deserialize, Serialize};

use super::about::About;
use super::attention::{AttentionRollout, GradientAttentionRollout};
use super::baseline::{Baseline, Inputs};
use super::class_activation::{
    AblationCam, Cam, EigenCam, EigenGradCam, ElementWiseCam, Fem, FinerCam, GradCam,
    GradCamPlusPlus, GuidedGradCam, HiResCam, IsCam, LayerCam, ReciproCam, ScoreCam, ShapleyCam,
    SmoothGradCamPlusPlus, SmoothGradGradCam, SsCam, XGradCam,
};
use super::perturbation::{FeatureAblation, KernelShap, Lime, Occlusion, Rise};
use super::pixels::{
    BlurIntegratedGradients, Deconvolution, DeepLift, ExpectedGradients, FullGrad, Gradient,
    GuidedBackpropagation, InputTimesGradient, IntegratedGradients, Lrp, SmoothGrad,
    SmoothIntegratedGradients, VarGrad, Xrai,
};
use super::recipe::{Check, Recipe, Setting};
use crate::saliency::{Saliency, SignedMap, Source, Subject};
use crate::target::Target;
use crate::{Error, Result};

/// Writes the enum `Method` and the code that follows from its rows: `Variant(options: Options) = "name" => recipe;`.
macro_rules! methods {
    ($(
        $(#[doc = $doc:literal])*
        $variant:ident $(($options:ident: $type:ty))? = $name:literal => $recipe:expr;
    )*) => {
        /// How a map is made.
        ///
        /// A method parses from its usual name and prints as it. In serde's formats it is a map with the name as `method` and the options
        /// beside it.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "method")]
        #[non_exhaustive]
        pub enum Method {
            $($(#[doc = $doc])* #[serde(rename = $name)] $variant $(($type))?,)*
        }

        impl Method {
            /// Returns every method with its default options.
            pub fn all() -> Vec<Method> {
                vec![$(Method::$variant $((<$type>::default()))?),*]
            }

            /// Returns the usual name.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Method::$variant { .. } => $name,)*
                }
            }

            /// Asks the method's recipe.
            pub(super) fn ask<A>(&self, question: impl FnOnce(&dyn Recipe) -> A) -> A {
                match self {
                    $(Method::$variant $(($options))? => question(&$recipe),)*
                }
            }
        }
    };
}

methods! {
    /// Class activation mapping: the weights of the linear layer after the global average (Zhou et al. 2016, eq. 2). It is defined only for
    /// networks that end in these two.
    Cam = "cam" => Cam;
    /// Channels weighted by the gradient's average over the positions (Selvaraju et al. 2017, eq. 1 and 2).
    GradCam = "grad-cam" => GradCam;
    /// Positive gradients, each with its own weight (Chattopadhay et al. 2018).
    GradCamPlusPlus(options: GradCamPlusPlus) = "grad-cam++" => *options;
    /// Grad-CAM++ with the powers of the gradient averaged over noisy copies of the image (Omeiza et al. 2019).
    SmoothGradCamPlusPlus(options: SmoothGradCamPlusPlus) = "smooth-grad-cam++" => *options;
    /// The gradient's average, weighted by the activation (Fu et al. 2020).
    XGradCam(options: XGradCam) = "xgrad-cam" => *options;
    /// Gradient times activation, summed over the channels (Draelos and Carin 2020).
    HiResCam = "hires-cam" => HiResCam;
    /// Positive gradient times activation, summed over the channels (Jiang et al. 2021, eq. 6).
    LayerCam = "layer-cam" => LayerCam;
    /// The positive part of gradient times activation, summed over the channels (Pillai and Pirsiavash 2021).
    ElementWiseCam = "element-wise-cam" => ElementWiseCam;
    /// The activations' first principal component (Muhammad and Yeasin 2020), with the sign that correlates with their sum over the
    /// channels. The target is ignored.
    EigenCam(options: EigenCam) = "eigen-cam" => *options;
    /// The first principal component of gradient times activation, with the sign that correlates with their sum over the channels.
    EigenGradCam(options: EigenCam) = "eigen-grad-cam" => EigenGradCam(*options);
    /// Channels weighted by how often they fire far above their mean (Fuad et al. 2020). The target is ignored.
    Fem(options: Fem) = "fem" => *options;
    /// Channels weighted by the score that is left when the channel's own map hides the rest of the picture (Wang et al. 2020).
    ScoreCam = "score-cam" => ScoreCam;
    /// Score-CAM with the score averaged over noisy masks (Wang et al. 2020).
    SsCam(options: SsCam) = "ss-cam" => *options;
    /// Score-CAM with the score averaged while the mask fades in (Naidu et al. 2020).
    IsCam(options: IsCam) = "is-cam" => *options;
    /// Channels weighted by the score's loss when the channel is set to zero (Desai and Ramaswamy 2020).
    AblationCam = "ablation-cam" => AblationCam;
    /// The class's probability where one position alone keeps its activations (Byun and Lee 2022).
    ReciproCam(options: ReciproCam) = "recipro-cam" => *options;
    /// Grad-CAM for the class against the classes that the network confuses it with (Zhang et al. 2025).
    FinerCam(options: FinerCam) = "finer-cam" => *options;
    /// Grad-CAM with the gradient corrected by half of its change along the activation (Cai 2025).
    ShapleyCam(options: ShapleyCam) = "shapley-cam" => *options;
    /// Guided backpropagation times Grad-CAM at the input's size (Selvaraju et al. 2017, section 3.2).
    GuidedGradCam = "guided-grad-cam" => GuidedGradCam;
    /// SmoothGrad times Grad-CAM at the input's size.
    SmoothGradGradCam(options: SmoothGrad) = "smoothgrad-grad-cam" => SmoothGradGradCam(*options);
    /// The gradient at the pixels and at every bias (Srinivas and Fleuret 2019).
    FullGrad = "fullgrad" => FullGrad;
    /// The gradient at the pixels (Simonyan et al. 2013).
    Gradient(options: Gradient) = "gradient" => *options;
    /// Gradient times input, summed over the colours (Shrikumar et al. 2016).
    InputTimesGradient = "input-x-gradient" => InputTimesGradient;
    /// The gradient without its negative part at any activation (Springenberg et al. 2014).
    GuidedBackpropagation(options: Gradient) = "guided-backprop" => GuidedBackpropagation(*options);
    /// The positive part of the backward signal at any activation, whether it fired or not (Zeiler and Fergus 2013).
    Deconvolution(options: Gradient) = "deconvolution" => Deconvolution(*options);
    /// The gradient averaged over noisy copies of the image (Smilkov et al. 2017).
    SmoothGrad(options: SmoothGrad) = "smoothgrad" => *options;
    /// The gradient's variance over noisy copies of the image (Adebayo et al. 2018).
    VarGrad(options: SmoothGrad) = "vargrad" => VarGrad(*options);
    /// The gradient integrated along the path from a baseline, times the path (Sundararajan et al. 2017).
    IntegratedGradients(options: IntegratedGradients) = "integrated-gradients" => *options;
    /// Integrated gradients averaged over noisy copies of the image.
    SmoothIntegratedGradients(options: SmoothIntegratedGradients) = "smooth-integrated-gradients" => *options;
    /// Integrated gradients averaged over randomly drawn baselines (Erion et al. 2021).
    ExpectedGradients(options: ExpectedGradients) = "expected-gradients" => *options;
    /// The gradient integrated while a blur recedes (Xu et al. 2020).
    BlurIntegratedGradients(options: BlurIntegratedGradients) = "blur-ig" => *options;
    /// Regions ranked by integrated gradients (Kapishnikov et al. 2019).
    Xrai(options: Xrai) = "xrai" => *options;
    /// Differences from a baseline, propagated back by the rescale rule (Shrikumar et al. 2017).
    DeepLift(options: DeepLift) = "deeplift" => *options;
    /// Layer-wise relevance propagation (Bach et al. 2015).
    Lrp(options: Lrp) = "lrp" => *options;
    /// The product of the attention of all blocks (Abnar and Zuidema 2020). The target is ignored.
    AttentionRollout(options: AttentionRollout) = "attention-rollout" => *options;
    /// The attention of all blocks, weighted by its gradient (Chefer et al. 2021).
    GradientAttentionRollout = "gradient-attention-rollout" => GradientAttentionRollout;
    /// The score's loss where a window hides the picture (Zeiler and Fergus 2013).
    Occlusion(options: Occlusion) = "occlusion" => *options;
    /// Random masks, weighted by the score under them (Petsiuk et al. 2018).
    Rise(options: Rise) = "rise" => *options;
    /// A weighted linear model of the score on superpixels that are shown or hidden (Ribeiro et al. 2016).
    Lime(options: Lime) = "lime" => *options;
    /// Shapley values of superpixels by weighted regression (Lundberg and Lee 2017).
    KernelShap(options: KernelShap) = "kernel-shap" => *options;
    /// The score's loss without a superpixel.
    FeatureAblation(options: FeatureAblation) = "feature-ablation" => *options;
}

impl Default for Method {
    /// Grad-CAM.
    fn default() -> Self {
        Method::GradCam
    }
}

impl Method {
    /// Returns paper, cost and needs.
    pub fn about(&self) -> About {
        self.ask(|recipe| recipe.about())
    }

    /// Returns the baseline to compare an image with; `None` if that is not an option.
    pub(crate) fn baseline(&self) -> Option<Baseline> {
        serde_json::from_value(self.options().remove("baseline")?).ok()
    }

    /// Refuses a value that is invalid for every image and network or, if the size `input` is known, for every image of this size.
    fn check_options(&self, input: Option<Size>) -> Result<()> {
        let method = self.name();
        self.ask(|recipe| recipe.check(&Check { method, input }))
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
        self.ask(|recipe| recipe.is_signed())
    }
    fn check(&self) -> Result<()> {
        self.check_options(None)
    }
    fn check_inputs(&self, size: Option<Size>, inputs: &Inputs) -> Result<()> {
        self.check_options(size)?;
        match self.baseline() {
            Some(Baseline::Custom) if inputs.background.is_none() => Err(Error::NoBackground),
            _ => Ok(()),
        }
    }
    fn suits(&self, network: &dyn Network, image: &Tensor, layers: &[&str]) -> Result<()> {
        let setting = Setting {
            method: Method::name(self),
            network,
            image,
            layers,
        };
        self.ask(|recipe| recipe.suits(&setting))
    }
    fn objective(&self, target: &Target, logits: &[f32]) -> Result<Option<Target>> {
        self.ask(|recipe| recipe.objective(target, logits))
    }
    fn signed_map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        self.check_inputs(Some(subject.input_size()?), subject.inputs)?;
        self.ask(|recipe| recipe.map(subject))
    }
}

#[cfg(test)]
mod tests;
