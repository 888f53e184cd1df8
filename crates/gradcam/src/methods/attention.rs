//! Maps from the attention of a transformer's blocks.

use candle_core::{D, DType, Tensor};
use gradcam_map::{Grid, Size};
use gradcam_nn::{Network, Tokens};
use serde::{Deserialize, Serialize};

use crate::methods::about::{ATTENTION, About};
use crate::methods::recipe::{Recipe, Setting};
use crate::saliency::{SignedMap, Subject};
use crate::seen::layers::layers_for;
use crate::seen::observation::Score;
use crate::seen::record::Record;
use crate::seen::tokens;
use crate::{Error, Result};

/// How the attention of several heads is fused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Heads {
    /// The mean, as in the paper.
    #[default]
    Mean,
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

/// Options of [`Method::AttentionRollout`](crate::Method::AttentionRollout).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttentionRollout {
    /// How the heads of a block are fused.
    pub heads: Heads,
}

impl Recipe for AttentionRollout {
    fn about(&self) -> About {
        About {
            paper: "Abnar and Zuidema 2020, Quantifying Attention Flow in Transformers",
            cost: "2 forwards",
            backward: false,
            target: false,
            ..ATTENTION
        }
    }

    fn suits(&self, setting: &Setting<'_>) -> Result<()> {
        offered(setting.method, setting.network, setting.image).map(drop)
    }

    /// Computes attention rollout (Abnar and Zuidema 2020, equation 1): each patch's share in the class token in the product of all blocks.
    /// A block's attention is fused over its heads, and half of it is replaced by the identity, for the residual. The target is ignored.
    ///
    /// A block's attention is a tapped tensor of the shape `(heads, tokens, tokens)` with rows that sum to 1; a block without such rows
    /// does not count.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let blocks = Blocks::of("attention-rollout", subject, false)?;
        let mut share = blocks.start();
        // Only one row of the product is needed. From the last block on, it costs a row times a matrix for each block.
        for attention in blocks.attention.iter().rev() {
            let mut fused = fuse(&numbers(attention)?, blocks.tokens, self.heads);
            for (row, values) in fused.chunks_exact_mut(blocks.tokens).enumerate() {
                values[row] += 1.0;
                let total: f64 = values.iter().sum();
                values.iter_mut().for_each(|v| *v /= total);
            }
            share = multiply(&share, &fused);
        }
        Ok(blocks.map(&share).into())
    }
}

/// Gradient attention rollout (Chefer et al. 2021).
pub(crate) struct GradientAttentionRollout;

impl Recipe for GradientAttentionRollout {
    fn about(&self) -> About {
        About {
            paper: "Chefer et al. 2021, Generic Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers",
            cost: "2 forwards, 1 backward",
            ..ATTENTION
        }
    }

    fn suits(&self, setting: &Setting<'_>) -> Result<()> {
        offered(setting.method, setting.network, setting.image).map(drop)
    }

    /// Computes gradient attention rollout (Chefer et al. 2021, Generic Attention-model Explainability, equations 5 and 6): from block to
    /// block `R ← R + mean over the heads of (∇A ⊙ A)⁺ R`, beginning with the identity. The map is each patch's share in the class token.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let blocks = Blocks::of("gradient-attention-rollout", subject, true)?;
        let mut share = blocks.start();
        for (attention, gradient) in blocks.attention.iter().zip(&blocks.gradients).rev() {
            // If the score does not depend on the block, nothing is added.
            let Some(gradient) = gradient else { continue };
            let products = numbers(attention)?.into_iter().zip(numbers(gradient)?);
            let positive = products.map(|(a, g)| match a * g {
                v if v < 0.0 => 0.0,
                v => v,
            });
            let fused = fuse(&positive.collect::<Vec<_>>(), blocks.tokens, Heads::Mean);
            let more = multiply(&share, &fused);
            share.iter_mut().zip(more).for_each(|(s, m)| *s += m);
        }
        Ok(blocks.map(&share).into())
    }
}

/// Tapped tensors with the shape of attention.
struct Offered {
    /// The layers, first to last.
    names: Vec<String>,
    /// Rows and columns of the patches.
    size: Size,
    tokens: Tokens,
}

