//! Maps from the attention of a transformer's blocks.

use candle_core::DType;

use crate::method::{AttentionRollout, Heads};
use crate::observation::Score;
use crate::record::Record;
use crate::saliency::{SignedMap, Subject};
use crate::{Error, Grid, Result, layers, tokens};

/// Attention rollout (Abnar and Zuidema 2020, equation 1): with the attention of a block fused over its heads and half of it replaced by the
/// identity, for the residual, what the class token has of each patch in the product of all blocks. It does not know the target.
pub(crate) fn rollout(options: &AttentionRollout, subject: &Subject<'_>) -> Result<SignedMap> {
    let blocks = Blocks::of("attention-rollout", subject, false)?;
    let count = blocks.tokens;
    let mut product = identity(count);
    for attention in &blocks.attention {
        let mut fused = fuse(attention, count, options.heads);
        for (row, values) in fused.chunks_exact_mut(count).enumerate() {
            values[row] += 1.0;
            let total: f64 = values.iter().sum();
            values.iter_mut().for_each(|v| *v /= total);
        }
        product = multiply(&fused, &product, count);
    }
    Ok(blocks.map(&product).into())
}

/// Gradient attention rollout (Chefer et al. 2021, Generic Attention-model Explainability, equations 5 and 6): from block to block
/// `R ← R + mean over the heads of (∇A ⊙ A)⁺ R`, beginning with the identity; what the class token has of each patch.
pub(crate) fn gradient_rollout(subject: &Subject<'_>) -> Result<SignedMap> {
    let blocks = Blocks::of("gradient-attention-rollout", subject, true)?;
    let count = blocks.tokens;
    let mut relevance = identity(count);
    for (attention, gradient) in blocks.attention.iter().zip(&blocks.gradients) {
        let positive: Vec<f64> = attention
            .iter()
            .zip(gradient)
            .map(|(a, g)| (a * g).max(0.0))
            .collect();
        let fused = fuse(&positive, count, Heads::Mean);
        let more = multiply(&fused, &relevance, count);
        relevance.iter_mut().zip(more).for_each(|(r, m)| *r += m);
    }
    Ok(blocks.map(&relevance).into())
}

/// The attention of every block, first to last.
struct Blocks {
    /// Of each block `heads * tokens * tokens` values.
    attention: Vec<Vec<f64>>,
    /// As many; none where they were not asked for.
    gradients: Vec<Vec<f64>>,
    tokens: usize,
    prefix: usize,
    size: (usize, usize),
}

impl Blocks {
    fn of(method: &'static str, subject: &Subject<'_>, gradients: bool) -> Result<Self> {
        let (_, channels, height, width) = subject.image.dims4()?;
        let Some(tokens) = subject.network.tokens() else {
            return Err(Error::NoAttention(method));
        };
        let found = layers(subject.network, (channels, height, width))?;
        let size = |count: usize| tokens::grid(count, tokens, (height, width));
        let mut names: Vec<String> = Vec::new();
        let mut count = 0;
        for layer in &found.layers {
            if let &[_, rows, columns] = layer.shape.as_slice()
                && rows == columns
                && let Some((h, w)) = size(rows)
                && rows == tokens.prefix + h * w
            {
                names.push(layer.name.clone());
                count = rows;
            }
        }
        let Some(size) = size(count) else {
            return Err(Error::NoAttention(method));
        };
        let record = Record::at(subject.network, subject.image, &names)?;
        let numbers = |tensor: &candle_core::Tensor| -> Result<Vec<f64>> {
            Ok(tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
        };
        let mut attention = Vec::with_capacity(names.len());
        for found in record.activations() {
            attention.push(numbers(found.ok_or(Error::NoAttention(method))?)?);
        }
        let mut slopes = Vec::new();
        if gradients {
            let logits = [subject.logits.to_vec()];
            let score = Score::of(&record.output, &logits, &[Some(subject.target.clone())])?;
            let score = match subject.sign < 0.0 {
                true => score.negated()?,
                false => score,
            };
            let found = record.gradients(&score.total(&record.output, 1)?)?;
            for (gradient, attention) in found.iter().zip(&attention) {
                slopes.push(match gradient {
                    Some(gradient) => numbers(gradient)?,
                    // The score does not depend on the block.
                    None => vec![0.0; attention.len()],
                });
            }
        }
        Ok(Blocks {
            attention,
            gradients: slopes,
            tokens: count,
            prefix: tokens.prefix,
            size,
        })
    }

    /// What the class token has of each patch; without a class token the mean over all tokens, which such networks pool.
    fn map(&self, matrix: &[f64]) -> Grid {
        let rows = match self.prefix {
            0 => 0..self.tokens,
            _ => 0..1,
        };
        let share = 1.0 / rows.len() as f64;
        let values = (self.prefix..self.tokens).map(|patch| {
            let sum: f64 = rows
                .clone()
                .map(|row| matrix[row * self.tokens + patch])
                .sum();
            (sum * share) as f32
        });
        Grid {
            height: self.size.0,
            width: self.size.1,
            values: values.collect(),
        }
    }
}

fn identity(count: usize) -> Vec<f64> {
    let mut matrix = vec![0.0; count * count];
    matrix.iter_mut().step_by(count + 1).for_each(|v| *v = 1.0);
    matrix
}

/// One matrix from those of the heads.
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

/// The product of two square matrices.
fn multiply(a: &[f64], b: &[f64], count: usize) -> Vec<f64> {
    let mut product = vec![0.0; count * count];
    for (row, sums) in a.chunks_exact(count).zip(product.chunks_exact_mut(count)) {
        for (&v, line) in row.iter().zip(b.chunks_exact(count)) {
            sums.iter_mut().zip(line).for_each(|(sum, b)| *sum += v * b);
        }
    }
    product
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{Device, Tensor};
    use gradcam_nn::{Network, Pass, Tokens};

    use super::*;
    use crate::{Explainer, Method, Target};

    /// A class token and two patches, two blocks, one head in the first and two in the second. The logits weigh the attentions, so that
    /// the gradients are those weights.
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
        assert_eq!((found.raw().height, found.raw().width), (1, 2));
        found.raw().values.clone()
    }

    fn close(found: &[f32], expected: [f32; 2]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
        }
    }

    #[test]
    fn rollout_by_hand() {
        // Half of each is the identity: the first block's rows are (.75 .125 .125), (.1 .8 .1), (.05 .05 .9), the class row of the second
        // block, with the mean (.3 .4 .3) of its heads, is (.65 .2 .15).
        let options = AttentionRollout::default();
        close(
            &explain(Method::AttentionRollout(options)),
            [
                0.65 * 0.125 + 0.2 * 0.8 + 0.15 * 0.05,
                0.65 * 0.125 + 0.2 * 0.1 + 0.15 * 0.9,
            ],
        );
        // The larger of the heads is (.4 .6 .4); with the identity and of the sum 1 (1.4 .6 .4) / 2.4.
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
