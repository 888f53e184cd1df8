//! The layers of a network that a method can work on.

use std::collections::{HashMap, HashSet};

use candle_core::{DType, Device, Tensor, TensorId};
use gradcam_nn::ops::{Activation, AdaptiveAvgPool2d, Conv2d, Linear, LinearMap, Rearrange};
use gradcam_nn::{Network, Op, Pass, Tokens};

use crate::seen::tokens::grid;
use crate::{Error, Result};

/// A module that a pass can tap.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Layer {
    /// The path in the network.
    pub name: String,
    /// The output's shape for one image: `[channels, height, width]` for a feature map, `[tokens, channels]` in a transformer.
    pub shape: Vec<usize>,
    /// Input pixels from one position of the map to the next, rows and columns; `None` if the layer is not a map.
    pub stride: Option<(usize, usize)>,
    /// Rows and columns of the input that one position of the map can see, by the sizes of the windows before it (Araujo et al. 2019). It
    /// is larger than the input if the windows reach into the padding. `None` if the layer is not a map, and in a transformer after its
    /// first attention.
    pub field: Option<(usize, usize)>,
    /// The number of parameters inside the module.
    pub parameters: usize,
}

impl Layer {
    /// Whether the output is a feature map with more than one position, or has a token for each position of one.
    pub fn is_spatial(&self) -> bool {
        let positions = match *self.shape.as_slice() {
            [_, h, w] => h * w,
            [tokens, _] => tokens,
            _ => 0,
        };
        self.stride.is_some() && positions > 1
    }
}

/// The layers of a network for inputs of one size.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Layers {
    /// Every module that can be tapped, in the network's order; if an output has several paths, the inner one comes first.
    pub layers: Vec<Layer>,
    /// The number of parameters of the whole network; 0 if the network does not list them.
    pub parameters: usize,
    /// The index in `layers` of the layer that [`automatic`](Layers::automatic) returns; `None` if no module has a spatial map.
    pub default: Option<usize>,
}

impl Layers {
    /// Returns Grad-CAM's default layer: the last module with a spatial map before global pooling, under its outermost path.
    ///
    /// In a transformer, it is the last norm before the last attention. If only the class token goes on to the head, no other token has a
    /// gradient after that attention.
    ///
    /// # Errors
    /// If no module has a spatial map.
    pub fn automatic(&self) -> Result<&Layer> {
        self.default
            .and_then(|index| self.layers.get(index))
            .ok_or(Error::NoSpatialLayer)
    }

    /// Finds the layer of this name.
    ///
    /// # Errors
    /// If there is none; the error has the nearest names.
    pub fn find(&self, name: &str) -> Result<&Layer> {
        self.layers
            .iter()
            .find(|layer| layer.name == name)
            .ok_or_else(|| Error::UnknownLayer {
                name: name.to_string(),
                nearest: gradcam_names::nearest(
                    name,
                    self.layers.iter().map(|layer| layer.name.as_str()),
                ),
            })
    }
}

/// Lists the layers for inputs of `(channels, height, width)`.
///
/// Operations that go through the pass are not computed, only their shapes. A network that computes outside the pass runs as it is, on an
/// input of `f32` on the CPU.
///
/// # Errors
/// If the network refuses an input of this size.
///
/// ```
/// use gradcam::layers;
/// # use gradcam::candle_core::{Device, Result, Tensor};
/// # use gradcam::{Network, Pass};
/// # /// Each channel's sum is the logit of a class.
/// # struct Sum;
/// # impl Network for Sum {
/// #     fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
/// #         pass.tap("maps", x.clone())?.sum((2, 3))
/// #     }
/// # }
///
/// let found = layers(&Sum, (3, 4, 4))?;
/// assert_eq!(found.automatic()?.name, "maps");
/// assert_eq!(found.find("maps")?.shape, [3, 4, 4]);
/// assert!(found.find("map").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn layers(network: &dyn Network, input: (usize, usize, usize)) -> Result<Layers> {
    layers_for(network, &blank(input)?)
}

/// Makes an input of this size with meaningless values.
pub(crate) fn blank((channels, height, width): (usize, usize, usize)) -> Result<Tensor> {
    let shape = (1, channels, height, width);
    Ok(Tensor::zeros(shape, DType::F32, &Device::Cpu)?)
}

