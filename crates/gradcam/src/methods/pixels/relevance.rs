//! Layer-wise relevance propagation (Bach et al. 2015).

mod affine;

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Result as Tensors, Tensor, TensorId};
use gradcam_nn::ops::{Activation, BatchNorm, Conv2d, LayerNorm, Linear, LinearMap, pointwise};
use gradcam_nn::{Backward, ConvNormAct, Gradient, Rules};
use serde::{Deserialize, Serialize};

use self::affine::Affine;
use super::integrated::relative;
use super::reduce::{Channels, reduce, total};
use super::through::{all_pass, through};
use crate::Result;
use crate::methods::about::{About, RULES};
use crate::methods::recipe::{Check, Recipe, Setting};
use crate::saliency::{SignedMap, Subject};
use crate::target::{Target, products};

/// The rule of layer-wise relevance propagation at convolutions and fully connected layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LrpRule {
    /// z⁺ at convolutions, ε at fully connected layers, and the flat rule at the first layer (Kohlbrenner et al. 2020).
    #[default]
    EpsilonPlusFlat,
    /// ε everywhere (Bach et al. 2015, eq. 58).
    Epsilon,
    /// γ everywhere (Montavon et al. 2019).
    Gamma,
    /// αβ everywhere (Bach et al. 2015, eq. 60).
    AlphaBeta,
    /// z⁺ everywhere (Montavon et al. 2017).
    ZPlus,
}

/// Options of [`Method::Lrp`](crate::Method::Lrp).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lrp {
    /// The rule at convolutions and fully connected layers.
    pub rule: LrpRule,
    /// Added to a denominator, with the denominator's sign.
    pub epsilon: f64,
    /// Extra factor of positive weights in the γ rule.
    pub gamma: f64,
    /// Factor of the positive part in the αβ rule; `alpha - beta` is 1 if relevance is to be conserved.
    pub alpha: f64,
    /// Factor of the negative part in the αβ rule.
    pub beta: f64,
    /// Whether biases take part. Without them, all relevance reaches the pixels (zennit's `zero_params="bias"`).
    pub biases: bool,
}

impl Default for Lrp {
    /// The composite rule, with ε = 1e-6, γ = 0.25, α = 2, β = 1.
    fn default() -> Self {
        Lrp {
            rule: LrpRule::default(),
            epsilon: 1e-6,
            gamma: 0.25,
            alpha: 2.0,
            beta: 1.0,
            biases: true,
        }
    }
}

impl Recipe for Lrp {
    fn about(&self) -> About {
        About {
            paper: "Bach et al. 2015, On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance Propagation",
            ..RULES
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        let fits = self.epsilon > 0.0 && self.epsilon.is_finite();
        check.that(fits, "epsilon", "above 0", self.epsilon)?;
        check.at_least_zero("gamma", self.gamma)?;
        check.finite("alpha", self.alpha)?;
        check.finite("beta", self.beta)
    }

    fn suits(&self, setting: &Setting<'_>) -> Result<()> {
        all_pass(setting.method, setting.network)
    }

    /// Computes the relevance of each pixel: the score, propagated from every output to its inputs in proportion to their contributions.
    /// Summed over the colours.
    ///
    /// Batch norms after convolutions are folded into them. Activations, other norms and scales pass relevance on unchanged. A max pooling
    /// passes it to the maximum, averages and sums in proportion. A gate passes all of it to the map that it gates (Arras et al. 2017), and
    /// attention all of it to the values that it sums (Ali et al. 2022). The definitions for inputs of any sign are those of zennit.
    ///
    /// For a similarity, the start is the products whose sum is the cosine. For any other function of the output, it is the gradient times
    /// the output, and the rest counts as a bias. A bias keeps its own share, which has no pixel: `bias-share` is this fraction of the
    /// score. `conservation-error` is the distance of pixels and biases together from the score, as a fraction of the score (ε takes a
    /// little); `conservation-gap` is the same in units of the score.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let image = subject.image.detach();
        let score = subject.score(subject.logits)?;
        let kept = Kept::default();
        let start = |output: &Tensor| -> Result<Tensor> {
            let parts = match subject.target {
                Target::Similarity(other) => {
                    (products(&output.get(0)?, other)?.unsqueeze(0)? * subject.sign)?
                }
                _ => (subject.output_gradient(output)? * output)?,
            };
            if !subject.target.is_linear() {
                kept.count(score - total(&parts)?);
            }
            Ok(parts)
        };
        let rules = Relevance {
            options: *self,
            input: image.id(),
            kept: kept.clone(),
        };
        let found = through("lrp", subject.network, &image, rules, start)?;
        let conserved = total(&found)? + kept.total();
        Ok(SignedMap {
            map: reduce(&found, Channels::Sum)?,
            error: None,
            measures: vec![
                ("conservation-error", relative(conserved, score)),
                ("conservation-gap", (conserved - score).abs()),
                ("bias-share", kept.total() / score),
            ],
        })
    }
}

