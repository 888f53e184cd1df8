//! Mobile inverted bottlenecks (Sandler et al. 2018): the stem and the blocks of MobileNet v2 and v3 and of EfficientNet, with timm's
//! paths.

use gradcam_nn::ops::{Activation, AdaptiveAvgPool2d, Padding};
use gradcam_nn::{Kind, Module, Weights};

use crate::layers::{Conv, Result, batch_norm_act, group, sequence};

/// The form of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Depthwise, then pointwise.
    Separable,
    /// Pointwise to more channels, depthwise, pointwise back: the inverted bottleneck.
    Inverted,
    /// Pointwise alone.
    Pointwise,
}

impl Form {
    /// Returns timm's names of the convolutions, each with its norm.
    pub(crate) const fn names(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Form::Separable => &[("conv_dw", "bn1"), ("conv_pw", "bn2")],
            Form::Inverted => &[("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")],
            Form::Pointwise => &[("conv", "bn1")],
        }
    }
}

/// A row of an architecture's table: equal blocks, of which only the first has the stride.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    form: Form,
    repeats: usize,
    kernel: usize,
    stride: usize,
    expansion: f64,
    channels: usize,
    squeeze: bool,
    relu: bool,
}

impl Row {
    /// Makes a row of one separable block.
    pub(crate) const fn separable(kernel: usize, stride: usize, channels: usize) -> Self {
        Row {
            form: Form::Separable,
            repeats: 1,
            kernel,
            stride,
            expansion: 1.0,
            channels,
            squeeze: false,
            relu: false,
        }
    }
    /// Makes a row of inverted bottlenecks.
    pub(crate) const fn inverted(
        repeats: usize,
        kernel: usize,
        stride: usize,
        expansion: f64,
        channels: usize,
    ) -> Self {
        Row {
            form: Form::Inverted,
            repeats,
            expansion,
            ..Row::separable(kernel, stride, channels)
        }
    }
    /// Makes a row of one pointwise convolution.
    pub(crate) const fn pointwise(channels: usize) -> Self {
        Row {
            form: Form::Pointwise,
            ..Row::separable(1, 1, channels)
        }
    }
    /// Adds squeeze and excitation.
    pub(crate) const fn squeeze(self) -> Self {
        Row {
            squeeze: true,
            ..self
        }
    }
    /// Uses ReLU instead of the network's activation.
    pub(crate) const fn relu(self) -> Self {
        Row { relu: true, ..self }
    }
}

/// The kind of squeeze and excitation (Hu et al. 2018).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Squeeze {
    /// EfficientNet's: a quarter of the block's inputs, the block's activation, a sigmoid.
    OfInputs,
    /// MobileNet v3's: a quarter of the expanded channels, rounded to eights, ReLU, a hard sigmoid.
    OfExpanded,
}

/// How torchvision numbers the blocks in its `features`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// Consecutively: `features.4`.
    Flat,
    /// By stage: `features.2.1`.
    Staged,
}

/// Everything before a network's head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trunk {
    /// The architecture's table.
    pub(crate) stages: &'static [&'static [Row]],
    /// Channels of the first convolution.
    pub(crate) stem: usize,
    /// A factor on all channels.
    pub(crate) width: f64,
    /// A factor on all repeats.
    pub(crate) depth: f64,
    /// Whether the factors spare the stem's channels and the repeats of the first and last stage.
    pub(crate) fixed_ends: bool,
    /// The activation of the stem and of most blocks.
    pub(crate) activation: Activation,
    /// The kind used by rows with squeeze and excitation.
    pub(crate) squeeze: Option<Squeeze>,
    /// Epsilon of the batch norms.
    pub(crate) eps: f64,
    /// Whether convolutions use TensorFlow's `SAME` padding.
    pub(crate) same: bool,
    /// Torchvision's numbering, if it has this very network.
    pub(crate) torchvision: Option<Numbering>,
}

