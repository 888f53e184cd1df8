//! FullGrad (Srinivas and Fleuret 2019).

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::Tensor;
use gradcam_map::{Grid, Interpolation, Size};
use gradcam_nn::ops::{Activation, BatchNorm, Conv2d, LayerNorm, Linear, multiply, pointwise};
use gradcam_nn::{Backward, ConvNormAct, Gradient, Rules};

use super::integrated::complete;
use super::reduce::total;
use super::through::{all_pass, through};
use crate::Result;
use crate::methods::about::{About, RULES};
use crate::methods::recipe::{Recipe, Setting};
use crate::saliency::{SignedMap, Subject};
use crate::seen::observation::values;
use crate::seen::tokens;

/// FullGrad.
pub(crate) struct FullGrad;

impl Recipe for FullGrad {
    fn about(&self) -> About {
        About {
            paper: "Srinivas and Fleuret 2019, Full-Gradient Representation for Neural Network Visualization",
            ..RULES
        }
    }

    fn is_signed(&self) -> bool {
        false
    }

    fn suits(&self, setting: &Setting<'_>) -> Result<()> {
        all_pass(setting.method, setting.network)
    }

    /// Multiplies the gradient at the pixels by the pixels, and the gradient at every bias by the bias (proposition 1). Each product
    /// becomes `ψ = upsampled(rescaled(|·|))`, and all are summed (equation 5).
    ///
    /// The bias of a convolution is the one with its batch norm folded in. A function that is not piecewise linear has a bias too, the
    /// implicit bias `f(x) - f'(x) x` (section 3.2), so the terms sum to the score for any network; `completeness-error` says how well.
    /// Terms without positions (those of the fully connected head, and of a score that is not a weighted sum of logits) count there but are
    /// not in the map. pytorch-grad-cam adds the biases of the convolution and of the norm separately, and rescales each channel on its
    /// own.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let terms = Terms::default();
        let start = |output: &Tensor| {
            let grad = subject.output_gradient(output)?;
            // A score that is not a weighted sum of logits has an implicit bias of its own.
            if !subject.target.is_linear() {
                let own = subject.score(subject.logits)?
                    - total(&pointwise([&grad, output], |[g, y]| g * y)?)?;
                terms.add_without_positions(Tensor::new(own, output.device())?);
            }
            Ok(grad)
        };
        let rules = Biases(terms.clone());
        let found = through("fullgrad", subject.network, subject.image, rules, start)?;
        let input = pointwise([&found, subject.image], |[g, x]| g * x)?;
        terms.add(input);
        let terms = std::mem::take(&mut *terms.0.lock().unwrap_or_else(PoisonError::into_inner));
        let size = subject.input_size()?;
        let mut sums = vec![0.0_f64; size.area()];
        let mut sum = 0.0;
        for term in terms {
            let Term {
                product,
                has_positions,
            } = term;
            sum += total(&product)?;
            // Tokens are positions of the picture as well.
            let tokens = subject.network.tokens();
            let product = tokens::map(&product, tokens, size.height_width())?;
            let &[_, _, h, w] = product.dims() else {
                continue;
            };
            if !has_positions || h * w < 2 {
                continue;
            }
            let numbers = values(&product)?;
            // Rescaled over all channels of the layer together, then summed over the channels.
            let (low, high) = numbers.iter().fold((f32::INFINITY, 0.0_f32), |(l, m), v| {
                (l.min(v.abs()), m.max(v.abs()))
            });
            // Values that are not finite are left to the verdict.
            if high <= low && numbers.iter().all(|v| v.is_finite()) {
                continue;
            }
            let mut plane = vec![0.0_f32; h * w];
            for channel in numbers.chunks_exact(h * w) {
                for (sum, v) in plane.iter_mut().zip(channel) {
                    *sum += (v.abs() - low) / (high - low);
                }
            }
            let plane = Grid::new(Size::new(h, w)?, plane)?;
            let plane = Interpolation::default().resize(&plane, size);
            for (sum, &v) in sums.iter_mut().zip(plane.values()) {
                *sum += f64::from(v);
            }
        }
        let score = subject.score(subject.logits)?;
        Ok(SignedMap {
            map: Grid::from_fn(size, |i| sums[i] as f32),
            error: None,
            measures: complete(sum, score),
        })
    }
}

/// The gradient times the bias of every operation, in the order of the backward pass.
#[derive(Clone, Default)]
struct Terms(Arc<Mutex<Vec<Term>>>);

struct Term {
    product: Tensor,
    /// Whether a rank of four means a feature map; attention with heads has this rank too.
    has_positions: bool,
}

impl Terms {
    fn add(&self, product: Tensor) {
        self.push(product, true);
    }

    fn add_without_positions(&self, product: Tensor) {
        self.push(product, false);
    }

    fn push(&self, product: Tensor, has_positions: bool) {
        let mut terms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        terms.push(Term {
            product,
            has_positions,
        });
    }