/// The relevance that biases keep.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<f64>>);

impl Kept {
    fn total(&self) -> f64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the relevance that a layer's bias keeps, from the relevance per unit `s` of the layer's outputs.
    fn add(&self, layer: &Affine, s: &Tensor, factor: f64) -> Tensors<()> {
        self.count(factor * layer.bias_share(s)?);
        Ok(())
    }

    fn count(&self, relevance: f64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += relevance;
    }
}

struct Relevance {
    options: Lrp,
    kept: Kept,
    /// The picture; the layer that reads it is the first one.
    input: TensorId,
}

/// Keeps a denominator from being zero in sums and averages.
const STABLE: f64 = 1e-6;

/// Divides a relevance by the output that it belongs to.
fn shares(relevance: &Tensor, output: &Tensor, epsilon: f64) -> Tensors<Tensor> {
    pointwise([relevance, output], |[r, z]| {
        r / (z + if z < 0.0 { -epsilon } else { epsilon })
    })
}

fn product(a: &Tensor, b: &Tensor) -> Tensors<Tensor> {
    pointwise([a, b], |[a, b]| a * b)
}

impl Relevance {
    fn affine(&self, layer: Affine, x: &Tensor, is_conv: bool) -> Backward {
        let (options, x, kept) = (self.options, x.clone(), self.kept.clone());
        let layer = if options.biases {
            layer
        } else {
            layer.without_bias()
        };
        let rule = match options.rule {
            LrpRule::EpsilonPlusFlat if x.id() == self.input => {
                return Box::new(move |r| flat(&layer, &x, r));
            }
            LrpRule::EpsilonPlusFlat if is_conv => LrpRule::ZPlus,
            LrpRule::EpsilonPlusFlat => LrpRule::Epsilon,
            rule => rule,
        };
        Box::new(move |r| match rule {
            LrpRule::Gamma => gamma(&layer, &x, r, options, &kept),
            LrpRule::AlphaBeta => alpha_beta(
                &layer,
                &x,
                r,
                (options.alpha, options.beta),
                options.epsilon,
                &kept,
            ),
            LrpRule::ZPlus => alpha_beta(&layer, &x, r, (1.0, 0.0), options.epsilon, &kept),
            _ => epsilon(&layer, &x, r, options.epsilon, &kept),
        })
    }
}

/// Applies ε: the shares of `z = W x + b`.
fn epsilon(layer: &Affine, x: &Tensor, r: &Tensor, epsilon: f64, kept: &Kept) -> Tensors<Tensor> {
    let s = shares(r, &layer.forward(x)?, epsilon)?;
    kept.add(layer, &s, 1.0)?;
    product(x, &layer.backward(x, &s)?)
}

/// Applies the flat rule: every input of an output gets the same share.
fn flat(layer: &Affine, x: &Tensor, r: &Tensor) -> Tensors<Tensor> {
    let ones = x.ones_like()?;
    let layer = layer.changed(|_| 1.0, None::<fn(f64) -> f64>)?;
    let s = shares(r, &layer.forward(&ones)?, STABLE)?;
    layer.backward(x, &s)
}

/// Applies γ: positive outputs come from `W + γ W⁺` on positive inputs and `W + γ W⁻` on negative ones; for negative outputs, it is the
/// other way round.
fn gamma(layer: &Affine, x: &Tensor, r: &Tensor, options: Lrp, kept: &Kept) -> Tensors<Tensor> {
    let (g, positive, negative) = (options.gamma, positive(x)?, negative(x)?);
    let more = |v: f64| v + g * v.max(0.0);
    let less = |v: f64| v + g * v.min(0.0);
    let (more_bias, less_bias) = (
        layer.changed(more, Some(more))?,
        layer.changed(less, Some(less))?,
    );
    let (more, less) = (more_bias.without_bias(), less_bias.without_bias());
    let z = layer.forward(x)?;
    let mut found = x.zeros_like()?;
    for sign in [1.0, -1.0] {
        let (with, without) = if sign > 0.0 {
            (&more_bias, &less)
        } else {
            (&less_bias, &more)
        };
        let total = sum(&with.forward(&positive)?, &without.forward(&negative)?)?;
        let r = pointwise([r, &z], |[r, z]| if z * sign > 0.0 { r } else { 0.0 })?;
        let s = shares(&r, &total, options.epsilon)?;
        kept.add(with, &s, 1.0)?;
        let to_positive = product(&positive, &with.backward(x, &s)?)?;
        let to_negative = product(&negative, &without.backward(x, &s)?)?;
        found = pointwise([&found, &to_positive, &to_negative], |[a, b, c]| a + b + c)?;
    }
    Ok(found)
}

