//! The transformer over a text's tokens, with transformers' names (Radford et al. 2021, section 2.4): a token attends to itself and those
//! before it.

use std::collections::BTreeMap;

use candle_core::safetensors::Load;
use candle_core::{Device, Tensor};
use gradcam_nn::ops::{Activation, Linear};
use gradcam_nn::{Attention, Kind, Module, Weights, WeightsError};
use safetensors::SafeTensors;

use crate::layers::{Result, linear, named_linear, token_norm};

/// The tower's sizes.
pub(super) struct Sizes {
    /// Tokens that have an embedding.
    pub(super) vocabulary: usize,
    /// Tokens that have a position.
    pub(super) context: usize,
    pub(super) channels: usize,
    /// Channels of a block's hidden layer.
    pub(super) hidden: usize,
    pub(super) blocks: usize,
    /// A divisor of the channels.
    pub(super) heads: usize,
    pub(super) activation: Activation,
    /// Added to the variance in the norms.
    pub(super) eps: f64,
    /// Channels of the embedding.
    pub(super) projection: usize,
}

/// The tower with its weights.
#[derive(Debug, Clone)]
pub(super) struct Tower {
    /// `(vocabulary, channels)`.
    tokens: Tensor,
    /// `(context, channels)`.
    positions: Tensor,
    heads: usize,
    blocks: Vec<Block>,
    norm: Module,
    projection: Linear,
}

/// `x + attention(norm(x))`, then the same with two linear layers instead of the attention.
#[derive(Debug, Clone)]
struct Block {
    norm: Module,
    attention: Attention,
    layers: Module,
}

/// Reads only the parameters of a CLIP's text tower. Some files also hold position numbers, which are not parameters.
pub(super) fn read(bytes: &[u8]) -> Result<Weights> {
    let ours = |name: &str| {
        let of_tower = name.starts_with("text_model.") || name.starts_with("text_projection.");
        of_tower && !name.ends_with(".position_ids")
    };
    let file =
        SafeTensors::deserialize(bytes).map_err(|error| WeightsError::Format(error.to_string()))?;
    let tensors = file.iter().filter(|(name, _)| ours(name));
    let loaded = tensors.map(|(name, view)| Ok((name.to_string(), view.load(&Device::Cpu)?)));
    let loaded: BTreeMap<String, Tensor> = loaded.collect::<Result<_>>()?;
    Weights::on_device(loaded, &Device::Cpu)
}

impl Tower {
    pub(super) fn new(w: &Weights, sizes: &Sizes) -> Result<Self> {
        let channels = sizes.channels;
        let text = w.at("text_model");
        let embeddings = text.at("embeddings");
        let table = |name, rows| embeddings.at(name).get("weight", &[rows, channels]);
        let layers = text.at("encoder").at("layers");
        let blocks = (0..sizes.blocks).map(|index| Block::new(&layers.at(index), sizes));
        let projection = w.at("text_projection");
        let projection = projection.get("weight", &[sizes.projection, channels])?;
        Ok(Tower {
            tokens: table("token_embedding", sizes.vocabulary)?,
            positions: table("position_embedding", sizes.context)?,
            heads: sizes.heads,
            blocks: blocks.collect::<Result<_>>()?,
            norm: token_norm(&text.at("final_layer_norm"), channels, sizes.eps)?,
            projection: Linear::new(projection, None),
        })
    }

    /// Embeds the text that ends with the last of these tokens.
    pub(super) fn embed(&self, tokens: &[u32]) -> candle_core::Result<Vec<f32>> {
        let count = tokens.len();
        let tokens = self.tokens.embedding(&Tensor::new(tokens, &Device::Cpu)?)?;
        let mut x = (tokens + self.positions.narrow(0, 0, count)?)?.unsqueeze(0)?;
        let mask = causal(self.heads, count)?;
        for block in &self.blocks {
            x = block.run(&x, &mask)?;
        }
        let end = self.norm.run(&x.narrow(1, count - 1, 1)?, &mut ())?;
        self.projection.forward(&end)?.flatten_all()?.to_vec1()
    }
}

impl Block {
    fn new(w: &Weights, sizes: &Sizes) -> Result<Self> {
        let channels = sizes.channels;
        let at = w.at("self_attn");
        let joint = |name, shape: &[usize]| {
            let parts = ["q_proj", "k_proj", "v_proj"].map(|part| at.at(part).get(name, shape));
            Ok::<_, WeightsError>(Tensor::cat(
                &parts.into_iter().collect::<Result<Vec<_>>>()?,
                0,
            )?)
        };
        let qkv = Linear::new(
            joint("weight", &[channels, channels])?,
            Some(joint("bias", &[channels])?),
        );
        let attention = Attention {
            qkv: (Vec::new(), qkv),
            heads: sizes.heads,
            query_names: Vec::new(),
            key_names: Vec::new(),
            attention_names: Vec::new(),
            mixed_names: Vec::new(),
            proj: named_linear(&at.at("out_proj"), channels, channels)?,
        };
        let mlp = w.at("mlp");
        let layers = Kind::Residual {
            branch: vec![
                token_norm(&w.at("layer_norm2"), channels, sizes.eps)?,
                linear(&mlp.at("fc1"), channels, sizes.hidden)?,
                Module::unnamed(Kind::Activation(sizes.activation)),
                linear(&mlp.at("fc2"), sizes.hidden, channels)?,
            ],
            shortcut: Vec::new(),
            activation: None,
        };
        Ok(Block {
            norm: token_norm(&w.at("layer_norm1"), channels, sizes.eps)?,
            attention,
            layers: Module::unnamed(layers),
        })
    }

    fn run(&self, x: &Tensor, mask: &Tensor) -> candle_core::Result<Tensor> {
        let normed = self.norm.run(x, &mut ())?;
        let x = (x + self.attention.run(&normed, Some(mask), &mut ())?)?;
        self.layers.run(&x, &mut ())
    }
}

/// Makes the causal mask that is added to the attention logits, `(1, heads, tokens, tokens)`: 0 for visible tokens, the smallest number
/// elsewhere.
fn causal(heads: usize, tokens: usize) -> candle_core::Result<Tensor> {
    let seen = |i: usize| {
        if i % tokens <= i / tokens {
            0.0
        } else {
            f32::MIN
        }
    };
    let mask: Vec<f32> = (0..tokens * tokens).map(seen).collect();
    Tensor::from_vec(mask, (1, 1, tokens, tokens), &Device::Cpu)?
        .broadcast_as((1, heads, tokens, tokens))?
        .contiguous()
}
