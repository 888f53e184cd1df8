//! A network as data: a tree of named modules.

use candle_core::{Result, Tensor};

use crate::attention::{Attention, WindowAttention};
use crate::embedding::Embedding;
use crate::kernels::precision::Precision;
use crate::network::{Network, Tokens};
use crate::ops::activation::Activation;
use crate::ops::adaptive_pool::AdaptiveAvgPool2d;
use crate::ops::avg_pool::AvgPool2d;
use crate::ops::batch_norm::BatchNorm;
use crate::ops::conv_norm_act::ConvNormAct;
use crate::ops::layer_norm::LayerNorm;
use crate::ops::linear::Linear;
use crate::ops::linear_map::LinearMap;
use crate::ops::max_pool::MaxPool2d;
use crate::ops::rearrange::Rearrange;
use crate::pass::Pass;
use crate::weights::Weights;

/// One module of a network, under the paths that the original checkpoint gives it.
#[derive(Debug, Clone)]
pub struct Module {
    /// The paths of its output: usually one. Empty for an operation that the original writes as a function call; several if identity
    /// modules (an inactive dropout) follow it in the original.
    pub names: Vec<String>,
    /// The computation.
    pub kind: Kind,
}

/// The computation of a module.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Kind {
    /// A convolution with an optional norm and activation; the group names its own parts.
    Conv(Box<ConvNormAct>),
    /// A batch norm that follows no convolution.
    BatchNorm(BatchNorm),
    /// A layer norm.
    LayerNorm(LayerNorm),
    /// An activation function.
    Activation(Activation),
    /// A max pooling.
    MaxPool(MaxPool2d),
    /// An average pooling.
    AvgPool(AvgPool2d),
    /// An average pooling to a given size.
    AdaptiveAvgPool(AdaptiveAvgPool2d),
    /// A fully connected layer.
    Linear(Linear),
    /// Resizes a map of fewer rows or columns to at least this many, by adaptive average pooling; a larger map passes unchanged
    /// (timm's VGG).
    AtLeast((usize, usize)),
    /// Flattens all dimensions after the first.
    Flatten,
    /// Returns its input.
    Identity,
    /// A factor for each channel.
    Scale(Tensor),
    /// The embedding of an image as patch tokens.
    Embedding(Box<Embedding>),
    /// Self-attention over tokens.
    Attention(Box<Attention>),
    /// Self-attention inside the windows of a feature map.
    WindowAttention(Box<WindowAttention>),
    /// A linear map of one input without a kind of its own.
    LinearMap(LinearMap),
    /// The mean over the tokens from this one on, `(n, channels)`.
    TokenMean(usize),
    /// The modules in turn.
    Sequence(Vec<Module>),
    /// `activation(branch(x) + shortcut(x))`.
    Residual {
        /// The main path.
        branch: Vec<Module>,
        /// The shortcut; empty for the identity.
        shortcut: Vec<Module>,
        /// Paths of the activation's output, and the activation.
        activation: Option<(Vec<String>, Activation)>,
    },
    /// The outputs of all branches, joined along the channels.
    Concat(Vec<Module>),
    /// Each module takes the input and all earlier outputs, joined along the channels; the result joins them all (DenseNet).
    Dense(Vec<Module>),
    /// `x * branch(x)`: squeeze and excitation.
    Gate(Vec<Module>),
}