    /// Records the gradient times a bias for each channel of a feature map.
    fn bias(&self, grad: &Tensor, bias: Option<&Tensor>) -> candle_core::Result<()> {
        let Some(bias) = bias else { return Ok(()) };
        self.add(multiply(grad, &bias.reshape((1, bias.dim(0)?, 1, 1))?)?);
        Ok(())
    }
}

/// The gradient's rules, which record the terms on the way.
struct Biases(Terms);

impl Biases {
    /// Handles one factor of a product `y` of two, with the gradient `back`. The product is linear in either factor and so counts twice;
    /// the bias `-y` cancels one of them.
    fn twice(&self, y: &Tensor, back: Backward, has_positions: bool) -> Backward {
        let (terms, y) = (self.0.clone(), y.clone());
        Box::new(move |grad| {
            terms.push(pointwise([grad, &y], |[g, y]| -g * y)?, has_positions);
            back(grad)
        })
    }

    /// Handles a function `y(x)` with the gradient `back`. Its implicit bias is `y - J x`, and `grad · J x = back(grad) · x`, position by
    /// position if the function works so.
    fn implicit(&self, x: &Tensor, y: &Tensor, back: Backward, has_positions: bool) -> Backward {
        let (terms, x, y) = (self.0.clone(), x.clone(), y.clone());
        Box::new(move |grad| {
            let to_x = back(grad)?;
            let product = pointwise([grad, &y, &to_x, &x], |[g, y, b, x]| g * y - b * x)?;
            terms.push(product, has_positions);
            Ok(to_x)
        })
    }
}

impl Rules for Biases {
    fn conv_norm(&self, group: &ConvNormAct, x: &Tensor, y: &Tensor) -> Backward {
        let (terms, bias) = (self.0.clone(), group.bias().cloned());
        let back = Gradient.conv_norm(group, x, y);
        Box::new(move |grad| {
            terms.bias(grad, bias.as_ref())?;
            back(grad)
        })
    }
    fn conv2d(&self, layer: &Conv2d, x: &Tensor, y: &Tensor) -> Backward {
        let (terms, bias) = (self.0.clone(), layer.bias().cloned());
        let back = Gradient.conv2d(layer, x, y);
        Box::new(move |grad| {
            terms.bias(grad, bias.as_ref())?;
            back(grad)
        })
    }
    fn linear(&self, layer: &Linear, x: &Tensor, y: &Tensor) -> Backward {
        let (terms, bias) = (self.0.clone(), layer.bias().cloned());
        let back = Gradient.linear(layer, x, y);
        Box::new(move |grad| {
            if let Some(bias) = &bias {
                let product = grad.broadcast_mul(bias)?;
                // `(n, h, w, c)`, or windows, is not a feature map.
                match grad.rank() {
                    4 => terms.add_without_positions(product),
                    _ => terms.add(product),
                }
            }
            back(grad)
        })
    }
    fn batch_norm(&self, layer: &BatchNorm, x: &Tensor, y: &Tensor) -> Backward {
        self.implicit(x, y, Gradient.batch_norm(layer, x, y), true)
    }
    fn layer_norm(&self, layer: &LayerNorm, x: &Tensor, y: &Tensor) -> Backward {
        self.implicit(x, y, Gradient.layer_norm(layer, x, y), true)
    }
    fn activation(&self, f: Activation, x: &Tensor, y: &Tensor) -> Backward {
        let back = Gradient.activation(f, x, y);
        match f {
            // Piecewise linear through 0.
            Activation::Identity | Activation::Relu | Activation::LeakyRelu { .. } => back,
            Activation::Clip { .. }
            | Activation::Silu
            | Activation::Gelu
            | Activation::GeluTanh
            | Activation::QuickGelu
            | Activation::HardSwish
            | Activation::HardSigmoid { .. }
            | Activation::Sigmoid
            | Activation::Tanh
            | Activation::Exp
            | Activation::Log
            | Activation::Erf
            | Activation::Softplus
            | Activation::Mish
            | Activation::Softsign
            | Activation::Abs
            | Activation::Sin
            | Activation::Cos
            | Activation::Elu { .. }
            | Activation::Power { .. }
            | Activation::Round { .. } => self.implicit(x, y, back, true),
        }
    }
    fn constant(&self, value: &Tensor) -> Option<Backward> {
        let (terms, value) = (self.0.clone(), value.clone());
        Some(Box::new(move |grad| {
            let product = pointwise([grad, &value], |[g, v]| g * v)?;
            match grad.rank() {
                4 => terms.add_without_positions(product),
                _ => terms.add(product),
            }
            Ok(grad.clone())
        }))
    }
    fn softmax(&self, x: &Tensor, y: &Tensor) -> Backward {
        self.implicit(x, y, Gradient.softmax(x, y), false)
    }
    fn right_factor(&self, a: &Tensor, b: &Tensor, y: &Tensor) -> Backward {
        // As for a gate.
        self.twice(y, Gradient.right_factor(a, b, y), false)
    }
    fn gate(&self, x: &Tensor, gate: &Tensor, y: &Tensor) -> Backward {
        self.twice(y, Gradient.gate(x, gate, y), true)
    }
}