/// A block with its final sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    pub(crate) form: Form,
    inputs: usize,
    expanded: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    /// Channels of the squeeze and excitation.
    pub(crate) squeezed: Option<usize>,
    activation: Activation,
}

impl Block {
    /// Checks whether the input is added to the output.
    fn is_residual(&self) -> bool {
        self.form != Form::Pointwise && self.stride == 1 && self.inputs == self.outputs
    }
}

/// Rounds `channels · factor` to the nearest multiple of eight, at least eight, and never down by more than a tenth (the rule of
/// MobileNet's and EfficientNet's authors).
pub(crate) fn round_channels(channels: usize, factor: f64) -> usize {
    let exact = channels as f64 * factor;
    let rounded = ((exact + 4.0) as usize / 8 * 8).max(8);
    if (rounded as f64) < 0.9 * exact {
        rounded + 8
    } else {
        rounded
    }
}

impl Trunk {
    /// Builds the stem's modules and the stages, and returns the output channels too.
    pub(crate) fn build(&self, w: &Weights) -> Result<(Vec<Module>, usize)> {
        let stem = self.stem_channels();
        let conv = Conv::new(3, stem, 3).stride(2);
        let mut modules = vec![self.unit(w, conv, ("conv_stem", "bn1"), self.activation, &[])?];
        let mut outputs = stem;
        let w = w.at("blocks");
        let mut stages = Vec::with_capacity(self.stages.len());
        for (index, stage) in self.blocks().iter().enumerate() {
            let w = w.at(index);
            let mut blocks = Vec::with_capacity(stage.len());
            for (index, block) in stage.iter().enumerate() {
                blocks.push(self.block(&w.at(index), block)?);
                outputs = block.outputs;
            }
            stages.push(sequence(&w, blocks));
        }
        modules.push(sequence(&w, stages));
        Ok((modules, outputs))
    }

    /// Lists the blocks of each stage.
    pub(crate) fn blocks(&self) -> Vec<Vec<Block>> {
        let mut inputs = self.stem_channels();
        let last = self.stages.len() - 1;
        let mut stages = Vec::with_capacity(self.stages.len());
        for (index, rows) in self.stages.iter().enumerate() {
            let fixed = self.fixed_ends && (index == 0 || index == last);
            let depth = if fixed { 1.0 } else { self.depth };
            let mut blocks = Vec::new();
            for row in *rows {
                let repeats = (row.repeats as f64 * depth).ceil() as usize;
                for repeat in 0..repeats {
                    let stride = if repeat == 0 { row.stride } else { 1 };
                    let block = self.sized(row, inputs, stride);
                    inputs = block.outputs;
                    blocks.push(block);
                }
            }
            stages.push(blocks);
        }
        stages
    }

    fn sized(&self, row: &Row, inputs: usize, stride: usize) -> Block {
        let expanded = match row.form {
            Form::Inverted => round_channels(inputs, row.expansion),
            Form::Separable | Form::Pointwise => inputs,
        };
        let squeeze = if row.squeeze { self.squeeze } else { None };
        Block {
            form: row.form,
            inputs,
            expanded,
            outputs: round_channels(row.channels, self.width),
            kernel: row.kernel,
            stride,
            squeezed: squeeze.map(|kind| match kind {
                Squeeze::OfInputs => inputs / 4,
                Squeeze::OfExpanded => round_channels(expanded, 0.25),
            }),
            activation: if row.relu {
                Activation::Relu
            } else {
                self.activation
            },
        }
    }

    fn stem_channels(&self) -> usize {
        if self.fixed_ends {
            self.stem
        } else {
            round_channels(self.stem, self.width)
        }
    }

