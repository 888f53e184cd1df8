//! Parameter randomisation, after Adebayo et al. 2018, sections 3.2 and 3.3.

use std::collections::BTreeSet;
use std::fmt;

use candle_core::{Result as Candle, Tensor};
use gradcam_map::Grid;
use gradcam_nn::{Network, Pass};
use serde::Serialize;

use super::blocks::module_of;
use super::images::{ExplainClass, Images, predicted};
use super::likeness::{compare, gathered};
use super::{Block, Likeness, MAP_METRICS, PAIRS, fresh, likeness_of_pairs};
use crate::nulls::permuted_map;
use crate::{Metric, Result};

/// Rebuilds the trained network, passing each of its parameters, running statistics included, through a change that gets its name.
pub type Rebuild<'a> =
    dyn Fn(&dyn Fn(&str, &Tensor) -> Candle<Tensor>) -> Candle<Box<dyn Network>> + 'a;

/// A trained network with its explanation method.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Trained<'a> {
    /// The network.
    pub network: &'a dyn Network,
    /// The function that rebuilds it.
    pub rebuild: &'a Rebuild<'a>,
    /// The method.
    pub explain: &'a ExplainClass<'a>,
}

impl<'a> Trained<'a> {
    /// Takes a network, the function that rebuilds it, and the method.
    pub fn new(
        network: &'a dyn Network,
        rebuild: &'a Rebuild<'a>,
        explain: &'a ExplainClass<'a>,
    ) -> Self {
        Trained {
            network,
            rebuild,
            explain,
        }
    }
}

/// Shows its name alone: neither a network nor a method can be shown.
impl fmt::Debug for Trained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trained").finish_non_exhaustive()
    }
}

/// The blocks that are redrawn in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The block and all blocks before it in the list.
    Cascading,
    /// The block alone.
    Independent,
}

/// How a network is randomised.
#[derive(Debug, Clone, Copy)]
pub struct Protocol<'a> {
    /// The blocks that a step redraws.
    pub order: Order,
    /// One block per step: those of [`blocks`](super::blocks), from the output down.
    pub blocks: &'a [Block],
    /// The similarities of pairs of maps.
    pub metrics: &'a [Metric],
    /// The layer that the method explains, to distinguish the steps that change its activations from those that do not.
    pub layer: Option<&'a str>,
    /// Whether the running statistics of the randomised norms are set to mean 0 and variance 1. The original test leaves them as they are
    /// (TensorFlow's initialiser ran for trainable variables only), so that activations after new kernels are no longer normalised.
    pub reset_statistics: bool,
    /// The seed of the new parameters, the pairs and the resamples.
    pub seed: u64,
}

impl<'a> Protocol<'a> {
    /// Returns the cascade through these blocks by [`MAP_METRICS`], with running statistics unchanged and the seed 0.
    pub fn cascading(blocks: &'a [Block]) -> Self {
        Protocol {
            order: Order::Cascading,
            blocks,
            metrics: &MAP_METRICS,
            layer: None,
            reset_statistics: false,
            seed: 0,
        }
    }
}

/// The similarity of the maps after a step to the trained network's maps.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// The block that this step adds, or changes alone.
    pub block: String,
    /// Whether the activations at the layer change: `false` for blocks after it, of which a class activation map uses only the weights.
    /// Compared on the first image, bit by bit. `None` if no layer was named.
    pub activations_change: Option<bool>,
    /// The maps of the class that the trained network predicts.
    pub fixed: Vec<Likeness>,
    /// The maps of the class that the randomised network itself predicts, as in the original code: a map may differ because the class does.
    pub repicked: Vec<Likeness>,
    /// The share of images for which it predicts the same class, 0 to 1.
    pub same_class: f64,
}

/// The curves of a randomisation, one point per step.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Randomized {
    /// The blocks that a step redraws.
    pub order: Order,
    /// The class that the trained network predicts for each image.
    pub classes: Vec<usize>,
    /// One step per block.
    pub steps: Vec<Step>,
    /// [`PAIRS`] random pairs of the trained network's maps of different images: the similarity to a map of any other image.
    pub random_pairs: Vec<Likeness>,
    /// Each of the trained network's maps with itself in another order of the pixels. The permuted map is not smooth, so this null is
    /// weaker.
    pub permuted: Vec<Likeness>,
}