impl Module {
    /// Makes a module with one path.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Module {
            names: vec![name.into()],
            kind,
        }
    }

    /// Makes a module without a path of its own in the original.
    pub fn unnamed(kind: Kind) -> Self {
        Module {
            names: Vec::new(),
            kind,
        }
    }

    /// Adds another path for the same output.
    #[must_use]
    pub fn also(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// Computes the output for `x` and offers it to `pass` under the module's paths.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn run(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let y = match &self.kind {
            Kind::Conv(group) => group.run(x, None, pass)?,
            Kind::BatchNorm(norm) => pass.batch_norm(norm, x)?,
            Kind::LayerNorm(norm) => pass.layer_norm(norm, x)?,
            Kind::Activation(f) => pass.activation(*f, x)?,
            Kind::MaxPool(pool) => pass.max_pool(pool, x)?,
            Kind::AvgPool(pool) => pass.avg_pool(pool, x)?,
            Kind::AdaptiveAvgPool(pool) => pass.adaptive_avg_pool(pool, x)?,
            Kind::Linear(layer) => pass.linear(layer, x)?,
            Kind::AtLeast(size) => at_least(*size, x, pass)?,
            Kind::Flatten => pass.flatten(x)?,
            Kind::Identity => x.clone(),
            Kind::Scale(factor) => pass.multiply(x, factor)?,
            Kind::Embedding(embedding) => embedding.run(x, pass)?,
            Kind::Attention(attention) => attention.run(x, None, pass)?,
            Kind::WindowAttention(attention) => attention.run(x, pass)?,
            Kind::LinearMap(map) => pass.linear_map(map, x)?,
            Kind::TokenMean(first) => token_mean(*first, x, pass)?,
            Kind::Sequence(modules) => sequence(modules, x, pass)?,
            Kind::Residual {
                branch,
                shortcut,
                activation,
            } => residual(branch, shortcut, activation.as_ref(), x, pass)?,
            Kind::Concat(branches) => {
                let parts = branches
                    .iter()
                    .map(|branch| branch.run(x, pass))
                    .collect::<Result<Vec<_>>>()?;
                pass.concat(&parts)?
            }
            Kind::Dense(layers) => {
                let mut parts = vec![x.clone()];
                for layer in layers {
                    let seen = pass.concat(&parts)?;
                    parts.push(layer.run(&seen, pass)?);
                }
                pass.concat(&parts)?
            }
            Kind::Gate(branch) => {
                let gate = sequence(branch, x, pass)?;
                pass.multiply(x, &gate)?
            }
        };
        pass.tap_all(&self.names, y)
    }
}

impl Kind {
    /// Returns the modules that this one combines: at most two lists.
    pub(crate) fn modules_mut(&mut self) -> [&mut [Module]; 2] {
        match self {
            Kind::Sequence(modules)
            | Kind::Concat(modules)
            | Kind::Dense(modules)
            | Kind::Gate(modules) => [modules, &mut []],
            Kind::Residual {
                branch, shortcut, ..
            } => [branch, shortcut],
            Kind::Conv(_)
            | Kind::BatchNorm(_)
            | Kind::LayerNorm(_)
            | Kind::Activation(_)
            | Kind::MaxPool(_)
            | Kind::AvgPool(_)
            | Kind::AdaptiveAvgPool(_)
            | Kind::Linear(_)
            | Kind::AtLeast(_)
            | Kind::Flatten
            | Kind::Identity
            | Kind::Scale(_)
            | Kind::Embedding(_)
            | Kind::Attention(_)
            | Kind::WindowAttention(_)
            | Kind::LinearMap(_)
            | Kind::TokenMean(_) => [&mut [], &mut []],
        }
    }
}

/// Sets the precision of all convolutions in `modules`.
fn set_precision(modules: &mut [Module], precision: Precision) {
    for module in modules {
        match &mut module.kind {
            Kind::Conv(group) => group.set_precision(precision),
            Kind::Embedding(embedding) => embedding.patches.1.set_precision(precision),
            other => {
                for modules in other.modules_mut() {
                    set_precision(modules, precision);
                }
            }
        }
    }
}

/// Runs the modules in turn.
fn sequence(modules: &[Module], x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
    modules
        .iter()
        .try_fold(x.clone(), |x, module| module.run(&x, pass))
}

/// Enlarges a map that is smaller than `(rows, columns)`.
fn at_least((rows, columns): (usize, usize), x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
    let (_, _, height, width) = x.dims4()?;
    let output = (height.max(rows), width.max(columns));
    if output == (height, width) {
        return Ok(x.clone());
    }
    pass.adaptive_avg_pool(&AdaptiveAvgPool2d { output }, x)
}

/// Averages the tokens from number `first` on, as a feature map of one row.
fn token_mean(first: usize, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
    let len = x.dim(1)?.saturating_sub(first);
    let map = Rearrange::Map {
        rows: 1,
        columns: len,
    };
    let x = pass.linear_map(&LinearMap::narrow(1, first, len), x)?;
    let x = pass.rearrange(&map, &x)?;
    let x = pass.adaptive_avg_pool(&AdaptiveAvgPool2d::new(1), &x)?;
    pass.flatten(&x)
}

