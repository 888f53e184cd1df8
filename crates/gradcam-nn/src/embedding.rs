//! From an image to tokens.

use candle_core::{Result, Tensor, bail};

use crate::attention::Named;
use crate::limit;
use crate::ops::conv2d::Conv2d;
use crate::ops::rearrange::Rearrange;
use crate::pass::Pass;

/// Embeds patches, adds their positions, and puts the prefix tokens before them (ViT, Dosovitskiy et al. 2021, section 3.1):
/// `(n, 3, h, w)` to `(n, prefix + patches, channels)`.
///
/// If the input's grid of patches differs from the learned one, the positions are resized by cubic interpolation with antialiasing, as
/// timm does.
#[derive(Debug, Clone)]
pub struct Embedding {
    /// The convolution that embeds a patch; its stride equals its kernel.
    pub patches: Named<Conv2d>,
    /// Paths of the patch tokens, `(n, patches, channels)`.
    pub token_names: Vec<String>,
    /// The tokens before those of the patches, positions included, `(prefix, channels)`: the class token first.
    pub prefix: Tensor,
    /// The position embedding of each patch, `(rows, columns, channels)`.
    pub positions: Tensor,
}

impl Embedding {
    /// Computes the tokens of `x`.
    ///
    /// # Errors
    /// When the patches do not divide the input, or their positions would take more than 512 MB.
    pub fn run(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let (n, _, height, width) = x.dims4()?;
        let (names, conv) = &self.patches;
        let (down, right) = conv.options().stride;
        if !height.is_multiple_of(down) || !width.is_multiple_of(right) {
            bail!(
                "an input of {height} × {width} does not divide into patches of {down} × {right}"
            );
        }
        let map = pass.conv2d(conv, x)?;
        let map = pass.tap_all(names, map)?;
        let (_, c, rows, columns) = map.dims4()?;
        let tokens = pass.rearrange(&Rearrange::Tokens, &map)?;
        let tokens = pass.tap_all(&self.token_names, tokens)?;
        let positions = resized(&self.positions, (rows, columns))?
            .reshape((1, rows * columns, c))?
            .broadcast_as((n, rows * columns, c))?;
        let tokens = pass.add(&tokens, &positions)?;
        let prefix = self.prefix.unsqueeze(0)?;
        let prefix = prefix.broadcast_as((n, self.prefix.dim(0)?, c))?;
        pass.concat(&[prefix, tokens])
    }
}

/// Resizes the positions to another grid.
fn resized(positions: &Tensor, (rows, columns): (usize, usize)) -> Result<Tensor> {
    let (from_rows, from_columns, c) = positions.dims3()?;
    if (from_rows, from_columns) == (rows, columns) {
        return Ok(positions.clone());
    }
    limit::table("the positions", &[rows, columns, c])?;
    let weights = |from, to| {
        Tensor::from_vec(cubic_weights(from, to), (to, from), positions.device())?
            .to_dtype(positions.dtype())
    };
    let columns_first = weights(from_columns, columns)?
        .unsqueeze(0)?
        .broadcast_as((from_rows, columns, from_columns))?
        .contiguous()?
        .matmul(&positions.contiguous()?)?;
    weights(from_rows, rows)?
        .matmul(&columns_first.reshape((from_rows, columns * c))?)?
        .reshape((rows, columns, c))
}

/// Computes the weights `(to, from)` of a resize along one axis, as in PyTorch's and Pillow's bicubic filter with antialiasing: Keys'
/// cubic with a = -0.5 (Keys 1981). The filter widens with the scale when shrinking, and is normalised at the border.
fn cubic_weights(from: usize, to: usize) -> Vec<f64> {
    let scale = from as f64 / to as f64;
    let width = scale.max(1.0);
    let mut weights = Vec::with_capacity(from * to);
    for output in 0..to {
        let centre = scale * (output as f64 + 0.5);
        // PyTorch's range of positions; outside of it the weights are zero, apart from rounding.
        let first = (centre - 2.0 * width + 0.5).max(0.0) as usize;
        let end = ((centre + 2.0 * width + 0.5) as usize).min(from);
        let row: Vec<f64> = (0..from)
            .map(|input| {
                if (first..end).contains(&input) {
                    cubic((input as f64 - centre + 0.5) / width)
                } else {
                    0.0
                }
            })
            .collect();
        let total: f64 = row.iter().sum();
        weights.extend(row.iter().map(|weight| weight / total));
    }
    weights
}

/// Evaluates Keys' cubic with a = -0.5.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
    } else {
        0.0
    }
}