/// Finds the layers that may be attention, by their shape, for inputs of the image's size.
fn offered(method: &'static str, network: &dyn Network, image: &Tensor) -> Result<Offered> {
    let (_, _, height, width) = image.dims4()?;
    let tokens = network.tokens().ok_or(Error::NoAttention(method))?;
    let grid = |count: usize| {
        let (h, w) = tokens::grid(count, tokens, (height, width))?;
        (count == tokens.prefix + h * w).then_some((h, w))
    };
    let mut size = None;
    let mut names: Vec<String> = Vec::new();
    for layer in layers_for(network, image)?.layers {
        if let &[_, rows, columns] = layer.shape.as_slice()
            && rows == columns
            && let Some(found) = grid(rows)
        {
            names.push(layer.name);
            size = Some(Size::new(found.0, found.1)?);
        }
    }
    let size = size.ok_or(Error::NoAttention(method))?;
    Ok(Offered {
        names,
        size,
        tokens,
    })
}

/// The attention of every block, first to last.
struct Blocks {
    /// For each block, `(1, heads, tokens, tokens)`.
    attention: Vec<Tensor>,
    /// For each block; `None` if the score does not depend on it. Empty if gradients were not requested.
    gradients: Vec<Option<Tensor>>,
    tokens: usize,
    prefix: usize,
    size: Size,
}

impl Blocks {
    fn of(method: &'static str, subject: &Subject<'_>, gradients: bool) -> Result<Self> {
        let Offered {
            names,
            size,
            tokens,
        } = offered(method, subject.network, subject.image)?;
        let record = Record::at(subject.network, subject.image, &names)?;
        let mut attention = Vec::with_capacity(names.len());
        for found in record.activations() {
            let found = found.ok_or(Error::NoAttention(method))?;
            attention.push(is_attention(found)?.then(|| found.clone()));
        }
        let mut slopes = Vec::new();
        if gradients {
            let logits = [subject.logits.to_vec()];
            let score = Score::of(&record.output, &logits, &[Some(subject.target.clone())])?;
            let score = score.signed(subject.sign)?;
            slopes = record.gradients(&score.total(&record.output, 1)?)?;
            let mut kept = attention.iter().map(Option::is_some);
            slopes.retain(|_| kept.next().unwrap_or(false));
        }
        let attention: Vec<Tensor> = attention.into_iter().flatten().collect();
        if attention.is_empty() {
            return Err(Error::NoAttention(method));
        }
        Ok(Blocks {
            attention,
            gradients: slopes,
            tokens: tokens.prefix + size.area(),
            prefix: tokens.prefix,
            size,
        })
    }

    /// Returns the class token's row of the identity; without a class token, the mean of all rows, since such networks pool them.
    fn start(&self) -> Vec<f64> {
        match self.prefix {
            0 => vec![1.0 / self.tokens as f64; self.tokens],
            _ => (0..self.tokens).map(|i| f64::from(i == 0)).collect(),
        }
    }

    /// Returns the share of each patch.
    fn map(&self, share: &[f64]) -> Grid {
        Grid::from_fn(self.size, |i| share[self.prefix + i] as f32)
    }
}

/// Tests whether rows sum to 1. Queries and keys have the shape of attention too if a head has as many channels as there are tokens.
fn is_attention(x: &Tensor) -> Result<bool> {
    let apart = (x.to_dtype(DType::F32)?.sum(D::Minus1)? - 1.0)?.abs()?;
    let apart = apart.max_all()?.to_scalar::<f32>()?;
    // bf16 rounds each number by up to 0.4 %. NaN is left to the verdict.
    Ok(apart < 0.02 || apart.is_nan())
}