    /// Builds timm's convolution and `BatchNormAct2d` by name, with the inactive modules `behind` them.
    pub(crate) fn unit(
        &self,
        w: &Weights,
        conv: Conv,
        (conv_name, norm_name): (&str, &str),
        activation: Activation,
        behind: &[&str],
    ) -> Result<Module> {
        let conv = if self.same {
            conv.padding(Padding::Same)
        } else {
            conv
        };
        let norm_at = w.at(norm_name);
        let (mut norm, mut activation) =
            batch_norm_act(&norm_at, conv.channels.1, self.eps, activation)?;
        let outer = match &mut activation {
            Some((names, _)) => names,
            None => &mut norm.0,
        };
        outer.extend(behind.iter().map(|name| w.path(name)));
        group(conv.named(&w.at(conv_name))?, Some(norm), activation)
    }

    fn block(&self, w: &Weights, block: &Block) -> Result<Module> {
        let Block {
            inputs,
            expanded,
            outputs,
            activation,
            ..
        } = *block;
        let depthwise = Conv::new(expanded, expanded, block.kernel)
            .stride(block.stride)
            .groups(expanded);
        let residual = block.is_residual();
        // timm's inactive modules: `aa` (and `se` without an excitation) after the depthwise convolution, `drop_path` before the sum.
        let spatial: &[&str] = match (block.form, block.squeezed) {
            (Form::Pointwise, _) | (_, Some(_)) => &["aa"],
            _ => &["aa", "se"],
        };
        let last: &[&str] = if residual { &["drop_path"] } else { &[] };
        let linear = Activation::Identity;
        let convolutions = match block.form {
            Form::Separable => vec![
                (depthwise, activation, spatial),
                (Conv::new(expanded, outputs, 1), linear, last),
            ],
            Form::Inverted => vec![
                (Conv::new(inputs, expanded, 1), activation, &[][..]),
                (depthwise, activation, spatial),
                (Conv::new(expanded, outputs, 1), linear, last),
            ],
            Form::Pointwise => vec![(Conv::new(inputs, outputs, 1), activation, spatial)],
        };
        let mut branch = Vec::with_capacity(4);
        for ((conv, activation, behind), &names) in convolutions.into_iter().zip(block.form.names())
        {
            branch.push(self.unit(w, conv, names, activation, behind)?);
        }
        if let Some(squeezed) = block.squeezed {
            let gate = self.excitation(&w.at("se"), expanded, squeezed, activation)?;
            branch.insert(branch.len() - 1, gate);
        }
        if !residual {
            return Ok(sequence(w, branch));
        }
        let residual = Kind::Residual {
            branch,
            shortcut: Vec::new(),
            activation: None,
        };
        Ok(Module::new(w.prefix(), residual))
    }

    fn excitation(
        &self,
        w: &Weights,
        channels: usize,
        squeezed: usize,
        activation: Activation,
    ) -> Result<Module> {
        let (inner, gate) = match self.squeeze {
            Some(Squeeze::OfExpanded) => (Activation::Relu, Activation::HARD_SIGMOID),
            _ => (activation, Activation::Sigmoid),
        };
        let part = |conv: Conv, name: &str, act: &str, activation| {
            let activation = (vec![w.path(act)], activation);
            group(conv.bias().named(&w.at(name))?, None, Some(activation))
        };
        let reduce = Conv::new(channels, squeezed, 1);
        let expand = Conv::new(squeezed, channels, 1);
        let branch = vec![
            Module::unnamed(Kind::AdaptiveAvgPool(AdaptiveAvgPool2d::new(1))),
            part(reduce, "conv_reduce", "act1", inner)?,
            part(expand, "conv_expand", "gate", gate)?,
        ];
        Ok(Module::new(w.prefix(), Kind::Gate(branch)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_rounded_to_eights_but_not_far_down() {
        // EfficientNet-B2's stem and stages, MobileNet v3's odd expansions, and a value lifted by the rule of a tenth.
        assert_eq!(round_channels(32, 1.1), 32);
        assert_eq!(round_channels(16, 1.1), 16);
        assert_eq!(round_channels(1280, 1.1), 1408);
        assert_eq!(round_channels(24, 3.67), 88);
        assert_eq!(round_channels(80, 2.3), 184);
        assert_eq!(round_channels(11, 1.0), 16);
        assert_eq!(round_channels(1, 0.5), 8);
    }
}
