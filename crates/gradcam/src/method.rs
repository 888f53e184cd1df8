//! The methods, by name and with their options.

mod check;
mod options;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::options::*;
use crate::error::{nearest_hint, nearest_names};

/// Where a map comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The activations of a layer.
    Layer,
    /// The network's input.
    Pixels,
}

/// What there is to know about a method before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct About {
    /// Authors, year and title.
    pub paper: &'static str,
    /// Passes through the network for one target, with the default options.
    pub cost: &'static str,
    /// What it asks of the network.
    pub needs: &'static str,
    /// Where the map comes from.
    pub source: Source,
    /// What the map has values for: the positions of the layer, or the pixels.
    pub resolution: Source,
    /// Whether it is made from the score's gradient at the source.
    pub gradient: bool,
    /// Whether it takes a gradient anywhere.
    pub backward: bool,
    /// Whether it depends on the target.
    pub target: bool,
}

/// What many methods have in common.
const LAYER: About = About {
    paper: "",
    cost: "1 forward, 1 backward of the head",
    needs: "a layer with a spatial map, and the gradient there",
    source: Source::Layer,
    resolution: Source::Layer,
    gradient: true,
    backward: true,
    target: true,
};
const SCORES: About = About {
    needs: "a layer with a spatial map; only scores, no gradient",
    gradient: false,
    backward: false,
    ..LAYER
};
const PIXELS: About = About {
    cost: "1 forward, 1 backward",
    needs: "a gradient",
    source: Source::Pixels,
    resolution: Source::Pixels,
    gradient: false,
    ..LAYER
};
const RULES: About = About {
    cost: "2 forwards, 1 backward",
    needs: "a network whose operations all go through the pass",
    ..PIXELS
};
const ATTENTION: About = About {
    needs: "a transformer of tokens (ViT, DeiT, DINOv2, CLIP)",
    ..PIXELS
};
const BLACK_BOX: About = About {
    needs: "only scores, no gradient",
    backward: false,
    ..PIXELS
};

