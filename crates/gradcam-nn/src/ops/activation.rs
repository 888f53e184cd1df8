//! Activation functions.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp1, Result, Shape, Tensor};

#[cfg(feature = "cuda")]
use crate::cuda::{Arg, Array};
#[cfg(feature = "cuda")]
use crate::dispatch::dense;
use crate::dispatch::{
    Map, Mapped, Unary, channels_first, forwards, map, map_recorded, unary, with_map, with_values,
};
use crate::kernels::Element;
use crate::kernels::output::{TASK, parts};

/// A function that is applied to every element on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// `x`.
    #[default]
    Identity,
    /// `max(x, 0)`; the derivative at 0 is 0.
    Relu,
    /// `min(max(x, 0), 6)`; the derivative at 0 and at 6 is 0.
    Relu6,
    /// `x · sigmoid(x)`, also named swish.
    Silu,
    /// `x · Φ(x)` with the standard normal distribution Φ (Hendrycks and Gimpel 2016).
    Gelu,
    /// The approximation `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))` of GELU (same paper).
    GeluTanh,
    /// The approximation `x · sigmoid(1.702 x)` of GELU (same paper), which CLIP was trained with.
    QuickGelu,
    /// `x · relu6(x + 3) / 6` (MobileNetV3, Howard et al. 2019); the derivative is 0 at -3 and 1 at 3.
    HardSwish,
    /// `relu6(x + 3) / 6`; the derivative at -3 and at 3 is 0.
    HardSigmoid,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
}

/// Runs a block under a name that is the constant of the activation at hand: a loop in the block has no branch.
macro_rules! specialise {
    ($activation:expr, |$f:ident| $body:expr) => {
        specialise!(
            $activation, $f, $body,
            Identity Relu Relu6 Silu Gelu GeluTanh QuickGelu HardSwish HardSigmoid Sigmoid
        )
    };
    ($activation:expr, $f:ident, $body:expr, $($name:ident)*) => {
        match $activation {
            $(Activation::$name => {
                const $f: Activation = Activation::$name;
                $body
            })*
        }
    };
}

impl Activation {
    /// Applies the function to a tensor of any shape. NaN stays NaN.
    ///
    /// # Errors
    /// When the elements are neither `f32` nor `f64`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Activation::Identity => Ok(x.clone()),
            f if x.rank() == 4 => map_recorded(OnMap(*f), x),
            f => x.contiguous()?.apply_op1(OnValues(*f)),
        }
    }

    /// The gradient at the input `x` from the one at the output.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn backward(self, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
        match x.rank() {
            4 => map(&Backward { f: self, x }, grad),
            _ => unary(&Backward { f: self, x }, grad),
        }
    }

    /// The function's value at `x`.
    #[inline(always)]
    pub(crate) fn apply<T: Element>(self, x: T) -> T {
        match self {
            Activation::Identity => x,
            Activation::Relu => x.maximum(T::ZERO),
            Activation::Relu6 => relu6(x),
            Activation::Silu => x / (T::ONE + (-x).exp()),
            Activation::Gelu => x * x.normal_cdf(),
            // (1 + tanh u) / 2 = sigmoid(2 u).
            Activation::GeluTanh => x / (T::ONE + (-gelu_exponent(x)).exp()),
            Activation::QuickGelu => x / (T::ONE + (-T::of(QUICK_GELU) * x).exp()),
            Activation::HardSwish => x * relu6(x + T::of(3.0)) * T::of(1.0 / 6.0),
            Activation::HardSigmoid => relu6(x + T::of(3.0)) * T::of(1.0 / 6.0),
            Activation::Sigmoid => T::ONE / (T::ONE + (-x).exp()),
        }
    }

    /// The function's derivative at `x`.
    #[inline(always)]
    pub(crate) fn derivative<T: Element>(self, x: T) -> T {
        let three = T::of(3.0);
        let step = |inside: bool, slope: T| if inside { slope } else { T::ZERO };
        match self {
            Activation::Identity => T::ONE,
            // Open at NaN, as PyTorch's.
            Activation::Relu => step((x > T::ZERO) | x.is_nan(), T::ONE),
            Activation::Relu6 => step((x > T::ZERO) & (x < T::of(6.0)), T::ONE),
            Activation::Silu => {
                let (s, rest) = sigmoid_parts(x);
                s * (T::ONE + x * rest)
            }
            Activation::Gelu => x.normal_cdf() + x * x.normal_pdf(),
            Activation::GeluTanh => {
                let (s, rest) = sigmoid_parts(gelu_exponent(x));
                let slope = T::of(GELU) * (T::ONE + T::of(3.0 * GELU_CUBIC) * x * x);
                s + x * s * rest * slope
            }
            Activation::QuickGelu => {
                let x = T::of(QUICK_GELU) * x;
                let (s, rest) = sigmoid_parts(x);
                s * (T::ONE + x * rest)
            }
            Activation::HardSwish => {
                let inside = x * T::of(1.0 / 3.0) + T::of(0.5);
                let upper = if x >= three { T::ONE } else { inside };
                step((x > -three) | x.is_nan(), upper)
            }
            Activation::HardSigmoid => step((x > -three) & (x < three), T::of(1.0 / 6.0)),
            Activation::Sigmoid => {
                let (s, rest) = sigmoid_parts(x);
                s * rest
            }
        }
    }

    /// Whether the derivative at an input is the one at the output: where it is, nobody needs to keep the input.
    pub(crate) fn is_idempotent(self) -> bool {
        matches!(
            self,
            Activation::Identity | Activation::Relu | Activation::Relu6
        )
    }

    /// Writes the gradients at the inputs `x` from those at the outputs.
    #[inline(always)]
    pub(crate) fn backpropagate<T: Element>(self, x: &[T], grad: &[T], dx: &mut [T]) {
        specialise!(self, |F| {
            for ((dx, &x), &g) in dx.iter_mut().zip(x).zip(grad) {
                *dx = F.gradient(x, g);
            }
        });
    }

    /// The gradient at the input `x` from the gradient `g` at the output.
    #[inline(always)]
    fn gradient<T: Element>(self, x: T, g: T) -> T {
        let derivative = self.derivative(x);
        let piecewise = matches!(
            self,
            Activation::Relu | Activation::Relu6 | Activation::HardSwish | Activation::HardSigmoid
        );
        // A closed gate lets nothing through, an infinite or undefined gradient neither.
        if piecewise && derivative == T::ZERO {
            T::ZERO
        } else {
            g * derivative
        }
    }
}