/// Lists the layers for images `(n, channels, height, width)`. A network that computes outside the pass runs with their element type, on
/// their device.
pub(crate) fn layers_for(network: &dyn Network, images: &Tensor) -> Result<Layers> {
    let trace = Trace::of(network, images, None)?;
    let parameters = network.parameters();
    let mut layers = trace.layers;
    for layer in &mut layers {
        layer.parameters = parameters
            .iter()
            .filter(|(name, _)| {
                name.strip_prefix(&layer.name)
                    .is_some_and(|rest| rest.starts_with('.'))
            })
            .map(|(_, size)| size)
            .sum();
    }
    let spatial = |layers: &[Layer]| layers.iter().rposition(Layer::is_spatial);
    Ok(Layers {
        default: trace
            .before_attention
            .or(trace.automatic)
            .and_then(|end| spatial(&layers[..end]))
            .or_else(|| spatial(&layers)),
        layers,
        parameters: parameters.iter().map(|(_, size)| size).sum(),
    })
}

/// Returns the methods that give the same map (CAM's is larger by the number of positions) at `layer` of a network, whatever the image.
/// Empty if the layer is not followed by a global average and one linear layer.
///
/// At such a layer, the gradient of a class is the same at all positions. Its average, its product with the activation and XGrad-CAM's
/// weighted average thus give one map, and CAM reads it from the weights. The target must be a class or a difference of classes.
///
/// # Errors
/// If the network refuses an input of this size, or has no such layer.
pub fn coincide(
    network: &dyn Network,
    input: (usize, usize, usize),
    layer: &str,
) -> Result<Vec<&'static str>> {
    layers(network, input)?.find(layer)?;
    Ok(match pooled_linear(network, &blank(input)?, layer)? {
        Some(_) => vec!["cam", "grad-cam", "xgrad-cam", "hires-cam"],
        None => Vec::new(),
    })
}

/// Finds the linear layer of a network whose head after `layer` is a global average and this linear layer, and nothing else: the networks
/// for which CAM was made. `None` for another head, or if operations do not go through the pass.
pub(crate) fn pooled_linear(
    network: &dyn Network,
    images: &Tensor,
    layer: &str,
) -> Result<Option<Linear>> {
    let trace = Trace::of(network, images, Some(layer))?;
    Ok(match trace.head.as_slice() {
        [Step::GlobalAverage, Step::Linear(linear)] if network.passes_all() => Some(linear.clone()),
        _ => None,
    })
}

/// An operation, as far as [`pooled_linear`] distinguishes them.
enum Step {
    GlobalAverage,
    Linear(Linear),
    Other,
}

/// Rows and columns that an operation reads, and those from one position to the next, in positions of its input.
struct Window {
    size: (usize, usize),
    stride: (usize, usize),
}

impl Default for Window {
    fn default() -> Self {
        Window {
            size: (1, 1),
            stride: (1, 1),
        }
    }
}

/// A pass that follows shapes, strides and receptive fields.
struct Trace<'a> {
    input: (usize, usize),
    tokens: Option<Tokens>,
    strides: HashMap<TensorId, (usize, usize)>,
    /// Rows and columns of the input that a position can see.
    fields: HashMap<TensorId, (usize, usize)>,
    /// Tensors with heads: not feature maps, although they have as many dimensions.
    heads: HashSet<TensorId>,
    layers: Vec<Layer>,
    /// Number of layers before the last global pooling of a whole feature map.
    automatic: Option<usize>,
    /// Number of layers up to the last layer norm, and up to the last one before an attention.
    norm: Option<usize>,
    before_attention: Option<usize>,
    /// The layer where the head begins.
    layer: Option<&'a str>,
    /// The operations after this layer.
    head: Vec<Step>,
}

impl<'a> Trace<'a> {
    fn of(network: &dyn Network, images: &Tensor, layer: Option<&'a str>) -> Result<Self> {
        let (_, channels, height, width) = images.dims4()?;
        let x = if network.passes_all() {
            blank((channels, height, width))?
        } else {
            Tensor::zeros(
                (1, channels, height, width),
                images.dtype(),
                images.device(),
            )?
        };
        let mut trace = Trace {
            input: (height, width),
            tokens: network.tokens(),
            heads: HashSet::new(),
            norm: None,
            before_attention: None,
            strides: HashMap::from([(x.id(), (1, 1))]),
            fields: HashMap::from([(x.id(), (1, 1))]),
            layers: Vec::new(),
            automatic: None,
            layer,
            head: Vec::new(),
        };
        network.forward(&x, &mut trace)?;
        Ok(trace)
    }

    /// Makes the output of an operation that reads `x` through this window.
    fn output(
        &mut self,
        x: &Tensor,
        dims: &[usize],
        window: Window,
    ) -> candle_core::Result<Tensor> {
        self.step(Step::Other, x, dims, window)
    }

