//! Builds layers from a store, with the paths of PyTorch's modules.

use gradcam_nn::ops::Axis;
use gradcam_nn::ops::{Activation, BatchNorm, Conv2d, ConvOptions, LayerNorm, Linear, Padding};
use gradcam_nn::{Attention, ConvNormAct, Kind, Module, Named, Weights, WeightsError};

pub(crate) type Result<T> = std::result::Result<T, WeightsError>;

/// The sizes of a convolution, with the usual defaults.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conv {
    pub(crate) channels: (usize, usize),
    pub(crate) kernel: (usize, usize),
    pub(crate) stride: usize,
    pub(crate) padding: Padding,
    pub(crate) groups: usize,
    pub(crate) bias: bool,
}

impl Conv {
    /// Makes a square kernel of odd size with stride 1, no bias, and size-preserving padding.
    pub(crate) fn new(inputs: usize, outputs: usize, kernel: usize) -> Self {
        Conv {
            channels: (inputs, outputs),
            kernel: (kernel, kernel),
            stride: 1,
            padding: Padding::all(kernel / 2),
            groups: 1,
            bias: false,
        }
    }
    pub(crate) fn stride(self, stride: usize) -> Self {
        Conv { stride, ..self }
    }
    pub(crate) fn padding(self, padding: Padding) -> Self {
        Conv { padding, ..self }
    }
    pub(crate) fn kernel(self, rows: usize, columns: usize) -> Self {
        Conv {
            kernel: (rows, columns),
            ..self
        }
    }
    pub(crate) fn groups(self, groups: usize) -> Self {
        Conv { groups, ..self }
    }
    pub(crate) fn bias(self) -> Self {
        Conv { bias: true, ..self }
    }

    /// Reads `weight` and `bias` under the scope `w`.
    pub(crate) fn read(self, w: &Weights) -> Result<Conv2d> {
        let (inputs, outputs) = self.channels;
        let shape = [outputs, inputs / self.groups, self.kernel.0, self.kernel.1];
        Ok(Conv2d::new(
            w.get("weight", &shape)?,
            self.bias.then(|| w.get("bias", &[outputs])).transpose()?,
            ConvOptions {
                stride: (self.stride, self.stride),
                padding: self.padding,
                dilation: (1, 1),
                groups: self.groups,
            },
        ))
    }

    /// Builds the convolution alone.
    pub(crate) fn module(self, w: &Weights) -> Result<Module> {
        group(self.named(w)?, None, None)
    }

    /// Builds the convolution with its path.
    pub(crate) fn named(self, w: &Weights) -> Result<(Vec<String>, Conv2d)> {
        Ok((vec![w.prefix().to_string()], self.read(w)?))
    }
}

/// A norm with the paths of its output.
pub(crate) type NamedNorm = (Vec<String>, BatchNorm);
/// An activation with the paths of its output.
pub(crate) type NamedActivation = (Vec<String>, Activation);

/// Builds a batch norm under the scope `w`, which is its path.
pub(crate) fn batch_norm(w: &Weights, channels: usize, eps: f64) -> Result<NamedNorm> {
    let norm = BatchNorm::new(
        w.get("weight", &[channels])?,
        w.get("bias", &[channels])?,
        w.get("running_mean", &[channels])?,
        w.get("running_var", &[channels])?,
        eps,
    )?;
    Ok((vec![w.prefix().to_string()], norm))
}

/// Builds timm's `BatchNormAct2d`: a batch norm with an (inactive) `drop` and an `act` inside. The module's own output is the activation's.
pub(crate) fn batch_norm_act(
    w: &Weights,
    channels: usize,
    eps: f64,
    activation: Activation,
) -> Result<(NamedNorm, Option<NamedActivation>)> {
    let (_, norm) = batch_norm(w, channels, eps)?;
    let drop = w.path("drop");
    let outer = vec![w.path("act"), w.prefix().to_string()];
    if activation == Activation::Identity {
        return Ok(((std::iter::once(drop).chain(outer).collect(), norm), None));
    }
    Ok(((vec![drop], norm), Some((outer, activation))))
}

/// Groups a convolution with its norm and activation as one module.
pub(crate) fn group(
    conv: (Vec<String>, Conv2d),
    norm: Option<NamedNorm>,
    activation: Option<NamedActivation>,
) -> Result<Module> {
    Ok(Module::unnamed(Kind::Conv(Box::new(ConvNormAct::new(
        conv, norm, activation,
    )?))))
}