fn numbers(x: &Tensor) -> Result<Vec<f64>> {
    Ok(x.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
}

/// Fuses the heads' matrices into one.
fn fuse(heads: &[f64], count: usize, by: Heads) -> Vec<f64> {
    let number = (heads.len() / (count * count)).max(1) as f64;
    let mut fused: Option<Vec<f64>> = None;
    for head in heads.chunks_exact(count * count) {
        match &mut fused {
            None => fused = Some(head.to_vec()),
            Some(fused) => fused.iter_mut().zip(head).for_each(|(f, &h)| {
                *f = match by {
                    Heads::Mean => *f + h,
                    Heads::Max => f.max(h),
                    Heads::Min => f.min(h),
                }
            }),
        }
    }
    let mut fused = fused.unwrap_or_default();
    if by == Heads::Mean {
        fused.iter_mut().for_each(|f| *f /= number);
    }
    fused
}

/// Multiplies a row by a square matrix.
fn multiply(row: &[f64], matrix: &[f64]) -> Vec<f64> {
    let mut product = vec![0.0; row.len()];
    for (&v, line) in row.iter().zip(matrix.chunks_exact(row.len())) {
        product
            .iter_mut()
            .zip(line)
            .for_each(|(sum, m)| *sum += v * m);
    }
    product
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{Device, Tensor};
    use gradcam_nn::ops::Linear;
    use gradcam_nn::{Attention, Network, Pass, Tokens};

    use super::*;
    use crate::{Explainer, Method, Target};

    /// A class token and two patches, two blocks, one head in the first and two in the second. The logits weight the attentions, so the
    /// gradients are those weights.
    struct TwoBlocks;

    const FIRST: [[f32; 3]; 3] = [[0.5, 0.25, 0.25], [0.2, 0.6, 0.2], [0.1, 0.1, 0.8]];
    const SECOND: [[[f32; 3]; 3]; 2] = [
        [[0.2, 0.6, 0.2], [0.3, 0.3, 0.4], [0.0, 0.5, 0.5]],
        [[0.4, 0.2, 0.4], [0.1, 0.7, 0.2], [0.2, 0.3, 0.5]],
    ];

    impl Network for TwoBlocks {
        fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
            let n = x.dim(0)?;
            let first = Tensor::new(&[[FIRST]], x.device())?.repeat((n, 1, 1, 1))?;
            let second = Tensor::new(&[SECOND], x.device())?.repeat((n, 1, 1, 1))?;
            let first = pass.tap("blocks.0.attn.attn_drop", first)?;
            let second = pass.tap("blocks.1.attn.attn_drop", second)?;
            // The gradient is 2 at the first block, and 1 and -1 at the heads of the second.
            let heads = (second.narrow(1, 0, 1)? - second.narrow(1, 1, 1)?)?;
            let score = ((first * 2.0)? + heads)?.sum((1, 2, 3))?;
            score.reshape((n, 1))
        }
        fn tokens(&self) -> Option<Tokens> {
            Some(Tokens {
                prefix: 1,
                patch: (2, 2),
            })
        }
    }

    fn explain(method: Method) -> Vec<f32> {
        let picture = Tensor::zeros((1, 3, 2, 4), DType::F32, &Device::Cpu).unwrap();
        let found = Explainer::of(method)
            .explain_one(&TwoBlocks, &picture, Target::Index(0))
            .unwrap();
        assert_eq!(found.raw().size().height_width(), (1, 2));
        found.raw().values().to_vec()
    }

    fn close(found: &[f32], expected: [f32; 2]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
        }
    }

    #[test]
    fn rollout_by_hand() {
        // Half of each matrix is the identity. The first block's rows are (.75 .125 .125), (.1 .8 .1), (.05 .05 .9). The class row of the
        // second block, whose heads have the mean (.3 .4 .3), is (.65 .2 .15).
        let options = AttentionRollout::default();
        close(
            &explain(Method::AttentionRollout(options)),
            [
                0.65 * 0.125 + 0.2 * 0.8 + 0.15 * 0.05,
                0.65 * 0.125 + 0.2 * 0.1 + 0.15 * 0.9,
            ],
        );
        // The maximum of the heads is (.4 .6 .4); with the identity, scaled to the sum 1: (1.4 .6 .4) / 2.4.
        let options = AttentionRollout { heads: Heads::Max };
        close(
            &explain(Method::AttentionRollout(options)),
            [
                (1.4 * 0.125 + 0.6 * 0.8 + 0.4 * 0.05) / 2.4,
                (1.4 * 0.125 + 0.6 * 0.1 + 0.4 * 0.9) / 2.4,
            ],
        );
    }

    #[test]
    fn gradient_rollout_by_hand() {
        // R = I + 2 A after the first block. The second head's gradient is negative; half of the first head's class row is (.1 .3 .1).
        close(
            &explain(Method::GradientAttentionRollout),
            [
                0.5 + 0.1 * 0.5 + 0.3 * 2.2 + 0.1 * 0.2,
                0.5 + 0.1 * 0.5 + 0.3 * 0.4 + 0.1 * 2.6,
            ],
        );
    }

    const CHANNELS: usize = 6;
    const HEADS: usize = 2;
    /// The number of tokens if there is one before the two patches: queries and keys look like attention then.
    const WIDTH: usize = CHANNELS / HEADS;

    /// Returns numbers by a formula.
    fn wave(count: usize, phase: f64) -> Vec<f64> {
        let number = |i: usize| (1.3 * i as f64 + phase).sin() * 0.9;
        (0..count).map(number).collect()
    }

    fn joint(block: usize) -> Vec<f64> {
        wave(3 * CHANNELS * CHANNELS, 0.4 + block as f64)
    }

    fn output(block: usize) -> Vec<f64> {
        wave(CHANNELS * CHANNELS, 2.1 + block as f64)
    }

    fn pixels() -> Vec<f64> {
        wave(12, 3.3)
    }

    /// Some tokens before two patches of 2 × 3 pixels, and two blocks of attention with two heads and a residual each. The linear head is
    /// on the first token or, without one, on the mean of the patches.
    struct TwoLayers {
        prefix: usize,
    }

    impl Network for TwoLayers {
        fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
            let matrix = |values: Vec<f64>| {
                let rows = values.len() / CHANNELS;
                Tensor::from_vec(values, (rows, CHANNELS), &Device::Cpu)
            };
            let patches = x.reshape((2, 2, 3))?.transpose(0, 1)?;
            let mut x = patches.reshape((1, 2, CHANNELS))?;
            if self.prefix > 0 {
                let before = matrix(wave(self.prefix * CHANNELS, 5.0))?;
                x = Tensor::cat(&[&before.unsqueeze(0)?, &x], 1)?;
            }
            for block in 0..2 {
                let names = |module: &str| vec![format!("blocks.{block}.attn.{module}")];
                let attention = Attention {
                    qkv: (names("qkv"), Linear::new(matrix(joint(block))?, None)),
                    heads: HEADS,
                    query_names: names("q_norm"),
                    key_names: names("k_norm"),
                    attention_names: names("attn_drop"),
                    mixed_names: Vec::new(),
                    proj: (Vec::new(), Linear::new(matrix(output(block))?, None)),
                };
                x = (&x + attention.run(&x, None, pass)?)?;
            }
            let head = matrix(wave(2 * CHANNELS, 0.2))?;
            let pooled = match self.prefix {
                0 => x.mean(1)?,
                _ => x.narrow(1, 0, 1)?.squeeze(1)?,
            };
            pooled.matmul(&head.t()?)
        }
        fn tokens(&self) -> Option<Tokens> {
            Some(Tokens {
                prefix: self.prefix,
                patch: (2, 3),
            })
        }
    }

    type Matrix = Vec<Vec<f64>>;

    /// A change of one number of an attention: block, head, row and column, and the amount.
    type Moved = Option<([usize; 4], f64)>;

    /// Computes the attention of each block and head, and a logit, of the same network in loops.
    fn by_loops(prefix: usize, class: usize, moved: Moved) -> (Vec<Matrix>, f64) {
        let (pixels, tokens) = (pixels(), prefix + 2);
        let before = wave(prefix * CHANNELS, 5.0);
        let mut x: Matrix = before.chunks_exact(CHANNELS).map(<[f64]>::to_vec).collect();
        for patch in 0..2 {
            let pixel = |i: usize| pixels[i / 3 * 6 + patch * 3 + i % 3];
            x.push((0..CHANNELS).map(pixel).collect());
        }
        let mut attentions = Vec::new();
        for block in 0..2 {
            let (joint, output) = (joint(block), output(block));
            let projected = |token: &[f64], row: usize| -> f64 {
                let weights = &joint[row * CHANNELS..][..CHANNELS];
                weights.iter().zip(token).map(|(w, v)| w * v).sum()
            };
            let mut mixed = vec![vec![0.0; CHANNELS]; tokens];
            for head in 0..HEADS {
                let mut attention = vec![vec![0.0; tokens]; tokens];
                for (i, row) in attention.iter_mut().enumerate() {
                    for (j, a) in row.iter_mut().enumerate() {
                        let product = |d: usize| {
                            let at = head * WIDTH + d;
                            projected(&x[i], at) * projected(&x[j], CHANNELS + at)
                        };
                        let score: f64 = (0..WIDTH).map(product).sum();
                        *a = (score / (WIDTH as f64).sqrt()).exp();
                    }
                    let total: f64 = row.iter().sum();
                    row.iter_mut().for_each(|a| *a /= total);
                }
                if let Some(([at_block, at_head, i, j], by)) = moved
                    && (at_block, at_head) == (block, head)
                {
                    attention[i][j] += by;
                }
                for (i, row) in attention.iter().enumerate() {
                    for d in 0..WIDTH {
                        let at = head * WIDTH + d;
                        let value = |j: usize| row[j] * projected(&x[j], 2 * CHANNELS + at);
                        mixed[i][at] = (0..tokens).map(value).sum();
                    }
                }
                attentions.push(attention);
            }
            for (token, mixed) in x.iter_mut().zip(mixed) {
                for (c, v) in token.iter_mut().enumerate() {
                    let products = (0..CHANNELS).map(|m| output[c * CHANNELS + m] * mixed[m]);
                    *v += products.sum::<f64>();
                }
            }
        }
        let head = wave(2 * CHANNELS, 0.2);
        let logit = |token: &Vec<f64>| -> f64 {
            let products = token.iter().enumerate();
            products.map(|(c, v)| head[class * CHANNELS + c] * v).sum()
        };
        let found = match prefix {
            0 => x.iter().map(logit).sum::<f64>() / tokens as f64,
            _ => logit(&x[0]),
        };
        (attentions, found)
    }

    fn times(a: &Matrix, b: &Matrix) -> Matrix {
        let number = |i: usize, j: usize| (0..b.len()).map(|k| a[i][k] * b[k][j]).sum();
        let row = |i: usize| (0..b.len()).map(|j| number(i, j)).collect();
        (0..a.len()).map(row).collect()
    }

    fn eye(count: usize) -> Matrix {
        let row = |i: usize| (0..count).map(|j| f64::from(i == j)).collect();
        (0..count).map(row).collect()
    }

    /// Returns the two patches' shares in the first token or, without one, in the mean of all tokens.
    fn patches(matrix: &Matrix, prefix: usize) -> [f32; 2] {
        [0, 1].map(|patch| {
            let share = match prefix {
                0 => (matrix[0][patch] + matrix[1][patch]) / 2.0,
                _ => matrix[0][prefix + patch],
            };
            share as f32
        })
    }

    fn explain_two_layers(method: Method, prefix: usize, class: usize) -> Vec<f32> {
        let picture = Tensor::from_vec(pixels(), (1, 1, 2, 6), &Device::Cpu).unwrap();
        let found = Explainer::of(method)
            .explain_one(&TwoLayers { prefix }, &picture, Target::Index(class))
            .unwrap();
        let (_, logit) = by_loops(prefix, class, None);
        assert!((f64::from(found.target.score) - logit).abs() < 1e-5 * logit.abs());
        found.raw().values().to_vec()
    }

    /// Equation 1 of Abnar and Zuidema over attention from loops.
    #[test]
    fn rollout_of_two_layers() {
        for prefix in 0..3 {
            let (attention, _) = by_loops(prefix, 0, None);
            let mut product = eye(prefix + 2);
            for block in attention.chunks_exact(HEADS) {
                let mut fused = eye(prefix + 2);
                for (i, row) in fused.iter_mut().enumerate() {
                    for (j, v) in row.iter_mut().enumerate() {
                        *v = (*v + (block[0][i][j] + block[1][i][j]) / 2.0) / 2.0;
                    }
                }
                product = times(&fused, &product);
            }
            let options = AttentionRollout::default();
            let found = explain_two_layers(Method::AttentionRollout(options), prefix, 0);
            close(&found, patches(&product, prefix));
        }
    }

    /// Equations 5 and 6 of Chefer et al. with gradients from differences of loops.
    #[test]
    fn gradient_rollout_of_two_layers() {
        for (prefix, class) in [(0, 0), (1, 0), (1, 1), (2, 1)] {
            let (attention, _) = by_loops(prefix, class, None);
            let count = prefix + 2;
            let mut relevance = eye(count);
            for block in 0..2 {
                let mut mean = vec![vec![0.0; count]; count];
                for head in 0..HEADS {
                    for (i, row) in mean.iter_mut().enumerate() {
                        for (j, v) in row.iter_mut().enumerate() {
                            let at =
                                |by| by_loops(prefix, class, Some(([block, head, i, j], by))).1;
                            let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
                            let a = attention[block * HEADS + head][i][j];
                            *v += (slope * a).max(0.0) / HEADS as f64;
                        }
                    }
                }
                let more = times(&mean, &relevance);
                for (row, more) in relevance.iter_mut().zip(more) {
                    row.iter_mut().zip(more).for_each(|(r, m)| *r += m);
                }
            }
            let found = explain_two_layers(Method::GradientAttentionRollout, prefix, class);
            let expected = patches(&relevance, prefix);
            assert!(expected.iter().any(|&v| v > 1e-3), "{expected:?}");
            close(&found, expected);
        }
    }

    #[test]
    fn a_network_without_attention_is_refused() {
        struct Plain;
        impl Network for Plain {
            fn forward(&self, x: &Tensor, _: &mut dyn Pass) -> candle_core::Result<Tensor> {
                x.mean((2, 3))
            }
        }
        let picture = Tensor::zeros((1, 3, 2, 4), DType::F32, &Device::Cpu).unwrap();
        for method in [
            Method::AttentionRollout(AttentionRollout::default()),
            Method::GradientAttentionRollout,
        ] {
            let error = Explainer::of(method).explain_one(&Plain, &picture, Target::Index(0));
            assert!(matches!(error, Err(Error::NoAttention(_))), "{error:?}");
        }
    }
}
