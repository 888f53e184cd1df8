//! The methods, by name and with their options.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::nearest_names;

/// How a map is made from the activations of a layer.
///
/// A method parses from and prints to its usual name; in serde's formats it is a map with the name as `method` and its options beside it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "method")]
#[non_exhaustive]
pub enum Method {
    /// Class activation mapping: the weights of the linear layer behind the global average (Zhou et al. 2016, eq. 2). It is defined for
    /// networks that end in these two alone.
    #[serde(rename = "cam")]
    Cam,
    /// The gradient's average over the positions weighs a channel (Selvaraju et al. 2017, eq. 1 and 2).
    #[default]
    #[serde(rename = "grad-cam")]
    GradCam,
    /// Positive gradients, each with a weight of its own (Chattopadhay et al. 2018).
    #[serde(rename = "grad-cam++")]
    GradCamPlusPlus(GradCamPlusPlus),
    /// The gradient's average, weighed by the activation (Fu et al. 2020).
    #[serde(rename = "xgrad-cam")]
    XGradCam(XGradCam),
    /// Gradient times activation, summed over the channels (Draelos and Carin 2020).
    #[serde(rename = "hires-cam")]
    HiResCam,
    /// Positive gradient times activation, summed over the channels (Jiang et al. 2021, eq. 6).
    #[serde(rename = "layer-cam")]
    LayerCam,
    /// The positive part of gradient times activation, summed over the channels (Pillai and Pirsiavash 2021).
    #[serde(rename = "element-wise-cam")]
    ElementWiseCam,
    /// The activations' first principal component (Muhammad and Yeasin 2020). It does not know the target.
    #[serde(rename = "eigen-cam")]
    EigenCam(EigenCam),
    /// The first principal component of gradient times activation.
    #[serde(rename = "eigen-grad-cam")]
    EigenGradCam(EigenCam),
    /// Channels weighed by how often they fire far above their mean (Fuad et al. 2020). It does not know the target.
    #[serde(rename = "fem")]
    Fem(Fem),
    /// What is left of the score when a channel's own map hides the rest of the picture (Wang et al. 2020).
    #[serde(rename = "score-cam")]
    ScoreCam,
}

/// Options of [`Method::GradCamPlusPlus`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GradCamPlusPlus {
    /// Added to the denominator `2g² + g³ ΣA` of the weights. Equation 19 has none; pytorch-grad-cam adds 1e-6, which decides the map where
    /// gradients are of the order of 1e-3 or less.
    pub epsilon: f64,
}

/// Options of [`Method::XGradCam`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct XGradCam {
    /// Added to the sum of a channel's activations. The paper has none, and a channel without activation weighs nothing here;
    /// pytorch-grad-cam adds 1e-7.
    pub epsilon: f64,
}

/// Options of [`Method::EigenCam`] and [`Method::EigenGradCam`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EigenCam {
    /// Whether each channel's mean is taken off first: pytorch-grad-cam does so, the paper does not.
    pub centered: bool,
}

/// Options of [`Method::Fem`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fem {
    /// Standard deviations above its mean from which on a channel counts as firing.
    pub sigmas: f64,
}

impl Default for Fem {
    /// Two standard deviations, as in the paper.
    fn default() -> Self {
        Fem { sigmas: 2.0 }
    }
}

/// What there is to know about a method before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct About {
    /// Authors, year and title.
    pub paper: &'static str,
    /// Passes through the network for one target.
    pub cost: &'static str,
    /// What it asks of the network.
    pub needs: &'static str,
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

fn nearest_hint(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        names => format!("; the nearest are `{}`", names.join("`, `")),
    }
}

fn known_hint(known: &[String]) -> String {
    match known {
        [] => "it has none".to_string(),
        names => format!("it has `{}`", names.join("`, `")),
    }
}

impl Method {
    /// Every method with its default options.
    pub fn all() -> Vec<Method> {
        vec![
            Method::Cam,
            Method::GradCam,
            Method::GradCamPlusPlus(GradCamPlusPlus::default()),
            Method::XGradCam(XGradCam::default()),
            Method::HiResCam,
            Method::LayerCam,
            Method::ElementWiseCam,
            Method::EigenCam(EigenCam::default()),
            Method::EigenGradCam(EigenCam::default()),
            Method::Fem(Fem::default()),
            Method::ScoreCam,
        ]
    }

