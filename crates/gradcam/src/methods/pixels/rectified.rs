//! Gradients that lose their negative part at every rectifier: guided backpropagation and deconvolution.

use candle_core::Tensor;
use gradcam_nn::ops::{Activation, pointwise};
use gradcam_nn::{Backward, Rules};

use super::gradient::Gradient;
use super::reduce::reduce;
use super::through::{all_pass, through};
use crate::Result;
use crate::methods::about::{About, RULES};
use crate::methods::recipe::{Recipe, Setting};
use crate::saliency::{SignedMap, Subject};

/// The recipe of [`Method::GuidedBackpropagation`](crate::Method::GuidedBackpropagation).
pub(crate) struct GuidedBackpropagation(pub(crate) Gradient);

impl Recipe for GuidedBackpropagation {
    fn about(&self) -> About {
        About {
            paper: "Springenberg et al. 2014, Striving for Simplicity: The All Convolutional Net",
            ..RULES
        }
    }

    fn suits(&self, setting: &Setting<'_>) -> Result<()> {
        all_pass(setting.method, setting.network)
    }

    /// Computes guided backpropagation (Springenberg et al. 2014): an activation passes on only positive gradients, and only where its
    /// function rises.
    ///
    /// The paper covers ReLU alone. For any other rectifier (SiLU, GELU, hard swish), the derivative's positive part replaces the step. The
    /// sigmoid of a gate is not a rectifier and keeps its derivative. pytorch-grad-cam and Captum change only ReLU modules, and silently
    /// take the plain gradient elsewhere.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        Ok(reduce(&guided_gradient(subject)?, self.0.channels)?.into())
    }
}

/// Returns the result of guided backpropagation at the pixels, `(1, channels, height, width)`.
pub(crate) fn guided_gradient(subject: &Subject<'_>) -> Result<Tensor> {
    rectified("guided-backprop", subject, Rule::Guided)
}

/// The recipe of [`Method::Deconvolution`](crate::Method::Deconvolution).
pub(crate) struct Deconvolution(pub(crate) Gradient);

impl Recipe for Deconvolution {
    fn about(&self) -> About {
        About {
            paper: "Zeiler and Fergus 2013, Visualizing and Understanding Convolutional Networks",
            needs: "a network whose operations all go through the pass, with max pooling, gates, layer norms or attention: without them the map is the same for every image",
            ..RULES
        }
    }

    fn suits(&self, setting: &Setting<'_>) -> Result<()> {
        all_pass(setting.method, setting.network)
    }

    /// Computes a deconvolution (Zeiler and Fergus 2013, section 2.1): a rectifier passes on positive values, whatever its input was.
    ///
    /// The result depends on the image only through the positions that max pooling chose, gates, norms of a layer's own values and
    /// attention. A network without these, such as EfficientNet-Lite, has the same map for every image: it shows the weights of the class
    /// and the strides of the convolutions (Nie et al. 2018, theorem 1).
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let found = rectified("deconvolution", subject, Rule::Deconvolution)?;
        Ok(reduce(&found, self.0.channels)?.into())
    }
}

fn rectified(method: &str, subject: &Subject<'_>, rule: Rule) -> Result<Tensor> {
    let start = |output: &Tensor| subject.output_gradient(output);
    through(method, subject.network, subject.image, rule, start)
}

/// Returns the positive part; NaN stays, while `max` would drop it.
fn positive(v: f64) -> f64 {
    if v < 0.0 { 0.0 } else { v }
}

#[derive(Clone, Copy)]
enum Rule {
    Guided,
    Deconvolution,
}

impl Rules for Rule {
    fn activation(&self, f: Activation, x: &Tensor, _y: &Tensor) -> Backward {
        let x = x.clone();
        match f {
            // Not like a ReLU: gates, and the parts of other operations.
            Activation::Sigmoid
            | Activation::HardSigmoid { .. }
            | Activation::Tanh
            | Activation::Exp
            | Activation::Log
            | Activation::Erf
            | Activation::Softsign
            | Activation::Abs
            | Activation::Sin
            | Activation::Cos
            | Activation::Power { .. }
            | Activation::Round { .. } => {
                return Box::new(move |grad| f.backward(&x, grad));
            }
            Activation::Identity
            | Activation::Relu
            | Activation::Clip { .. }
            | Activation::LeakyRelu { .. }
            | Activation::Silu
            | Activation::Gelu
            | Activation::GeluTanh
            | Activation::QuickGelu
            | Activation::HardSwish
            | Activation::Softplus
            | Activation::Mish
            | Activation::Elu { .. } => {}
        }
        match self {
            Rule::Deconvolution => Box::new(|grad| pointwise([grad], |[g]| positive(g))),
            Rule::Guided => Box::new(move |grad| {
                let slope = f.backward(&x, &grad.ones_like()?)?;
                pointwise([grad, &slope], |[g, slope]| positive(g) * positive(slope))
            }),
        }
    }
}
