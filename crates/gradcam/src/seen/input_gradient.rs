//! The gradient of a score with respect to the pixels.

use candle_core::{Tensor, Var};
use gradcam_nn::Network;
use rayon::prelude::*;

use crate::saliency::Subject;
use crate::seen::observation::{Score, rows};
use crate::seen::record::Record;
use crate::target::Target;
use crate::{Error, Result};

/// Computes the gradient of each image's score with respect to its pixels, `(n, channels, height, width)` like the images (Simonyan et al.
/// 2013).
///
/// On a CPU, the images are spread over the cores. Parameters are constants, so their gradients are not computed.
///
/// # Errors
/// If there is not one target per image, a class is out of range, or the shapes do not match.
///
/// ```
/// use gradcam::{Target, input_gradient};
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
/// // A network whose logits are the sums of the two channels: 1 + 2, and 3 + 4.
/// let picture = Tensor::new(&[[[[1.0_f32, 2.0]], [[3.0, 4.0]]]], &Device::Cpu)?;
/// let gradient = input_gradient(&Sum, &picture, &[Target::Index(1)])?;
/// assert_eq!(gradient.flatten_all()?.to_vec1::<f32>()?, [0.0, 0.0, 1.0, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn input_gradient(
    network: &dyn Network,
    images: &Tensor,
    targets: &[Target],
) -> Result<Tensor> {
    let &[batch, ..] = images.dims() else {
        return Err(Error::Input(images.dims().to_vec()));
    };
    if targets.len() != batch {
        return Err(Error::Targets {
            images: batch,
            found: targets.len(),
        });
    }
    if batch < 2 || !images.device().is_cpu() {
        return together(network, images, targets);
    }
    let each: Vec<_> = (0..batch)
        .into_par_iter()
        .with_max_len(1)
        .map(|i| together(network, &images.narrow(0, i, 1)?, &targets[i..=i]))
        .collect();
    let each = each.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(Tensor::cat(&each, 0)?)
}

fn together(network: &dyn Network, images: &Tensor, targets: &[Target]) -> Result<Tensor> {
    let record = Record::from_input(network, images)?;
    let total = score(&record.output, targets)?;
    match record.gradients(&total)?.pop().flatten() {
        Some(gradient) => Ok(gradient.contiguous()?),
        // The score does not depend on the pixels.
        None => Ok(images.zeros_like()?),
    }
}

/// Sums the images' scores.
fn score(output: &Tensor, targets: &[Target]) -> Result<Tensor> {
    let logits = rows(output, targets.len())?;
    let targets: Vec<_> = targets.iter().cloned().map(Some).collect();
    Score::of(output, &logits, &targets)?.total(output, logits.len())
}

impl Subject<'_> {
    /// Returns the score's gradient at an `output` of the network, `(1, classes)`.
    pub(crate) fn output_gradient(&self, output: &Tensor) -> Result<Tensor> {
        let variable = Var::from_tensor(output)?;
        let logits = rows(output, 1)?;
        let score = Score::of(variable.as_tensor(), &logits, &[Some(self.target.clone())])?;
        let graph = score.total(variable.as_tensor(), 1)?.backward()?;
        let found = match graph.get(variable.as_tensor()) {
            Some(grad) => grad.clone(),
            None => output.zeros_like()?,
        };
        Ok((found * self.sign)?)
    }

    /// Returns the score's gradient at each of the images `(n, channels, height, width)`.
    ///
    /// # Errors
    /// If the images do not fit the network.
    pub fn gradients(&self, images: &Tensor) -> Result<Tensor> {
        let targets = vec![self.target.clone(); images.dim(0)?];
        let gradients = input_gradient(self.network, images, &targets)?;
        if self.sign < 0.0 {
            Ok(gradients.neg()?)
        } else {
            Ok(gradients)
        }
    }
}
