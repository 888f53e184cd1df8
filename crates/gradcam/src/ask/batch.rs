//! Grad-CAM of a whole batch as tensors.

use candle_core::{DType, Tensor};
use gradcam_nn::ops::{Activation, AdaptiveAvgPool2d, ResizeMode, matmul, resize};
use gradcam_nn::{Graph, Network};

use crate::seen::layers::layers_for;
use crate::seen::record::Record;
use crate::seen::tokens;
use crate::{Error, Result};

/// The maps of a batch, on the device of its images, in `f32` whatever the network computes with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BatchMaps {
    /// The maps after the ReLU at the layer's resolution, `(n, rows, columns)`, in units of the score.
    pub maps: Tensor,
    /// The same at the input's resolution, `(n, height, width)`, by bilinear interpolation.
    pub upsampled: Tensor,
    /// The class that was explained for each image, `(n,)` of `u32`.
    pub classes: Tensor,
    /// The logits, `(n, classes)`.
    pub logits: Tensor,
}

/// Computes Grad-CAM (Selvaraju et al. 2017, equations 1 and 2) of a batch `(n, channels, height, width)` at the layer `layer`: the map of
/// an [`Explainer`](crate::Explainer), in the network's own element type.
///
/// Nothing is read back from the images' device, so a GPU is never waited for. `classes` is `(n,)` of `u32`; without it, each image's
/// highest logit is explained. A class out of range is not detected here: its map is 0 everywhere.
///
/// # Errors
/// If the layer does not exist or has no spatial map, or the shapes do not match.
///
/// ```
/// use gradcam::grad_cam_batch;
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
/// let found = grad_cam_batch(&Sum, &picture, "maps", None)?;
/// assert_eq!(found.classes.to_vec1::<u32>()?, [1]);
/// assert_eq!(found.maps.dims(), [1, 1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn grad_cam_batch(
    network: &dyn Network,
    images: &Tensor,
    layer: &str,
    classes: Option<&Tensor>,
) -> Result<BatchMaps> {
    let &[batch, _, height, width] = images.dims() else {
        return Err(Error::Input(images.dims().to_vec()));
    };
    let record = Record::at(network, images, &[layer.to_string()])?;
    let activation = record.activations().first().copied().flatten().cloned();
    let Some(activation) = activation else {
        layers_for(network, images)?.find(layer)?;
        return Err(Error::UnknownLayer {
            name: layer.to_string(),
            nearest: Vec::new(),
        });
    };
    let output = &record.output.to_dtype(DType::F32)?;
    let &[n, count] = output.dims() else {
        return Err(Error::Logits {
            batch,
            shape: output.dims().to_vec(),
        });
    };
    if n != batch || classes.is_some_and(|classes| classes.dims() != [batch]) {
        return Err(Error::Targets {
            images: batch,
            found: classes.map_or(n, Tensor::elem_count),
        });
    }
    let logits = output.detach();
    let classes = match classes {
        Some(classes) => classes.to_dtype(DType::U32)?,
        None => logits.argmax(1)?,
    };
    let numbers = Tensor::arange(0, count as u32, output.device())?;
    let chosen = classes
        .unsqueeze(1)?
        .broadcast_eq(&numbers.unsqueeze(0)?)?
        .to_dtype(DType::F32)?;
    let gradient = record.gradients(&(output * chosen)?.sum_all()?)?;
    let map = |x: &Tensor| tokens::map(x, network.tokens(), (height, width));
    let activation = map(&activation)?;
    let (c, rows, columns) = match *activation.dims() {
        [_, c, rows, columns] if rows * columns > 1 => (c, rows, columns),
        ref dims => {
            return Err(Error::NotSpatial {
                name: layer.to_string(),
                shape: dims.get(1..).unwrap_or_default().to_vec(),
            });
        }
    };
    let maps = match gradient.into_iter().next().flatten() {
        // The score does not depend on the layer.
        None => Tensor::zeros((batch, 1, rows, columns), DType::F32, logits.device())?,
        Some(gradient) => {
            let weights = AdaptiveAvgPool2d::new(1).forward(&map(&gradient)?)?;
            let positions =
                activation
                    .permute((0, 2, 3, 1))?
                    .reshape((batch, rows * columns, c))?;
            let sum = matmul(&positions, &weights.reshape((batch, c, 1))?)?;
            let sum = sum.to_dtype(DType::F32)?;
            Activation::Relu.forward(&sum.reshape((batch, 1, rows, columns))?)?
        }
    };
    let upsampled = resize(&maps, (height, width), ResizeMode::Bilinear, false)?;
    Ok(BatchMaps {
        maps: maps.reshape((batch, rows, columns))?,
        upsampled: upsampled.reshape((batch, height, width))?,
        classes,
        logits,
    })
}