/// Builds a convolution and a `BatchNormAct2d`, each under its own scope.
pub(crate) fn conv_norm_act(
    conv_at: &Weights,
    conv: Conv,
    norm_at: &Weights,
    eps: f64,
    activation: Activation,
) -> Result<Module> {
    let (norm, activation) = batch_norm_act(norm_at, conv.channels.1, eps, activation)?;
    group(conv.named(conv_at)?, Some(norm), activation)
}

/// Builds a layer norm over the channels of a feature map.
pub(crate) fn layer_norm(w: &Weights, channels: usize, eps: f64) -> Result<Module> {
    norm(w, channels, eps, Axis::Channel)
}

/// Builds a layer norm over the last dimension, the channels of tokens.
pub(crate) fn token_norm(w: &Weights, channels: usize, eps: f64) -> Result<Module> {
    norm(w, channels, eps, Axis::Last)
}

fn norm(w: &Weights, channels: usize, eps: f64, axis: Axis) -> Result<Module> {
    let norm = LayerNorm {
        weight: w.get("weight", &[channels])?,
        bias: w.get("bias", &[channels])?,
        eps,
        axis,
    };
    Ok(Module::new(w.prefix(), Kind::LayerNorm(norm)))
}

/// Builds a fully connected layer with a bias.
pub(crate) fn linear(w: &Weights, inputs: usize, outputs: usize) -> Result<Module> {
    let (names, layer) = named_linear(w, inputs, outputs)?;
    let kind = Kind::Linear(layer);
    Ok(Module { names, kind })
}

/// Builds a fully connected layer with its path.
pub(crate) fn named_linear(w: &Weights, inputs: usize, outputs: usize) -> Result<Named<Linear>> {
    let layer = Linear::new(
        w.get("weight", &[outputs, inputs])?,
        Some(w.get("bias", &[outputs])?),
    );
    Ok((vec![w.prefix().into()], layer))
}

/// Builds a 1×1 convolution from a matrix.
pub(crate) fn pointwise(
    w: &Weights,
    inputs: usize,
    outputs: usize,
    bias: bool,
) -> Result<Named<Conv2d>> {
    let matrix = w.get("weight", &[outputs, inputs])?;
    let conv = Conv2d::new(
        matrix.reshape((outputs, inputs, 1, 1))?,
        bias.then(|| w.get("bias", &[outputs])).transpose()?,
        ConvOptions::default(),
    );
    Ok((vec![w.prefix().into()], conv))
}

/// Builds self-attention with timm's paths; `query`, `key`, `mixed` and `softmax` name its parts without parameters.
pub(crate) fn attention(
    w: &Weights,
    channels: usize,
    heads: usize,
    [query, key, mixed]: [&[&str]; 3],
    softmax: &[&str],
) -> Result<Attention> {
    let paths = |names: &[&str]| names.iter().map(|name| w.path(name)).collect();
    let mut proj = named_linear(&w.at("proj"), channels, channels)?;
    proj.0.push(w.path("proj_drop"));
    Ok(Attention {
        qkv: named_linear(&w.at("qkv"), channels, 3 * channels)?,
        heads,
        query_names: paths(query),
        key_names: paths(key),
        attention_names: paths(softmax),
        mixed_names: paths(mixed),
        proj,
    })
}

/// Builds a sequence of modules with the scope `w` as its path.
pub(crate) fn sequence(w: &Weights, modules: Vec<Module>) -> Module {
    Module::new(w.prefix(), Kind::Sequence(modules))
}

/// Builds timm's head before the classifier: global average pooling (`NAME.pool`) and flattening (`NAME.flatten`).
pub(crate) fn global_pool(w: &Weights) -> Module {
    use gradcam_nn::ops::AdaptiveAvgPool2d;
    sequence(
        w,
        vec![
            Module::new(
                w.path("pool"),
                Kind::AdaptiveAvgPool(AdaptiveAvgPool2d { output: (1, 1) }),
            ),
            Module::new(w.path("flatten"), Kind::Flatten),
        ],
    )
}

/// Builds timm's global average pooling before a convolution or a norm: the map stays `(n, c, 1, 1)`, and `NAME.flatten` does nothing.
pub(crate) fn global_pool_map(w: &Weights) -> Module {
    use gradcam_nn::ops::AdaptiveAvgPool2d;
    Module::new(
        w.path("pool"),
        Kind::AdaptiveAvgPool(AdaptiveAvgPool2d::new(1)),
    )
    .also(w.path("flatten"))
    .also(w.prefix())
}