/// Applies αβ: the shares of the positive terms of `z`, times α, minus those of the negative terms, times β.
fn alpha_beta(
    layer: &Affine,
    x: &Tensor,
    r: &Tensor,
    (alpha, beta): (f64, f64),
    epsilon: f64,
    kept: &Kept,
) -> Tensors<Tensor> {
    let (positive, negative) = (positive(x)?, negative(x)?);
    let plus = |v: f64| v.max(0.0);
    let minus = |v: f64| v.min(0.0);
    let (plus, minus) = (
        layer.changed(plus, Some(plus))?,
        layer.changed(minus, Some(minus))?,
    );
    let mut found = x.zeros_like()?;
    for (factor, with, without) in [(alpha, &plus, &minus), (-beta, &minus, &plus)] {
        if factor == 0.0 {
            continue;
        }
        let without = without.without_bias();
        let total = sum(&with.forward(&positive)?, &without.forward(&negative)?)?;
        let s = shares(r, &total, epsilon)?;
        kept.add(with, &s, factor)?;
        let to_positive = product(&positive, &with.backward(x, &s)?)?;
        let to_negative = product(&negative, &without.backward(x, &s)?)?;
        found = pointwise([&found, &to_positive, &to_negative], |[sum, b, c]| {
            sum + factor * (b + c)
        })?;
    }
    Ok(found)
}

fn sum(a: &Tensor, b: &Tensor) -> Tensors<Tensor> {
    pointwise([a, b], |[a, b]| a + b)
}

fn positive(x: &Tensor) -> Tensors<Tensor> {
    pointwise([x], |[x]| x.max(0.0))
}

fn negative(x: &Tensor) -> Tensors<Tensor> {
    pointwise([x], |[x]| x.min(0.0))
}

/// Passes relevance on unchanged.
fn pass() -> Backward {
    Box::new(|r| Ok(r.clone()))
}

impl Rules for Relevance {
    fn conv_norm(&self, group: &ConvNormAct, x: &Tensor, _y: &Tensor) -> Backward {
        match group.merged() {
            Ok(conv) => self.affine(Affine::Conv(conv), x, true),
            Err(error) => {
                let text = error.to_string();
                Box::new(move |_| Err(candle_core::Error::Msg(text.clone())))
            }
        }
    }
    fn conv2d(&self, layer: &Conv2d, x: &Tensor, _y: &Tensor) -> Backward {
        self.affine(Affine::Conv(layer.clone()), x, true)
    }
    fn linear(&self, layer: &Linear, x: &Tensor, _y: &Tensor) -> Backward {
        self.affine(Affine::Linear(layer.clone()), x, false)
    }
    fn batch_norm(&self, _: &BatchNorm, _x: &Tensor, _y: &Tensor) -> Backward {
        pass()
    }
    fn layer_norm(&self, _: &LayerNorm, _x: &Tensor, _y: &Tensor) -> Backward {
        pass()
    }
    fn activation(&self, _: Activation, _x: &Tensor, _y: &Tensor) -> Backward {
        pass()
    }
    fn linear_map(&self, map: &LinearMap, x: &Tensor, y: &Tensor) -> Backward {
        if !map.mixes() {
            return Gradient.linear_map(map, x, y);
        }
        let (map, x, y) = (map.clone(), x.clone(), y.clone());
        Box::new(move |r| product(&x, &map.adjoint(x.dims(), &shares(r, &y, STABLE)?)?))
    }
    fn add(&self, summand: &Tensor, sum: &Tensor) -> Backward {
        let (summand, sum) = (summand.clone(), sum.clone());
        Box::new(move |r| product(&summand, &shares(r, &sum, STABLE)?))
    }
    fn constant(&self, _value: &Tensor) -> Option<Backward> {
        // An embedding or a class token keeps its share, as a bias does.
        let kept = self.kept.clone();
        Some(Box::new(move |r| {
            kept.count(r.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>()?);
            Ok(r.clone())
        }))
    }
    fn left_factor(&self, a: &Tensor, _b: &Tensor, _y: &Tensor) -> Backward {
        let a = a.clone();
        Box::new(move |_| a.zeros_like())
    }
    fn right_factor(&self, a: &Tensor, b: &Tensor, y: &Tensor) -> Backward {
        let (b, y) = (b.clone(), y.clone());
        let back = Gradient.right_factor(a, &b, &y);
        Box::new(move |r| product(&b, &back(&shares(r, &y, STABLE)?)?))
    }
    fn gated(&self, _x: &Tensor, _gate: &Tensor, _y: &Tensor) -> Backward {
        pass()
    }
    fn gate(&self, _x: &Tensor, gate: &Tensor, _y: &Tensor) -> Backward {
        let gate = gate.clone();
        Box::new(move |_| gate.zeros_like())
    }
}