/// Runs a residual block. If possible, its last convolution takes the sum and the activation into its own kernel.
fn residual(
    branch: &[Module],
    shortcut: &[Module],
    activation: Option<&(Vec<String>, Activation)>,
    x: &Tensor,
    pass: &mut dyn Pass,
) -> Result<Tensor> {
    let (names, f) = match activation {
        Some((names, f)) => (names.as_slice(), *f),
        None => (&[][..], Activation::Identity),
    };
    let y = match branch.split_last() {
        Some((
            Module {
                names,
                kind: Kind::Conv(group),
            },
            first,
        )) if names.is_empty() => {
            let y = sequence(first, x, pass)?;
            let short = sequence(shortcut, x, pass)?;
            group.run(&y, Some((&short, f)), pass)?
        }
        _ => {
            let y = sequence(branch, x, pass)?;
            let short = sequence(shortcut, x, pass)?;
            let sum = pass.add(&y, &short)?;
            pass.activation(f, &sum)?
        }
    };
    pass.tap_all(names, y)
}

/// A network as a sequence of modules.
///
/// ```
/// use gradcam_nn::candle_core::{Device, Tensor};
/// use gradcam_nn::ops::{Activation, AdaptiveAvgPool2d};
/// use gradcam_nn::{Kind, Module, ModuleTree, Network, Weights};
///
/// let modules = vec![
///     Module::new("act", Kind::Activation(Activation::Relu)),
///     Module::new("pool", Kind::AdaptiveAvgPool(AdaptiveAvgPool2d::new(1))),
///     Module::new("flatten", Kind::Flatten),
/// ];
/// // None of these has parameters, so any store serves.
/// let network = ModuleTree::new(modules, &Weights::skeleton());
/// let image = Tensor::new(&[[[[1.0_f32, -1.0]], [[2.0, 4.0]]]], &Device::Cpu)?;
/// let y = network.forward(&image, &mut ())?;
/// assert_eq!(y.to_vec2::<f32>()?, [[0.5, 3.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ModuleTree {
    /// The modules, run in turn.
    pub modules: Vec<Module>,
    parameters: Vec<(String, usize)>,
    tokens: Option<Tokens>,
    precision: Precision,
}

impl ModuleTree {
    /// Makes a network from its modules and the store that they were read from.
    pub fn new(modules: Vec<Module>, weights: &Weights) -> Self {
        let parameters = weights
            .requested()
            .into_iter()
            .filter(|(name, _)| !name.ends_with(".running_mean") && !name.ends_with(".running_var"))
            .map(|(name, shape)| (name, shape.iter().product()))
            .collect();
        ModuleTree {
            modules,
            parameters,
            tokens: None,
            precision: Precision::default(),
        }
    }

    /// Returns the network with a description of its tokens.
    #[must_use]
    pub fn with_tokens(self, tokens: Option<Tokens>) -> Self {
        ModuleTree { tokens, ..self }
    }
}

impl ModuleTree {
    /// Returns the network without its final linear classifier, so that its output is the embedding. `None` if the last module is not
    /// a linear layer.
    pub fn embedding(&self) -> Option<ModuleTree> {
        fn drop_last(modules: &mut [Module]) -> Option<()> {
            let last = modules.last_mut()?;
            match &mut last.kind {
                Kind::Linear(_) => {
                    last.kind = Kind::Identity;
                    Some(())
                }
                Kind::Sequence(inner) => drop_last(inner),
                _ => None,
            }
        }
        let mut tree = self.clone();
        drop_last(&mut tree.modules)?;
        Some(tree)
    }

    /// Sets the precision of all convolutions.
    pub fn set_precision(&mut self, precision: Precision) {
        set_precision(&mut self.modules, precision);
        self.precision = precision;
    }

    /// Returns the precision last set by [`set_precision`](ModuleTree::set_precision).
    pub fn precision(&self) -> Precision {
        self.precision
    }
}

impl Network for ModuleTree {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        if !x.device().is_cpu() {
            return sequence(&self.modules, x, pass);
        }
        // Enters the thread pool once rather than for every operation.
        rayon::scope(|_| sequence(&self.modules, x, pass))
    }
    fn parameters(&self) -> Vec<(String, usize)> {
        self.parameters.clone()
    }
    fn passes_all(&self) -> bool {
        true
    }
    fn tokens(&self) -> Option<Tokens> {
        self.tokens
    }
}
