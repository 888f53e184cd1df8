//! Whether maps depend on the function and not on its implementation: implementation invariance (Sundararajan et al. 2017), and linearity.

use std::cell::RefCell;
use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use gradcam_map::Grid;
use gradcam_nn::Network;
use gradcam_random::Random;
use serde::Serialize;

use super::blocks::module_of;
use super::images::{Images, predicted};
use super::{Rebuild, Side};
use crate::degenerate::check_pair;
use crate::metrics::{apart, largest, relative};
use crate::statistics::{Grade, Graded, grade_exact};
use crate::{Error, Result, Tally};

/// The differences between two networks that should be the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Twin {
    /// The largest difference of a logit, as a share of the image's largest absolute logit. More than rounding means another function.
    pub logits: f64,
    /// The largest difference of the maps for each image, as a share of the largest absolute value of the first network's map.
    pub maps: Tally,
}

impl Twin {
    /// Returns the largest difference of the maps; 0 if no image has a map.
    pub fn largest(&self) -> f64 {
        largest(self.maps.values())
    }
}

/// Compares the logits and the maps of two networks that compute the same function, such as one with its norms folded
/// (`ModuleTree::folded`) or its channels [permuted]. The class is the first network's prediction.
///
/// # Errors
/// If a network, the loading or an explanation fails, or the maps have different sizes.
pub fn implementation_invariance(
    side: &Side<'_>,
    twin: &Side<'_>,
    images: &Images<'_>,
) -> Result<Twin> {
    let found = images.each(|_, image| {
        let class = predicted(side.network, &image)?;
        let (a, b) = (logits(side.network, &image)?, logits(twin.network, &image)?);
        let map = (side.explain)(side.network, &image, class)?;
        let other = (twin.explain)(twin.network, &image, class)?;
        Ok((relative(&a, &b)?, apart(&map, &other)))
    })?;
    let (logits, maps): (Vec<f64>, Vec<Result<f64>>) = found.into_iter().unzip();
    Ok(Twin {
        logits: largest(logits),
        maps: Tally::collect(maps)?,
    })
}

/// Grades an exact test with the given tolerance (1e-4 leaves room for the rounding of f32). The test is not run if the logits differ by
/// more than the tolerance, or no image has a map.
pub fn twin_test(twin: &Twin, tolerance: f64) -> Graded {
    let not_run = |reason: String| Graded {
        grade: Grade::NotRun,
        reason,
    };
    if twin.logits.is_nan() || twin.logits > tolerance {
        return not_run(format!(
            "the networks are not the same function: their logits differ by {:e}",
            twin.logits
        ));
    }
    if twin.maps.values().is_empty() {
        not_run("no image has a map".to_string())
    } else {
        grade_exact(twin.largest(), tolerance)
    }
}

fn logits(network: &dyn Network, image: &Tensor) -> Result<Vec<f64>> {
    let logits = network.forward(image, &mut ())?.flatten_all()?;
    Ok(logits.to_dtype(DType::F64)?.to_vec1()?)
}

/// Modules whose channels can be reordered together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channels {
    /// Modules with these output channels: a convolution, and the norms after it.
    pub outputs: Vec<String>,
    /// Modules with these input channels.
    pub inputs: Vec<String>,
}