/// [`grad_cam_batch`] for batches of one shape on a CUDA device, recorded once. A batch then costs one launch instead of hundreds, which
/// take most of the time of a single image.
#[derive(Debug)]
pub struct RecordedGradCam {
    graph: Graph,
    images: Tensor,
    maps: BatchMaps,
}

impl RecordedGradCam {
    /// Records the work for batches of the shape of `images`, the first batch.
    ///
    /// # Errors
    /// As for [`grad_cam_batch`]; also if the images are not on a device of [`cuda_device`](gradcam_nn::cuda_device), or a table of the
    /// network is too large to be recorded.
    pub fn new(
        network: &dyn Network,
        images: &Tensor,
        layer: &str,
        classes: Option<&Tensor>,
    ) -> Result<Self> {
        // The recording's own storage, which the caller's tensor does not share.
        let images = images.copy()?;
        let maps = grad_cam_batch(network, &images, layer, classes)?;
        let kept = maps.clone();
        let graph = Graph::record(images.device(), || {
            let found = grad_cam_batch(network, &images, layer, classes)
                .map_err(candle_core::Error::wrap)?;
            for (kept, found) in kept.tensors().into_iter().zip(found.tensors()) {
                // Given classes are the same tensor every time.
                if kept.id() != found.id() {
                    kept.slice_set(&found.contiguous()?, 0, 0)?;
                }
            }
            Ok(())
        })?;
        Ok(RecordedGradCam {
            graph,
            images,
            maps,
        })
    }

    /// Computes the maps of `images`, which have the shape and the device of the first batch. The next call overwrites them.
    ///
    /// # Errors
    /// If the images have another shape or type, or are on another device.
    pub fn maps(&self, images: &Tensor) -> Result<&BatchMaps> {
        self.images.slice_set(&images.contiguous()?, 0, 0)?;
        self.graph.launch()?;
        Ok(&self.maps)
    }
}

impl BatchMaps {
    fn tensors(&self) -> [&Tensor; 4] {
        [&self.maps, &self.upsampled, &self.classes, &self.logits]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use candle_core::Device;
    use gradcam_nn::Pass;

    /// Two maps, the picture and its negative, averaged into two logits.
    struct Bright;

    impl Network for Bright {
        fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
            let maps = Tensor::cat(&[x, &(1.0 - x)?], 1)?;
            let maps = pass.tap("maps", maps)?;
            pass.tap("logits", maps.mean((2, 3))?)
        }
    }

    #[test]
    fn each_image_has_its_own_class() {
        let images: &[[[[f32; 2]; 2]; 1]; 2] =
            &[[[[0.9, 0.8], [0.7, 0.6]]], [[[0.1, 0.2], [0.3, 0.4]]]];
        let images = Tensor::new(images, &Device::Cpu).unwrap();
        let found = grad_cam_batch(&Bright, &images, "maps", None).unwrap();
        assert_eq!(found.classes.to_vec1::<u32>().unwrap(), [0, 1]);
        assert_eq!(found.upsampled.dims(), [2, 2, 2]);
        // A quarter of the map that is averaged: the gradient is the same at its four positions.
        let maps = found.maps.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let expected = [0.9, 0.8, 0.7, 0.6, 0.9, 0.8, 0.7, 0.6].map(|v: f32| v / 4.0);
        for (found, expected) in maps.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{maps:?}");
        }
        let classes = Tensor::new(&[1_u32, 7], &Device::Cpu).unwrap();
        let found = grad_cam_batch(&Bright, &images, "maps", Some(&classes)).unwrap();
        let maps = found.maps.to_vec3::<f32>().unwrap().concat().concat();
        assert!((maps[0] - 0.1 / 4.0).abs() < 1e-6);
        assert_eq!(maps[4..], [0.0; 4]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let images = Tensor::zeros((2, 1, 2, 2), DType::F32, &Device::Cpu).unwrap();
        let refused = |layer: &str, classes: Option<&Tensor>| {
            let found = grad_cam_batch(&Bright, &images, layer, classes);
            found.unwrap_err().to_string()
        };
        assert!(refused("map", None).contains("`map`"));
        assert!(refused("logits", None).contains("no spatial map"));
        let one = Tensor::new(&[1_u32], &Device::Cpu).unwrap();
        assert!(refused("maps", Some(&one)).contains('1'));
        let error = RecordedGradCam::new(&Bright, &images, "maps", None).unwrap_err();
        assert!(error.to_string().contains("CUDA"), "{error}");
    }
}