    fn step(
        &mut self,
        step: Step,
        x: &Tensor,
        dims: &[usize],
        window: Window,
    ) -> candle_core::Result<Tensor> {
        self.head.push(step);
        let y = zeros(x, dims)?;
        if let Some(&(rows, columns)) = self.strides.get(&x.id()) {
            let Window { size, stride } = window;
            self.strides
                .insert(y.id(), (rows * stride.0, columns * stride.1));
            if let Some(&(high, wide)) = self.fields.get(&x.id()) {
                let reach = |size: usize, stride: usize| size.saturating_sub(1) * stride;
                let field = (high + reach(size.0, rows), wide + reach(size.1, columns));
                self.fields.insert(y.id(), field);
            }
        }
        Ok(y)
    }

    fn same(&mut self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.output(x, x.dims(), Window::default())
    }

    /// Gives `y` the largest field of its parts; none if the field of a part is not known.
    fn joined(&mut self, y: Tensor, parts: &[&Tensor]) -> Tensor {
        let seen = parts.iter().map(|part| self.fields.get(&part.id()));
        let all = |a: (usize, usize), b: (usize, usize)| (a.0.max(b.0), a.1.max(b.1));
        let field = seen
            .map(Option::<&_>::copied)
            .try_fold((0, 0), |a, b| Some(all(a, b?)));
        match field {
            Some(field) => self.fields.insert(y.id(), field),
            None => self.fields.remove(&y.id()),
        };
        y
    }

    fn convolution(&mut self, layer: &Conv2d, x: &Tensor) -> candle_core::Result<Tensor> {
        let (n, _, h, w) = x.dims4()?;
        let (oh, ow) = layer.output_size((h, w))?;
        let (out, _, kh, kw) = layer.weight().dims4()?;
        let dilation = layer.options().dilation;
        let window = Window {
            size: ((kh - 1) * dilation.0 + 1, (kw - 1) * dilation.1 + 1),
            stride: layer.options().stride,
        };
        self.output(x, &[n, out, oh, ow], window)
    }

    fn linear_map(&mut self, map: &LinearMap, x: &Tensor) -> candle_core::Result<Tensor> {
        let dims = map.output_dims(x.dims())?;
        match map {
            LinearMap::Contiguous => self.same(x),
            LinearMap::AvgPool(pool) => {
                let window = Window {
                    size: pool.kernel,
                    stride: pool.stride,
                };
                self.output(x, &dims, window)
            }
            LinearMap::AdaptiveAvgPool(pool) => self.adaptive(*pool, x, &dims),
            LinearMap::Rearrange(op) => {
                let stride = match op {
                    Rearrange::Merge => (2, 2),
                    Rearrange::Tokens
                    | Rearrange::Map { .. }
                    | Rearrange::Heads { .. }
                    | Rearrange::JoinHeads
                    | Rearrange::Transpose
                    | Rearrange::Windows { .. }
                    | Rearrange::JoinWindows { .. } => (1, 1),
                };
                let window = Window {
                    size: stride,
                    stride,
                };
                let y = self.output(x, &dims, window)?;
                if matches!(op, Rearrange::Heads { .. } | Rearrange::Transpose) {
                    self.heads.insert(y.id());
                }
                Ok(y)
            }
            LinearMap::Slice { step: 1, .. } => self.output(x, &dims, Window::default()),
            // These may move positions: a map's stride follows from its size then.
            LinearMap::Slice { .. }
            | LinearMap::Permute(_)
            | LinearMap::Select { .. }
            | LinearMap::Take { .. }
            | LinearMap::Pad(_)
            | LinearMap::Expand(_)
            | LinearMap::Resize(_)
            | LinearMap::Interpolate { .. }
            | LinearMap::Reduce(_)
            | LinearMap::ConvTranspose(_) => {
                self.head.push(Step::Other);
                zeros(x, &dims)
            }
            // Not a step between a pooling and its classifier.
            LinearMap::Flatten | LinearMap::Reshape(_) => zeros(x, &dims),
        }
    }

    fn adaptive(
        &mut self,
        pool: AdaptiveAvgPool2d,
        x: &Tensor,
        dims: &[usize],
    ) -> candle_core::Result<Tensor> {
        let (_, _, h, w) = x.dims4()?;
        let mut step = Step::Other;
        if pool.output == (1, 1) && h * w > 1 {
            self.automatic = Some(self.layers.len());
            step = Step::GlobalAverage;
        }
        let stride = (h / pool.output.0.max(1), w / pool.output.1.max(1));
        let size = (
            h.div_ceil(pool.output.0.max(1)),
            w.div_ceil(pool.output.1.max(1)),
        );
        self.step(step, x, dims, Window { size, stride })
    }

    fn sum(&mut self, branch: &Tensor, shortcut: &Tensor) -> candle_core::Result<Tensor> {
        // A tensor that comes out of windows has lost its stride.
        let known = self.strides.contains_key(&branch.id());
        let strides = if known { branch } else { shortcut };
        let y = self.output(strides, branch.dims(), Window::default())?;
        Ok(self.joined(y, &[branch, shortcut]))
    }