    /// The usual name.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Cam => "cam",
            Method::GradCam => "grad-cam",
            Method::GradCamPlusPlus(_) => "grad-cam++",
            Method::XGradCam(_) => "xgrad-cam",
            Method::HiResCam => "hires-cam",
            Method::LayerCam => "layer-cam",
            Method::ElementWiseCam => "element-wise-cam",
            Method::EigenCam(_) => "eigen-cam",
            Method::EigenGradCam(_) => "eigen-grad-cam",
            Method::Fem(_) => "fem",
            Method::ScoreCam => "score-cam",
        }
    }

    /// Paper, cost and needs.
    pub fn about(&self) -> About {
        const GRADIENT: &str = "1 forward, 1 backward of the head";
        let (paper, cost, needs) = match self {
            Method::Cam => (
                "Zhou et al. 2016, Learning Deep Features for Discriminative Localization",
                "1 forward",
                "a head of global average pooling and one linear layer",
            ),
            Method::GradCam => (
                "Selvaraju et al. 2017, Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
                GRADIENT,
                "a layer with a spatial map",
            ),
            Method::GradCamPlusPlus(_) => (
                "Chattopadhay et al. 2018, Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep Convolutional Networks",
                GRADIENT,
                "a layer with a spatial map",
            ),
            Method::XGradCam(_) => (
                "Fu et al. 2020, Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs",
                GRADIENT,
                "a layer with a spatial map",
            ),
            Method::HiResCam => (
                "Draelos and Carin 2020, Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
                GRADIENT,
                "a layer with a spatial map",
            ),
            Method::LayerCam => (
                "Jiang et al. 2021, LayerCAM: Exploring Hierarchical Class Activation Maps for Localization",
                GRADIENT,
                "a layer with a spatial map",
            ),
            Method::ElementWiseCam => (
                "Pillai and Pirsiavash 2021, Explainable Models with Consistent Interpretations",
                GRADIENT,
                "a layer with a spatial map",
            ),
            Method::EigenCam(_) => (
                "Muhammad and Yeasin 2020, Eigen-CAM: Class Activation Map using Principal Components",
                "1 forward",
                "a layer with a spatial map",
            ),
            Method::EigenGradCam(_) => (
                "Gildenblat 2021, the library pytorch-grad-cam",
                GRADIENT,
                "a layer with a spatial map",
            ),
            Method::Fem(_) => (
                "Fuad et al. 2020, Features Understanding in 3D CNNs for Actions Recognition in Video",
                "1 forward",
                "a layer with a spatial map",
            ),
            Method::ScoreCam => (
                "Wang et al. 2020, Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks",
                "1 forward, and 1 for each channel of the layer",
                "a layer with a spatial map; only scores, no gradient",
            ),
        };
        About { paper, cost, needs }
    }

    /// Whether the map is made from the score's gradient.
    pub fn needs_gradient(&self) -> bool {
        !matches!(
            self,
            Method::Cam | Method::EigenCam(_) | Method::Fem(_) | Method::ScoreCam
        )
    }

    /// Whether the map depends on the target.
    pub fn knows_target(&self) -> bool {
        !matches!(self, Method::EigenCam(_) | Method::Fem(_))
    }

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
            *slot = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
            fields.insert("method".to_string(), Value::String(name.to_string()));
            method = serde_json::from_value(Value::Object(fields))
                .map_err(|error| fail(error.to_string()))?;
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
    fn what_cannot_be_set_is_named() {
        let text = |result: Result<Method, MethodError>| result.unwrap_err().to_string();
        assert_eq!(
            text("gradcam".parse()),
            "unknown method `gradcam`; the nearest are `grad-cam`, `grad-cam++`, `xgrad-cam`"
        );
        assert_eq!(
            text(set("fem", "k", "2")),
            "the method `fem` has no option `k`; it has `sigmas`"
        );
        assert_eq!(
            text(set("grad-cam", "method", "fem")),
            "the method `grad-cam` has no option `method`; it has none"
        );
        assert!(
            text(set("fem", "sigmas", "many"))
                .starts_with("the option `sigmas` of `fem` cannot be `many`: invalid type: string")
        );
    }
}