/// Finds the channels between the last convolution and a linear classifier that reads only their averages: the convolution with its norms,
/// and the classifier.
///
/// They are found by the order of the network's outputs and the shapes of its parameters, for inputs of `(channels, height, width)`. If
/// other layers read the channels too, as in a residual sum, a permutation changes the function, which [`Twin::logits`] reveals. `None` if
/// the network does not end like this.
///
/// # Errors
/// If the network refuses the input, or cannot be rebuilt.
pub fn classifier_channels(
    network: &dyn Network,
    rebuild: &Rebuild<'_>,
    input: (usize, usize, usize),
) -> Result<Option<Channels>> {
    let shapes = shapes(rebuild)?;
    let layers = gradcam::layers(network, input)?.layers;
    let mut modules: Vec<&str> = shapes.keys().map(|name| module_of(name)).collect();
    modules.dedup();
    let inside = |layer: &str, module: &str| {
        layer == module
            || layer
                .strip_prefix(module)
                .is_some_and(|rest| rest.starts_with('.'))
    };
    let place = |module: &str| layers.iter().rposition(|layer| inside(&layer.name, module));
    modules.sort_by_key(|module| place(module));
    let weight = |module: &str| shapes.get(&format!("{module}.weight")).map(Vec::as_slice);
    let Some((&classifier, before)) = modules.split_last() else {
        return Ok(None);
    };
    let Some(&[_, channels]) = weight(classifier) else {
        return Ok(None);
    };
    let mut outputs = Vec::new();
    for &module in before.iter().rev() {
        outputs.push(module.to_string());
        match weight(module) {
            Some(&[out, _, _, _]) if out == channels => {
                let inputs = vec![classifier.to_string()];
                return Ok(Some(Channels { outputs, inputs }));
            }
            Some(&[out]) if out == channels => {}
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// Rebuilds the network with some channels in another order, drawn from the seed: the same function if nothing else reads them.
///
/// # Errors
/// If the network cannot be rebuilt, or the modules have different numbers of channels.
pub fn permuted(rebuild: &Rebuild<'_>, channels: &Channels, seed: u64) -> Result<Box<dyn Network>> {
    let shapes = shapes(rebuild)?;
    let first = channels.outputs.first();
    let count = first.and_then(|module| shapes.get(&format!("{module}.weight"))?.first().copied());
    let Some(count) = count else {
        return Err(Error::option(
            "outputs",
            "modules with a weight",
            channels.outputs.join(", "),
        ));
    };
    let order = Random::of_draw(seed, 0).draws(count, count);
    let order: Vec<u32> = order.into_iter().map(|i| i as u32).collect();
    let among = |modules: &[String], name: &str| modules.iter().any(|m| m == module_of(name));
    let change = |name: &str, tensor: &Tensor| {
        let order = Tensor::new(order.as_slice(), tensor.device())?;
        if among(&channels.outputs, name) {
            tensor.index_select(&order, 0)
        } else if among(&channels.inputs, name) && tensor.rank() > 1 {
            tensor.index_select(&order, 1)
        } else {
            Ok(tensor.clone())
        }
    };
    Ok(rebuild(&change)?)
}

/// Returns the shapes of the parameters, running statistics included, by name.
fn shapes(rebuild: &Rebuild<'_>) -> Result<BTreeMap<String, Vec<usize>>> {
    let seen = RefCell::new(BTreeMap::new());
    rebuild(&|name, tensor| {
        seen.borrow_mut()
            .insert(name.to_string(), tensor.dims().to_vec());
        Ok(tensor.clone())
    })?;
    Ok(seen.into_inner())
}

/// Makes a map of a weighted sum of logits.
pub type ExplainSum<'a> = dyn Fn(&[(usize, f32)]) -> Result<Grid> + 'a;

/// Measures how far a map is from linear in the score: the largest difference between the map of `Σ factor · class` and that sum of the
/// classes' maps, as a share of the sum's largest absolute value. `explain` returns the map of a weighted sum of logits.
///
/// Grad-CAM's signed map is linear, because its weights are; after the ReLU it is not.
///
/// # Errors
/// If `explain` fails, or its maps have different sizes; the errors of [`check`](crate::check) for the sum.
pub fn linearity(parts: &[(usize, f32)], explain: &ExplainSum<'_>) -> Result<f64> {
    let whole = explain(parts)?;
    let mut sum = whole.map(|_| 0.0);
    for &(class, factor) in parts {
        let map = explain(&[(class, 1.0)])?;
        check_pair(&whole, &map)?;
        let places = sum.values_mut().iter_mut().zip(map.values());
        places.for_each(|(sum, v)| *sum += factor * v);
    }
    apart(&sum, &whole)
}

#[cfg(test)]
mod tests {
    use super::largest;

    #[test]
    fn a_nan_is_not_lost() {
        assert!(largest([0.1, f64::NAN, 0.2]).is_nan());
        assert_eq!(largest([0.1, 0.3, 0.2]), 0.3);
    }
}