/// Writes the enum and what follows from its variants alone.
macro_rules! methods {
    ($($(#[doc = $doc:literal])* $variant:ident $(($options:ident))? = $name:literal, $common:expr, $about:tt)*) => {
        /// How a map is made.
        ///
        /// A method parses from and prints to its usual name; in serde's formats it is a map with the name as `method` and its options
        /// beside it.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "method")]
        #[non_exhaustive]
        pub enum Method {
            $($(#[doc = $doc])* #[serde(rename = $name)] $variant $(($options))?,)*
        }

        impl Method {
            /// Every method with its default options.
            pub fn all() -> Vec<Method> {
                vec![$(Method::$variant $(($options::default()))?),*]
            }

            /// The usual name.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Method::$variant { .. } => $name,)*
                }
            }

            /// Paper, cost and needs.
            pub fn about(&self) -> About {
                match self {
                    $(Method::$variant { .. } => about!($common, $about),)*
                }
            }
        }
    };
}

macro_rules! about {
    ($common:expr, { $($field:ident: $value:expr),* $(,)? }) => {
        About { $($field: $value,)* ..$common }
    };
}

methods! {
    /// Class activation mapping: the weights of the linear layer behind the global average (Zhou et al. 2016, eq. 2). It is defined for
    /// networks that end in these two alone.
    Cam = "cam", LAYER, {
        paper: "Zhou et al. 2016, Learning Deep Features for Discriminative Localization",
        cost: "1 forward",
        needs: "a head of global average pooling and one linear layer",
        gradient: false,
        backward: false,
    }
    /// The gradient's average over the positions weighs a channel (Selvaraju et al. 2017, eq. 1 and 2).
    GradCam = "grad-cam", LAYER, {
        paper: "Selvaraju et al. 2017, Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
    }
    /// Positive gradients, each with a weight of its own (Chattopadhay et al. 2018).
    GradCamPlusPlus(GradCamPlusPlus) = "grad-cam++", LAYER, {
        paper: "Chattopadhay et al. 2018, Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep Convolutional Networks",
    }
    /// Grad-CAM++ with the powers of the gradient averaged over noisy copies of the image (Omeiza et al. 2019).
    SmoothGradCamPlusPlus(SmoothGradCamPlusPlus) = "smooth-grad-cam++", LAYER, {
        paper: "Omeiza et al. 2019, Smooth Grad-CAM++: An Enhanced Inference Level Visualization Technique for Deep Convolutional Neural Network Models",
        cost: "26 forwards, 25 backwards of the head",
        gradient: false,
    }
    /// The gradient's average, weighed by the activation (Fu et al. 2020).
    XGradCam(XGradCam) = "xgrad-cam", LAYER, {
        paper: "Fu et al. 2020, Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs",
    }
    /// Gradient times activation, summed over the channels (Draelos and Carin 2020).
    HiResCam = "hires-cam", LAYER, {
        paper: "Draelos and Carin 2020, Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
    }
    /// Positive gradient times activation, summed over the channels (Jiang et al. 2021, eq. 6).
    LayerCam = "layer-cam", LAYER, {
        paper: "Jiang et al. 2021, LayerCAM: Exploring Hierarchical Class Activation Maps for Localization",
    }
    /// The positive part of gradient times activation, summed over the channels (Pillai and Pirsiavash 2021).
    ElementWiseCam = "element-wise-cam", LAYER, {
        paper: "Pillai and Pirsiavash 2021, Explainable Models with Consistent Interpretations",
    }
    /// The activations' first principal component (Muhammad and Yeasin 2020), with the sign that correlates with their sum over the channels.
    /// It does not know the target.
    EigenCam(EigenCam) = "eigen-cam", LAYER, {
        paper: "Muhammad and Yeasin 2020, Eigen-CAM: Class Activation Map using Principal Components",
        cost: "1 forward",
        needs: "a layer with a spatial map; no gradient",
        gradient: false,
        backward: false,
        target: false,
    }
    /// The first principal component of gradient times activation, with the sign that correlates with their sum over the channels.
    EigenGradCam(EigenCam) = "eigen-grad-cam", LAYER, {
        paper: "Gildenblat 2021, the library pytorch-grad-cam",
    }
    /// Channels weighed by how often they fire far above their mean (Fuad et al. 2020). It does not know the target.
    Fem(Fem) = "fem", LAYER, {
        paper: "Fuad et al. 2020, Features Understanding in 3D CNNs for Actions Recognition in Video",
        cost: "1 forward",
        needs: "a layer with a spatial map; no gradient",
        gradient: false,
        backward: false,
        target: false,
    }
    /// What is left of the score when a channel's own map hides the rest of the picture (Wang et al. 2020).
    ScoreCam = "score-cam", SCORES, {
        paper: "Wang et al. 2020, Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks",
        cost: "1 forward, and 1 for each channel of the layer",
    }
    /// Score-CAM with the score averaged over noisy masks (Wang et al. 2020).
    SsCam(SsCam) = "ss-cam", SCORES, {
        paper: "Wang et al. 2020, SS-CAM: Smoothed Score-CAM for Sharper Visual Feature Localization",
        cost: "1 forward, and 10 for each channel of the layer",
    }
    /// Score-CAM with the score averaged while the mask fades in (Naidu et al. 2020).
    IsCam(IsCam) = "is-cam", SCORES, {
        paper: "Naidu et al. 2020, IS-CAM: Integrated Score-CAM for Axiomatic-based Explanations",
        cost: "1 forward, and 10 for each channel of the layer",
    }
    /// What the score loses when a channel is set to zero (Desai and Ramaswamy 2020).
    AblationCam = "ablation-cam", SCORES, {
        paper: "Desai and Ramaswamy 2020, Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free Localization",
        cost: "1 forward, and 1 of the head for each channel of the layer",
    }
    /// Grad-CAM for the class against those that the network confuses it with (Zhang et al. 2025).
    FinerCam(FinerCam) = "finer-cam", LAYER, {
        paper: "Zhang et al. 2025, Finer-CAM: Spotting the Difference Reveals Finer Details for Visual Explanation",
    }
    /// Grad-CAM with the gradient corrected by half of what it changes along the activation (Cai 2025).
    ShapleyCam(ShapleyCam) = "shapley-cam", LAYER, {
        paper: "Cai 2025, CAMs as Shapley Value-based Explainers",
        cost: "2 forwards, 5 of the head, 2 backwards of the head",
    }
    /// Guided backpropagation times Grad-CAM at the input's size (Selvaraju et al. 2017, section 3.2).
    GuidedGradCam = "guided-grad-cam", LAYER, {
        paper: "Selvaraju et al. 2017, Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
        cost: "2 forwards, 1 backward and 1 of the head",
        needs: "a layer with a spatial map, and a network whose operations all go through the pass",
        resolution: Source::Pixels,
    }
    /// SmoothGrad times Grad-CAM at the input's size.
    SmoothGradGradCam(SmoothGrad) = "smoothgrad-grad-cam", LAYER, {
        paper: "Smilkov et al. 2017, SmoothGrad: removing noise by adding noise, times Grad-CAM",
        cost: "51 forwards, 50 backwards and 1 of the head",
        resolution: Source::Pixels,
    }
    /// The gradient at the pixels and at every bias (Srinivas and Fleuret 2019).
    FullGrad = "fullgrad", RULES, {
        paper: "Srinivas and Fleuret 2019, Full-Gradient Representation for Neural Network Visualization",
    }
    /// The gradient at the pixels (Simonyan et al. 2013).
    Gradient(Gradient) = "gradient", PIXELS, {
        paper: "Simonyan et al. 2013, Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps",
        gradient: true,
    }
    /// Gradient times input, summed over the colours (Shrikumar et al. 2016).
    InputTimesGradient = "input-x-gradient", PIXELS, {
        paper: "Shrikumar et al. 2016, Not Just a Black Box: Learning Important Features Through Propagating Activation Differences",
        gradient: true,
    }
    /// The gradient without what speaks against the score at any activation (Springenberg et al. 2014).
    GuidedBackpropagation(Gradient) = "guided-backprop", RULES, {
        paper: "Springenberg et al. 2014, Striving for Simplicity: The All Convolutional Net",
    }
    /// The positive part of what comes back to any activation, whether it fired or not (Zeiler and Fergus 2013).
    Deconvolution(Gradient) = "deconvolution", RULES, {
        paper: "Zeiler and Fergus 2013, Visualizing and Understanding Convolutional Networks",
        needs: "a network whose operations all go through the pass, with max pooling, gates, layer norms or attention: without them the map is the same for every image",
    }
    /// The gradient averaged over noisy copies of the image (Smilkov et al. 2017).
    SmoothGrad(SmoothGrad) = "smoothgrad", PIXELS, {
        paper: "Smilkov et al. 2017, SmoothGrad: removing noise by adding noise",
        cost: "51 forwards, 50 backwards",
    }
    /// The gradient's variance over noisy copies of the image (Adebayo et al. 2018).
    VarGrad(SmoothGrad) = "vargrad", PIXELS, {
        paper: "Adebayo et al. 2018, Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter Values",
        cost: "51 forwards, 50 backwards",
    }
    /// The gradient integrated on the way from a baseline, times the way (Sundararajan et al. 2017).
    IntegratedGradients(IntegratedGradients) = "integrated-gradients", PIXELS, {
        paper: "Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks",
        cost: "52 forwards, 50 backwards",
    }
    /// Integrated gradients averaged over noisy copies of the image.
    SmoothIntegratedGradients(SmoothIntegratedGradients) = "smooth-integrated-gradients", PIXELS, {
        paper: "Sundararajan et al. 2017 with Smilkov et al. 2017",
        cost: "201 forwards, 200 backwards",
    }
    /// Integrated gradients averaged over baselines that are drawn at random (Erion et al. 2021).
    ExpectedGradients(ExpectedGradients) = "expected-gradients", PIXELS, {
        paper: "Erion et al. 2021, Improving performance of deep learning models with axiomatic attribution priors and expected gradients",
        cost: "201 forwards, 100 backwards",
    }
    /// The gradient integrated while a blur recedes (Xu et al. 2020).
    BlurIntegratedGradients(BlurIntegratedGradients) = "blur-ig", PIXELS, {
        paper: "Xu et al. 2020, Attribution in Scale and Space",
        cost: "102 forwards, 100 backwards",
    }
    /// Regions ranked by integrated gradients (Kapishnikov et al. 2019).
    Xrai(Xrai) = "xrai", PIXELS, {
        paper: "Kapishnikov et al. 2019, XRAI: Better Attributions Through Regions",
        cost: "101 forwards, 100 backwards",
    }
    /// Differences from a baseline, taken back by the rescale rule (Shrikumar et al. 2017).
    DeepLift(DeepLift) = "deeplift", RULES, {
        paper: "Shrikumar et al. 2017, Learning Important Features Through Propagating Activation Differences",
        cost: "4 forwards, 2 backwards",
    }
    /// Layer-wise relevance propagation (Bach et al. 2015).
    Lrp(Lrp) = "lrp", RULES, {
        paper: "Bach et al. 2015, On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation",
    }
    /// The product of the attention of all blocks (Abnar and Zuidema 2020). It does not know the target.
    AttentionRollout(AttentionRollout) = "attention-rollout", ATTENTION, {
        paper: "Abnar and Zuidema 2020, Quantifying Attention Flow in Transformers",
        cost: "2 forwards",
        backward: false,
        target: false,
    }
    /// The attention of all blocks, weighed by its gradient (Chefer et al. 2021).
    GradientAttentionRollout = "gradient-attention-rollout", ATTENTION, {
        paper: "Chefer et al. 2021, Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers",
        cost: "2 forwards, 1 backward",
    }
    /// What the score loses where a window hides the picture (Zeiler and Fergus 2013).
    Occlusion(Occlusion) = "occlusion", BLACK_BOX, {
        paper: "Zeiler and Fergus 2013, Visualizing and Understanding Convolutional Networks",
        cost: "1 forward for each position of the window",
    }
    /// Random masks, weighed by the score that they leave (Petsiuk et al. 2018).
    Rise(Rise) = "rise", BLACK_BOX, {
        paper: "Petsiuk et al. 2018, RISE: Randomized Input Sampling for Explanation of Black-box Models",
        cost: "4000 forwards",
    }
    /// A weighted linear model of the score on superpixels that come and go (Ribeiro et al. 2016).
    Lime(Lime) = "lime", BLACK_BOX, {
        paper: "Ribeiro et al. 2016, Why Should I Trust You?: Explaining the Predictions of Any Classifier",
        cost: "1000 forwards",
    }
    /// Shapley values of superpixels by weighted regression (Lundberg and Lee 2017).
    KernelShap(KernelShap) = "kernel-shap", BLACK_BOX, {
        paper: "Lundberg and Lee 2017, A Unified Approach to Interpreting Model Predictions",
        cost: "1000 forwards",
    }
    /// What the score loses without a superpixel.
    FeatureAblation(FeatureAblation) = "feature-ablation", BLACK_BOX, {
        paper: "Kokhlikyan et al. 2020, Captum: A unified and generic model interpretability library for PyTorch; on superpixels",
        cost: "1 forward for each superpixel",
    }
}

impl Default for Method {
    /// Grad-CAM.
    fn default() -> Self {
        Method::GradCam
    }
}

/// Why there is no such method.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MethodError {
    /// No method has this name.
    #[error("unknown method `{name}`{}", nearest_hint(.nearest))]
    Unknown {
        /// The name.
        name: String,
        /// Similar names.
        nearest: Vec<String>,
    },
    /// The method has no such option.
    #[error("the method `{method}` has no option `{option}`; {}", known_hint(.known))]
    Option {
        /// The method.
        method: String,
        /// The option.
        option: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// The option has another kind of value.
    #[error("the option `{option}` of `{method}` cannot be `{value}`: {message}")]
    Value {
        /// The method.
        method: String,
        /// The option.
        option: String,
        /// The value given.
        value: String,
        /// What is wrong with it.
        message: String,
    },
}

fn known_hint(known: &[String]) -> String {
    match known {
        [] => "it has none".to_string(),
        names => format!("it has `{}`", names.join("`, `")),
    }
}

/// What an option takes, which its `default` shows; for a word, all those that it may be.
fn expected(mut fields: Map<String, Value>, option: &str, default: &Value) -> String {
    match default {
        Value::Bool(_) => "expected `true` or `false`".to_string(),
        Value::Number(number) if number.is_u64() => "expected a whole number from 0".to_string(),
        Value::Number(_) => "expected a number".to_string(),
        _ => {
            // serde lists the words when it is given another one: "unknown variant ``, expected one of `a`, `b`".
            fields.insert(option.to_string(), Value::String(String::new()));
            let said = serde_json::from_value::<Method>(Value::Object(fields));
            let said = said.err().map(|error| error.to_string());
            let words = said.and_then(|said| Some(said.split_once("expected ")?.1.to_string()));
            format!("expected {}", words.as_deref().unwrap_or("another word"))
        }
    }
}

impl Method {
    /// The method `name` with some of its options set from text, in the order given.
    ///
    /// # Errors
    /// For an unknown name or option, and a value that the option cannot take.
    pub fn with_options(name: &str, options: &[(String, String)]) -> Result<Self, MethodError> {
        let mut method: Method = name.parse()?;
        for (option, text) in options {
            let fail = |message: String| MethodError::Value {
                method: name.to_string(),
                option: option.clone(),
                value: text.clone(),
                message,
            };
            let mut fields = method.options();
            let Some(slot) = fields.get_mut(option) else {
                return Err(MethodError::Option {
                    method: name.to_string(),
                    option: option.clone(),
                    known: fields.into_iter().map(|(name, _)| name).collect(),
                });
            };
            let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
            let default = std::mem::replace(slot, value);
            fields.insert("method".to_string(), Value::String(name.to_string()));
            method = match serde_json::from_value(Value::Object(fields.clone())) {
                Ok(method) => method,
                Err(_) => return Err(fail(expected(fields, option, &default))),
            };
        }
        Ok(method)
    }

    /// The options and their values.
    pub fn options(&self) -> Map<String, Value> {
        let mut fields = match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        fields.remove("method");
        fields
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = MethodError;

    fn from_str(name: &str) -> Result<Self, MethodError> {
        let all = Method::all();
        let names = all.iter().map(Method::name);
        let nearest = nearest_names(name, names);
        all.into_iter()
            .find(|method| method.name() == name)
            .ok_or_else(|| MethodError::Unknown {
                name: name.to_string(),
                nearest,
            })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_to_what_prints_them() {
        for method in Method::all() {
            assert_eq!(method.to_string().parse::<Method>().unwrap(), method);
            let text = serde_json::to_string(&method).unwrap();
            assert_eq!(serde_json::from_str::<Method>(&text).unwrap(), method);
            assert!(text.contains(&format!("\"method\":\"{method}\"")), "{text}");
        }
    }

    fn set(name: &str, option: &str, value: &str) -> Result<Method, MethodError> {
        Method::with_options(name, &[(option.to_string(), value.to_string())])
    }

    #[test]
    fn options_are_set_by_name() {
        let fem = set("fem", "sigmas", "1.5").unwrap();
        assert_eq!(fem, Method::Fem(Fem { sigmas: 1.5 }));
        let eigen = set("eigen-cam", "centered", "true").unwrap();
        assert_eq!(eigen, Method::EigenCam(EigenCam { centered: true }));
    }

    #[test]
    fn json_may_leave_options_out_and_has_no_others() {
        let read = serde_json::from_str::<Method>;
        let fem: Method = "fem".parse().unwrap();
        assert_eq!(read(r#"{"method":"fem"}"#).unwrap(), fem);
        let error = read(r#"{"method":"fem","sigma":1}"#).unwrap_err();
        assert!(
            error.to_string().contains("unknown field `sigma`"),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_set_is_named() {
        let text = |result: Result<Method, MethodError>| result.unwrap_err().to_string();
        assert_eq!(
            text("gradcam".parse()),
            "unknown method `gradcam`; the nearest is `grad-cam`"
        );
        assert_eq!(
            text(set("fem", "k", "2")),
            "the method `fem` has no option `k`; it has `sigmas`"
        );
        assert_eq!(
            text(set("grad-cam", "method", "fem")),
            "the method `grad-cam` has no option `method`; it has none"
        );
        for (name, option, value, expected) in [
            ("fem", "sigmas", "many", "a number"),
            ("fem", "sigmas", "1e999", "a number"),
            ("rise", "masks", "-1", "a whole number from 0"),
            ("rise", "masks", "2.5", "a whole number from 0"),
            ("rise", "centered", "yes", "`true` or `false`"),
            (
                "gradient",
                "channels",
                "3",
                "one of `max-abs`, `sum`, `sum-abs`, `norm`",
            ),
            (
                "occlusion",
                "baseline",
                "grey",
                "one of `black`, `white`, `mean`, `blurred`, `uniform`, `custom`",
            ),
        ] {
            assert_eq!(
                text(set(name, option, value)),
                format!(
                    "the option `{option}` of `{name}` cannot be `{value}`: expected {expected}"
                )
            );
        }
    }
}