/// 2 √(2/π).
const GELU: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::SQRT_2;
const GELU_CUBIC: f64 = 0.044715;
const QUICK_GELU: f64 = 1.702;

/// Twice the argument of the hyperbolic tangent in GELU's approximation.
#[inline(always)]
fn gelu_exponent<T: Element>(x: T) -> T {
    T::of(GELU) * (x + T::of(GELU_CUBIC) * x * x * x)
}

/// The sigmoid and what it lacks to 1, both without cancellation.
#[inline(always)]
fn sigmoid_parts<T: Element>(x: T) -> (T, T) {
    let e = (if x > T::ZERO { -x } else { x }).exp();
    let large = T::ONE / (T::ONE + e);
    let small = e * large;
    if x > T::ZERO {
        (large, small)
    } else {
        (small, large)
    }
}

#[inline(always)]
fn relu6<T: Element>(x: T) -> T {
    x.maximum(T::ZERO).minimum(T::of(6.0))
}

/// The function on a feature map, which keeps its memory layout.
struct OnMap(Activation);
/// The function on values that follow one another.
struct OnValues(Activation);
struct Backward<'a> {
    f: Activation,
    x: &'a Tensor,
}

fn values<T: Element>(f: Activation, x: &[T]) -> Vec<T> {
    parts(
        x.len(),
        TASK,
        TASK,
        #[inline(always)]
        |task, y| {
            let x = &x[task * TASK..][..y.len()];
            specialise!(f, |F| {
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = F.apply(x);
                }
            });
        },
    )
}

fn gradients<T: Element>(f: Activation, x: &[T], grad: &[T]) -> Vec<T> {
    parts(
        x.len(),
        TASK,
        TASK,
        #[inline(always)]
        |task, dx| {
            let x = &x[task * TASK..][..dx.len()];
            let grad = &grad[task * TASK..][..dx.len()];
            f.backpropagate(x, grad, dx);
        },
    )
}

impl Mapped for OnMap {
    const NAME: &'static str = "activation";
    fn run<T: Element>(&self, x: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        Ok((values(self.0, &x.channels_last()), x.dims))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        Ok((forward_cuda(self.0, x)?, x.map(<Self as Mapped>::NAME)?))
    }
}

impl Unary for OnValues {
    const NAME: &'static str = "activation";
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        Ok((values(self.0, x), Shape::from(dims)))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, Shape)> {
        Ok((forward_cuda(self.0, x)?, Shape::from(x.dims)))
    }
}

impl Mapped for Backward<'_> {
    const NAME: &'static str = "activation backward";
    fn run<T: Element>(&self, grad: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let dx = with_map(self.x, |x: Map<'_, T>| {
            Ok(gradients(self.f, &x.channels_last(), &grad.channels_last()))
        })?;
        Ok((dx, grad.dims))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, grad: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        Ok((self.backward_cuda(grad)?, grad.map(<Self as Mapped>::NAME)?))
    }
}

impl Unary for Backward<'_> {
    const NAME: &'static str = "activation backward";
    fn run<T: Element>(&self, grad: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let dx = with_values(self.x, |x: &[T]| Ok(gradients(self.f, x, grad)))?;
        Ok((dx, Shape::from(dims)))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, grad: Array<'_>) -> Result<(CudaStorage, Shape)> {
        Ok((self.backward_cuda(grad)?, Shape::from(grad.dims)))
    }
}

#[cfg(feature = "cuda")]
fn forward_cuda(f: Activation, x: Array<'_>) -> Result<CudaStorage> {
    x.each("activation", x.len(), &[Arg::Array(x), f.number()])
}

#[cfg(feature = "cuda")]
impl Backward<'_> {
    fn backward_cuda(&self, grad: Array<'_>) -> Result<CudaStorage> {
        let x = dense(self.x)?;
        let args = [Arg::Array(grad), Arg::Tensor(&x), self.f.number()];
        grad.each("activation_backward", grad.len(), &args)
    }
}

impl CustomOp1 for OnMap {
    fn name(&self) -> &'static str {
        <Self as Mapped>::NAME
    }
    forwards!(map);
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.0.backward(x, &channels_first(grad)?).map(Some)
    }
}

impl CustomOp1 for OnValues {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(unary);
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.0.backward(x, grad).map(Some)
    }
}
