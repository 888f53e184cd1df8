//! Networks with a score for each class at each position, as in segmentation, explained like classifiers.

use std::fmt;

use candle_core::{Tensor, bail};
use gradcam_map::{Grid, Size};
use gradcam_nn::ops::AdaptiveAvgPool2d;
use gradcam_nn::{Network, Pass, Tokens};

use crate::seen::observation::values;
use crate::{Error, Result};

/// A network with a dense output `(n, classes, height, width)`, restricted to a region. Its logits `(n, classes)` are each class's output
/// summed over the region, so every target and every method applies (Vinogradova et al. 2020, equation 1).
///
/// ```
/// use candle_core::{Device, Result, Tensor};
/// use gradcam::{Dense, Explainer, Target};
/// use gradcam_nn::{Network, Pass};
///
/// /// Two classes: bright pixels and dark ones.
/// struct Brightness;
///
/// impl Network for Brightness {
///     fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
///         pass.tap("maps", Tensor::cat(&[x, &(1.0 - x)?], 1)?)
///     }
/// }
///
/// let picture = Tensor::new(&[[[[0.9_f32, 0.8], [0.1, 0.2]]]], &Device::Cpu)?;
/// let region = gradcam::predicted_region(&Brightness, &picture, 0)?;
/// assert_eq!(region.values(), [1.0, 1.0, 0.0, 0.0]);
/// let heatmap = Explainer::default().at("maps").explain_one(&Dense::new(&Brightness, &region)?, &picture, Target::Index(0))?;
/// assert!((heatmap.target.score - 1.7).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Dense<'a> {
    network: &'a dyn Network,
    /// The weight of each position, `(1, 1, height, width)`, times the number of positions.
    weights: Tensor,
}

/// Shows the shape of the region.
impl fmt::Debug for Dense<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dense")
            .field("region", &self.weights.shape())
            .finish_non_exhaustive()
    }
}

impl<'a> Dense<'a> {
    /// Restricts a network to a `region` of its output's size. The region has the weight of each position: 1 inside and 0 outside.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn new(network: &'a dyn Network, region: &Grid) -> Result<Self> {
        // A sum is an average times the number of positions, and the average goes through the pass.
        let positions = region.size().area() as f32;
        let weights = region.map(|v| v * positions).into_values();
        let shape = (1, 1, region.height(), region.width());
        let weights = Tensor::from_vec(weights, shape, &candle_core::Device::Cpu)?;
        Ok(Dense { network, weights })
    }
}

impl Network for Dense<'_> {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
        let output = self.network.forward(x, pass)?;
        let (_, _, height, width) = output.dims4()?;
        let (_, _, rows, columns) = self.weights.dims4()?;
        if (height, width) != (rows, columns) {
            bail!(
                "the region has {rows} rows and {columns} columns, the network's output {height} and {width}"
            );
        }
        let weights = self.weights.to_device(output.device())?;
        let inside = pass.multiply(&output, &weights.to_dtype(output.dtype())?)?;
        let sums = pass.adaptive_avg_pool(&AdaptiveAvgPool2d::new(1), &inside)?;
        pass.flatten(&sums)
    }
    fn passes_all(&self) -> bool {
        self.network.passes_all()
    }
    fn tokens(&self) -> Option<Tokens> {
        self.network.tokens()
    }
    fn parameters(&self) -> Vec<(String, usize)> {
        self.network.parameters()
    }
}

/// Returns the region where `class` has the largest output of all classes for one image `(1, channels, height, width)`: 1 there, 0
/// elsewhere. Ties go to the smaller index.
///
/// # Errors
/// If the network's output is not `(1, classes, height, width)`, or the class is out of range.
pub fn predicted_region(network: &dyn Network, image: &Tensor, class: usize) -> Result<Grid> {
    let output = network.forward(image, &mut ())?;
    let &[1, classes, height, width] = output.dims() else {
        return Err(Error::NotDense(output.dims().to_vec()));
    };
    if class >= classes {
        return Err(Error::ClassOutOfRange {
            index: class,
            classes,
        });
    }
    let scores = values(&output)?;
    let size = Size::new(height, width)?;
    let positions = size.area();
    Ok(Grid::from_fn(size, |at| {
        let score = |class: usize| scores[class * positions + at];
        let before = (0..class).all(|other| score(other) < score(class));
        let behind = (class + 1..classes).all(|other| score(other) <= score(class));
        f32::from(u8::from(before && behind))
    }))
}