/// Randomises a network's parameters block by block and compares its maps with those of the trained network, at the input's resolution.
///
/// Each step builds a network and runs all images through it. Only the trained network's map of each image is kept. The result is the same
/// for any number of threads. New parameters come from [`fresh`].
///
/// # Errors
/// If the network cannot be rebuilt, an image cannot be loaded or explained, there is no such layer, or a metric needs more than two maps.
pub fn randomize(
    trained: &Trained<'_>,
    images: &Images<'_>,
    protocol: &Protocol<'_>,
) -> Result<Randomized> {
    let Protocol { metrics, seed, .. } = *protocol;
    let explain = trained.explain;
    let known: Vec<(usize, Grid)> = images.each(|_, image| {
        let class = predicted(trained.network, &image)?;
        Ok((class, explain(trained.network, &image, class)?))
    })?;
    let (classes, maps): (Vec<usize>, Vec<Grid>) = known.into_iter().unzip();
    let before = activations(trained.network, images, protocol.layer)?;
    let mut steps = Vec::with_capacity(protocol.blocks.len());
    for (number, block) in protocol.blocks.iter().enumerate() {
        let drawn = match protocol.order {
            Order::Cascading => &protocol.blocks[..=number],
            Order::Independent => std::slice::from_ref(block),
        };
        let network = randomized(trained.rebuild, drawn, protocol)?;
        let network = network.as_ref();
        let rows = images.each(|i, image| {
            let map = explain(network, &image, classes[i])?;
            let class = predicted(network, &image)?;
            let own = if class == classes[i] {
                map.clone()
            } else {
                explain(network, &image, class)?
            };
            let fixed = compare(metrics, &maps[i], &map);
            Ok((fixed, compare(metrics, &maps[i], &own), class))
        })?;
        let after = activations(network, images, protocol.layer)?;
        let same = rows
            .iter()
            .zip(&classes)
            .filter(|(row, class)| row.2 == **class);
        let same_class = same.count() as f64 / rows.len().max(1) as f64;
        let (fixed, repicked): (Vec<_>, Vec<_>) = rows.into_iter().map(|r| (r.0, r.1)).unzip();
        steps.push(Step {
            block: block.name.clone(),
            activations_change: before.as_ref().map(|before| Some(before) != after.as_ref()),
            fixed: gathered(metrics, fixed, seed)?,
            repicked: gathered(metrics, repicked, seed)?,
            same_class,
        });
    }
    let permuted = maps.iter().enumerate().map(|(i, map)| {
        let other = permuted_map(map, seed.wrapping_add(i as u64));
        compare(metrics, map, &other)
    });
    Ok(Randomized {
        order: protocol.order,
        permuted: gathered(metrics, permuted, seed)?,
        random_pairs: likeness_of_pairs(&maps, metrics, PAIRS, seed)?,
        classes,
        steps,
    })
}

/// Rebuilds the trained network with new parameters in the blocks `drawn`.
fn randomized(
    rebuild: &Rebuild<'_>,
    drawn: &[Block],
    protocol: &Protocol<'_>,
) -> Result<Box<dyn Network>> {
    let names: BTreeSet<&str> = drawn
        .iter()
        .flat_map(|block| block.parameters.iter().map(String::as_str))
        .collect();
    let modules: BTreeSet<&str> = names.iter().map(|name| module_of(name)).collect();
    let statistic = |name: &str| {
        protocol.reset_statistics
            && (name.ends_with(".running_mean") || name.ends_with(".running_var"))
            && modules.contains(module_of(name))
    };
    let change = |name: &str, tensor: &Tensor| {
        if names.contains(name) || statistic(name) {
            fresh(name, tensor, protocol.seed)
        } else {
            Ok(tensor.clone())
        }
    };
    Ok(rebuild(&change)?)
}

/// Returns the activations at a layer for the first image, as bits; `None` without a layer or an image.
fn activations(
    network: &dyn Network,
    images: &Images<'_>,
    layer: Option<&str>,
) -> Result<Option<Vec<u32>>> {
    let Some(layer) = layer.filter(|_| images.count > 0) else {
        return Ok(None);
    };
    let image = (images.load)(0)?;
    let mut seen = Seen { layer, bits: None };
    network.forward(&image, &mut seen)?;
    if seen.bits.is_none() {
        let (_, channels, height, width) = image.dims4()?;
        gradcam::layers(network, (channels, height, width))?.find(layer)?;
    }
    Ok(seen.bits)
}

struct Seen<'a> {
    layer: &'a str,
    bits: Option<Vec<u32>>,
}

impl Pass for Seen<'_> {
    fn wants(&self, name: &str) -> bool {
        name == self.layer
    }
    fn tap(&mut self, name: &str, x: Tensor) -> Candle<Tensor> {
        if name == self.layer {
            let values = x.flatten_all()?.to_dtype(candle_core::DType::F32)?;
            let values: Vec<f32> = values.to_vec1()?;
            self.bits = Some(values.into_iter().map(f32::to_bits).collect());
        }
        Ok(x)
    }
}