    fn product(&mut self, a: &Tensor, b: &Tensor) -> candle_core::Result<Tensor> {
        let mut dims = a.dims().to_vec();
        if let (Some(last), Some(&columns)) = (dims.last_mut(), b.dims().last()) {
            *last = columns;
        }
        let y = self.output(a, &dims, Window::default())?;
        self.heads.insert(y.id());
        self.fields.remove(&y.id());
        Ok(y)
    }

    fn concat(&mut self, parts: &[&Tensor]) -> candle_core::Result<Tensor> {
        let Some(first) = parts.first() else {
            candle_core::bail!("no tensors to concatenate");
        };
        let mut dims = first.dims().to_vec();
        dims[1] = parts
            .iter()
            .map(|part| part.dim(1))
            .sum::<candle_core::Result<usize>>()?;
        let y = self.output(first, &dims, Window::default())?;
        Ok(self.joined(y, parts))
    }
}

/// Makes a tensor of zeros that takes no memory.
fn zeros(like: &Tensor, dims: &[usize]) -> candle_core::Result<Tensor> {
    Tensor::zeros((), like.dtype(), like.device())?.broadcast_as(dims)
}

impl Pass for Trace<'_> {
    fn tap(&mut self, name: &str, x: Tensor) -> candle_core::Result<Tensor> {
        if self.layer == Some(name) {
            self.head.clear();
        }
        let shape = x.dims().get(1..).unwrap_or_default().to_vec();
        let stride = match *shape.as_slice() {
            [tokens, _] => self
                .tokens
                .filter(|known| grid(tokens, *known, self.input).is_some())
                .map(|known| known.patch),
            [_, h, w] if h * w > 0 && !self.heads.contains(&x.id()) => {
                Some(self.strides.get(&x.id()).copied().unwrap_or((
                    (self.input.0 as f64 / h as f64).round() as usize,
                    (self.input.1 as f64 / w as f64).round() as usize,
                )))
            }
            _ => None,
        };
        self.layers.push(Layer {
            name: name.to_string(),
            shape,
            stride,
            field: stride.and_then(|_| self.fields.get(&x.id()).copied()),
            parameters: 0,
        });
        Ok(x)
    }
    fn fuses(&self) -> bool {
        false
    }
    fn operation(&mut self, op: Op<'_>, inputs: &[&Tensor]) -> candle_core::Result<Tensor> {
        match op {
            Op::Conv2d(layer) => self.convolution(layer, op.input(inputs)?),
            Op::ConvNormAct(group, _) => {
                self.convolution(group.conv().1, op.with_residual(inputs)?.0)
            }
            Op::Linear(layer) => {
                let x = op.input(inputs)?;
                let mut dims = x.dims().to_vec();
                if let Some(last) = dims.last_mut() {
                    *last = layer.weight().dim(0)?;
                }
                self.step(Step::Linear(layer.clone()), x, &dims, Window::default())
            }
            Op::Activation(Activation::Identity) => op.forward(inputs),
            Op::BatchNorm(_) | Op::Activation(_) => self.same(op.input(inputs)?),
            Op::LayerNorm(_) => {
                self.norm = Some(self.layers.len() + 1);
                self.same(op.input(inputs)?)
            }
            Op::MaxPool(pool) => {
                let x = op.input(inputs)?;
                let (n, c, h, w) = x.dims4()?;
                let size = pool.output_size((h, w))?;
                let window = Window {
                    size: pool.kernel,
                    stride: pool.stride,
                };
                self.output(x, &[n, c, size.0, size.1], window)
            }
            Op::Softmax => {
                self.before_attention = self.norm;
                let y = self.same(op.input(inputs)?)?;
                self.heads.insert(y.id());
                Ok(y)
            }
            Op::LinearMap(map) => self.linear_map(map, op.input(inputs)?),
            Op::Add => {
                let [branch, shortcut] = op.inputs(inputs)?;
                self.sum(branch, shortcut)
            }
            Op::Multiply => {
                let [x, gate] = op.inputs(inputs)?;
                let dims = x
                    .shape()
                    .broadcast_shape_binary_op(gate.shape(), "multiply")?;
                let y = self.output(x, dims.dims(), Window::default())?;
                // A constant has no field of its own.
                Ok(if self.fields.contains_key(&gate.id()) {
                    self.joined(y, &[x, gate])
                } else {
                    y
                })
            }
            Op::Matmul => {
                let [a, b] = op.inputs(inputs)?;
                self.product(a, b)
            }
            Op::Concat => self.concat(inputs),
        }
    }
}
