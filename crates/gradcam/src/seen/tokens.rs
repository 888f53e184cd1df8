//! The tokens of a transformer as a feature map.

use candle_core::{Result, Tensor};
use gradcam_nn::Tokens;

/// Returns the rows and columns of patches if `count` tokens belong to an input of `input` pixels, with or without the tokens before the
/// patches. `None` otherwise, or if there is only one patch.
pub(crate) fn grid(count: usize, tokens: Tokens, input: (usize, usize)) -> Option<(usize, usize)> {
    let (rows, columns) = (input.0 / tokens.patch.0, input.1 / tokens.patch.1);
    let patches = rows * columns;
    (patches > 1 && [patches, tokens.prefix + patches].contains(&count)).then_some((rows, columns))
}

/// Turns an activation or its gradient into a feature map: for a network with `tokens`, `(n, tokens, channels)` becomes
/// `(n, channels, rows, columns)`, without the tokens before the patches. Anything else stays unchanged.
pub(crate) fn map(x: &Tensor, tokens: Option<Tokens>, input: (usize, usize)) -> Result<Tensor> {
    let (&[n, count, channels], Some(tokens)) = (x.dims(), tokens) else {
        return Ok(x.clone());
    };
    let Some((rows, columns)) = grid(count, tokens, input) else {
        return Ok(x.clone());
    };
    let patches = rows * columns;
    x.narrow(1, count - patches, patches)?
        .transpose(1, 2)?
        .reshape((n, channels, rows, columns))
}

/// Returns the activation `whole` of one image with this feature map in place of its own: the inverse of [`map`]. The tokens before the
/// patches stay.
pub(crate) fn unmap(map: &Tensor, whole: &Tensor) -> Result<Tensor> {
    if whole.rank() != 3 {
        return Ok(map.clone());
    }
    let patches = map.flatten_from(2)?.transpose(1, 2)?;
    let prefix = whole.dim(1)? - patches.dim(1)?;
    Tensor::cat(&[&whole.narrow(1, 0, prefix)?, &patches], 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use candle_core::Device;

    const TOKENS: Tokens = Tokens {
        prefix: 2,
        patch: (4, 2),
    };

    #[test]
    fn patches_lie_in_rows() {
        // Two rows of three patches, one channel that counts the tokens.
        let x = Tensor::arange(0.0, 8.0, &Device::Cpu).unwrap();
        let x = x.reshape((1, 8, 1)).unwrap();
        let y = map(&x, Some(TOKENS), (8, 6)).unwrap();
        let expected = vec![vec![2.0, 3.0, 4.0], vec![5.0, 6.0, 7.0]];
        assert_eq!(
            y.squeeze(0)
                .unwrap()
                .squeeze(0)
                .unwrap()
                .to_vec2::<f64>()
                .unwrap(),
            expected
        );
        // The inverse: the two tokens before the patches are those of the whole.
        let back = unmap(&(&y * 10.0).unwrap(), &x).unwrap();
        let expected = [0.0, 1.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0];
        let back = back.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        assert_eq!(back, expected);
        assert_eq!(unmap(&y, &y).unwrap().dims(), y.dims());
        let without = map(&x.narrow(1, 2, 6).unwrap(), Some(TOKENS), (8, 6)).unwrap();
        assert_eq!(without.dims(), [1, 1, 2, 3]);
        let patches = x.narrow(1, 2, 6).unwrap();
        let back = unmap(&without, &patches).unwrap();
        assert_eq!(
            back.flatten_all().unwrap().to_vec1::<f64>().unwrap(),
            patches.flatten_all().unwrap().to_vec1::<f64>().unwrap()
        );
    }

    #[test]
    fn what_is_no_tokens_stays() {
        let x = Tensor::zeros((1, 7, 3), candle_core::DType::F32, &Device::Cpu).unwrap();
        for (tokens, input) in [
            (None, (8, 6)),
            (Some(TOKENS), (8, 6)),
            (Some(TOKENS), (4, 2)),
        ] {
            assert_eq!(map(&x, tokens, input).unwrap().dims(), x.dims());
        }
        assert_eq!(grid(3, TOKENS, (4, 2)), None);
    }
}
