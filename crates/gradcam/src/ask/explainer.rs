//! From a network, images and targets to heat maps.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use candle_core::Tensor;
use gradcam_map::{Grid, Interpolation, Size};
use gradcam_nn::Network;
use rayon::prelude::*;

use crate::ask::heatmap::{Heatmap, LayerMap, Verdict};
use crate::methods::baseline::Inputs;
use crate::saliency::{Saliency, SignedMap, Source, Subject};
use crate::seen::layers::{blank, layers_for};
use crate::seen::observation::{Observation, Place, Score, Taken};
use crate::target::{Explained, Target};
use crate::{Error, Method, Result};

/// How the maps of several layers are fused; each is divided by its largest value first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Fusion {
    /// The average at each pixel.
    #[default]
    Mean,
    /// The largest value at each pixel.
    Max,
    /// The largest value at each pixel, after `tanh(2 v)` at layers whose map is finer than the coarsest. LayerCAM lifts its shallow layers
    /// this way (Jiang et al. 2021, eq. 9), torch-cam all layers. If all maps have one size, this is [`Max`](Fusion::Max).
    Tanh,
}

impl Fusion {
    /// All choices.
    pub const ALL: &'static [Fusion] = &[Fusion::Mean, Fusion::Max, Fusion::Tanh];

    /// Returns the name.
    pub fn name(self) -> &'static str {
        match self {
            Fusion::Mean => "mean",
            Fusion::Max => "max",
            Fusion::Tanh => "tanh",
        }
    }

    /// Describes the fusion in one line.
    pub fn description(self) -> &'static str {
        match self {
            Fusion::Mean => "The average",
            Fusion::Max => "The maximum",
            Fusion::Tanh => {
                "The maximum, after tanh(2 v) at layers finer than the coarsest (LayerCAM)"
            }
        }
    }
}

impl fmt::Display for Fusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fusion {
    type Err = Error;

    /// # Errors
    /// [`Error::UnknownFusion`].
    fn from_str(text: &str) -> Result<Self> {
        let found = Fusion::ALL.iter().find(|fusion| fusion.name() == text);
        found
            .copied()
            .ok_or_else(|| Error::UnknownFusion(text.to_string()))
    }
}

/// A method, the layers it is applied to, and the presentation of its map.
///
/// The default is Grad-CAM (Selvaraju et al. 2017). `A` are the activations of a layer, `y` is a score before the softmax. The weight of
/// channel `k` is the gradient averaged over the `Z` positions (equation 1), and the map is the positive part of the weighted sum (equation
/// 2):
///
/// ```text
/// a_k = 1/Z Σ_ij ∂y/∂A_kij        L = ReLU(Σ_k a_k A_k)
/// ```
#[derive(Debug, Clone)]
pub struct Explainer<M = Method> {
    /// The method that makes the signed map.
    pub method: M,
    /// The layers to explain; if empty, the last one with a spatial map before global pooling. Several are fused. A method that works on
    /// the pixels takes none.
    pub layers: Vec<String>,
    /// How the map is resized to the input.
    pub interpolation: Interpolation,
    /// Whether negative evidence is removed, as in the papers.
    pub relu: bool,
    /// Negates the score, so that the map shows the evidence against it (Selvaraju et al. 2017, section 3.3). Refused if the method ignores
    /// the target or its map has no sign.
    pub counterfactual: bool,
    /// How the maps of several layers are fused.
    pub fusion: Fusion,
    /// A description of the network's inputs, for methods that compare with other images.
    pub inputs: Inputs,
    /// The most forward passes that a sampling method may spend; it takes at least one sample.
    pub budget: Option<usize>,
    /// The standard error at which RISE, LIME and Kernel SHAP may stop sampling, as a fraction of the map's range.
    pub tolerance: Option<f64>,
}

impl Default for Explainer {
    fn default() -> Self {
        Explainer::of(Method::default())
    }
}

impl<M: Saliency> Explainer<M> {
    /// Makes an explainer of a method at the default layer, or at the pixels.
    ///
    /// ```
    /// use gradcam::methods::Lrp;
    /// use gradcam::{Explainer, Method};
    ///
    /// // Every method of a list may be given a layer.
    /// let methods = [Method::GradCam, Method::Lrp(Lrp::default())];
    /// let [cam, lrp] = methods.map(|method| Explainer::of(method).at("layer4"));
    /// assert_eq!(cam.layers, ["layer4"]);
    /// // LRP works on the pixels.
    /// assert!(lrp.layers.is_empty());
    /// ```
    pub fn of(method: M) -> Self {
        Explainer {
            method,
            layers: Vec::new(),
            interpolation: Interpolation::default(),
            relu: true,
            counterfactual: false,
            fusion: Fusion::default(),
            inputs: Inputs::default(),
            budget: None,
            tolerance: None,
        }
    }

    /// Adds this layer. A method that works on the pixels ignores it, so that all methods of a list can be treated alike. For such a
    /// method, a layer put into [`layers`](Explainer::layers) by hand is refused.
    pub fn at(mut self, layer: impl Into<String>) -> Self {
        if self.method.source() == Source::Layer {
            self.layers.push(layer.into());
        }
        self
    }

    /// Adds these layers, as [`at`](Explainer::at) does.
    pub fn at_each<L: Into<String>>(self, layers: impl IntoIterator<Item = L>) -> Self {
        layers.into_iter().fold(self, Self::at)
    }

    /// Sets how the map is resized to the input.
    pub fn interpolation(mut self, interpolation: Interpolation) -> Self {
        self.interpolation = interpolation;
        self
    }

    /// Keeps negative evidence.
    pub fn signed(mut self) -> Self {
        self.relu = false;
        self
    }

    /// Shows the evidence against the score (Selvaraju et al. 2017, section 3.3).
    pub fn counterfactual(mut self) -> Self {
        self.counterfactual = true;
        self
    }

    /// Sets how the maps of several layers are fused.
    pub fn fusion(mut self, fusion: Fusion) -> Self {
        self.fusion = fusion;
        self
    }

    /// Describes the network's inputs.
    pub fn inputs(mut self, inputs: Inputs) -> Self {
        self.inputs = inputs;
        self
    }

    /// Limits the forward passes of a sampling method; it takes at least one sample.
    pub fn budget(mut self, forwards: usize) -> Self {
        self.budget = Some(forwards);
        self
    }

    /// Stops RISE, LIME and Kernel SHAP at this standard error, as a fraction of the map's range.
    pub fn tolerance(mut self, share: f64) -> Self {
        self.tolerance = Some(share);
        self
    }

    /// Explains one image `(1, channels, height, width)`.
    ///
    /// # Errors
    /// As for [`explain`](Explainer::explain).
    pub fn explain_one(
        &self,
        network: &dyn Network,
        image: &Tensor,
        target: Target,
    ) -> Result<Heatmap> {
        let maps = self.explain(network, image, &[vec![target]])?;
        maps.into_iter()
            .flatten()
            .next()
            .ok_or_else(|| Error::Input(image.dims().to_vec()))
    }

    /// Explains a batch `(n, channels, height, width)`. `targets` has a list for each image; the result has a map for each target.
    ///
    /// One forward pass serves an image, and each of its targets costs one backward pass of the head. On a CPU, the images are spread over
    /// the cores; elsewhere, they go through the network together. An image's maps do not depend on the others in its batch.
    ///
    /// # Errors
    /// If a layer does not exist, is given twice or has no spatial map, a class is out of range, the method does not suit the network or
    /// the target, or the shapes do not match.
    ///
    /// ```
    /// use gradcam::{Explainer, Target};
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
    /// let targets = [vec![Target::Index(0), Target::Index(1)]];
    /// let maps = Explainer::default().at("maps").explain(&Sum, &picture, &targets)?;
    /// assert_eq!(maps[0][0].raw().max(), 2.0);
    /// assert_eq!(maps[0][1].raw().max(), 4.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn explain(
        &self,
        network: &dyn Network,
        images: &Tensor,
        targets: &[Vec<Target>],
    ) -> Result<Vec<Vec<Heatmap>>> {
        let &[batch, _, _, _] = images.dims() else {
            return Err(Error::Input(images.dims().to_vec()));
        };
        if targets.len() != batch {
            return Err(Error::Targets {
                images: batch,
                found: targets.len(),
            });
        }
        let place = self.place(network, images)?;
        if batch < 2 || !images.device().is_cpu() {
            let observation = Observation::new(network, images, place)?;
            return self.explain_observed(&observation, targets, &mut Vec::new());
        }
        // The activations of one image stay in the caches, unlike those of a batch, and no core waits for another.
        let each: Vec<_> = (0..batch)
            .into_par_iter()
            .with_max_len(1)
            .map(|i| {
                let image = images.narrow(0, i, 1)?;
                let observation = Observation::new(network, &image, place.clone())?;
                self.explain_observed(&observation, &targets[i..=i], &mut Vec::new())
            })
            .collect();
        let mut maps = Vec::with_capacity(batch);
        for image in each {
            maps.extend(image?);
        }
        Ok(maps)
    }

    /// Refuses requests that fail for every image, by shapes alone: invalid options, layers that the network lacks or that are not maps, a
    /// method that does not suit the network. `input` is `(channels, height, width)` of the network's inputs. A network that computes
    /// outside the pass runs, on an input of `f32` on the CPU.
    ///
    /// # Errors
    /// The first reason found.
    pub fn check(&self, network: &dyn Network, input: (usize, usize, usize)) -> Result<()> {
        let image = blank(input)?;
        let place = self.place(network, &image)?;
        let Place::Layers(names) = &place else {
            return self.method.suits(network, &image, &[]);
        };
        let known = layers_for(network, &image)?;
        for name in names {
            let layer = known.find(name)?;
            if !layer.is_spatial() {
                return Err(Error::NotSpatial {
                    name: layer.name.clone(),
                    shape: layer.shape.clone(),
                });
            }
        }
        self.method.suits(network, &image, &place.names())
    }

    /// Returns -1 for the evidence against the target, otherwise 1.
    fn sign(&self) -> f64 {
        if self.counterfactual { -1.0 } else { 1.0 }
    }

    /// Refuses options that are invalid for every picture, before any is read; with `size`, for inputs of this size.
    ///
    /// # Errors
    /// For an option out of its range, a counterfactual if the method ignores the target or its map has no sign, a layer for a method that
    /// works on the pixels, a repeated layer, and a custom baseline without a background.
    pub fn check_options(&self, size: Option<Size>) -> Result<()> {
        let method = &self.method;
        method.check_inputs(size, &self.inputs)?;
        if self.counterfactual && !method.knows_target() {
            return Err(Error::NoCounterfactual(method.name().to_string()));
        }
        if self.counterfactual && !method.is_signed() {
            return Err(Error::Unsigned(method.name().to_string()));
        }
        if method.source() == Source::Pixels && !self.layers.is_empty() {
            return Err(Error::NoLayer(method.name().to_string()));
        }
        let layers = &self.layers;
        match (1..layers.len()).find(|&i| layers[..i].contains(&layers[i])) {
            Some(i) => Err(Error::RepeatedLayer(layers[i].clone())),
            None => Ok(()),
        }
    }

    /// Returns the place that the method works on, if the request is valid.
    fn place(&self, network: &dyn Network, images: &Tensor) -> Result<Place> {
        let (_, _, height, width) = images.dims4()?;
        self.check_options(Some(Size::new(height, width)?))?;
        let method = &self.method;
        let looks = (method.source(), method.needs_gradient());
        Place::of(network, images, looks, &self.layers)
    }

    /// Explains a batch that has been through the network. Each round of targets takes one backward pass, which is added to `passes`.
    fn explain_observed(
        &self,
        observation: &Observation<'_>,
        targets: &[Vec<Target>],
        passes: &mut Vec<Taken>,
    ) -> Result<Vec<Vec<Heatmap>>> {
        let Observation { output, logits, .. } = observation;
        let mut maps: Vec<Vec<Heatmap>> = targets.iter().map(|_| Vec::new()).collect();
        for round in 0..targets.iter().map(Vec::len).max().unwrap_or(0) {
            let mut asked = Vec::with_capacity(targets.len());
            let mut objectives = Vec::with_capacity(targets.len());
            for (targets, logits) in targets.iter().zip(logits) {
                let target = targets.get(round).map(|t| t.resolved(logits)).transpose()?;
                let objective = match &target {
                    Some(target) => self.method.objective(target, logits)?,
                    None => None,
                };
                objectives.push(objective.or_else(|| target.clone()));
                asked.push(target);
            }
            let gradients = if self.method.needs_gradient() {
                let score = Score::of(output, logits, &objectives)?;
                let taken = observation.taken(&score.signed(self.sign())?)?;
                passes.push(taken.clone());
                taken.gradients
            } else {
                Default::default()
            };
            for (image, target) in asked.iter().enumerate() {
                let Some(target) = target else { continue };
                let map = self.heatmap(observation, image, target, &gradients)?;
                maps[image].push(map);
            }
        }
        Ok(maps)
    }

    /// Makes one image's explanation from the signed map at each place.
    fn heatmap(
        &self,
        observation: &Observation<'_>,
        image: usize,
        target: &Target,
        gradients: &[Vec<f32>],
    ) -> Result<Heatmap> {
        let logits = &observation.logits[image];
        let explained = Explained::of(target, logits)?;
        let images = observation.images;
        let (_, _, height, width) = images.dims4()?;
        let size = Size::new(height, width)?;
        let mut verdicts = Vec::new();
        let mut layers = Vec::new();
        for (place, name) in observation.place.names().into_iter().enumerate() {
            let features = observation.features(place, image, gradients);
            let SignedMap {
                map: raw,
                error,
                measures,
            } = self.method.signed_map(&Subject {
                network: observation.network,
                image: &images.narrow(0, image, 1)?,
                target,
                sign: self.sign(),
                logits,
                layer: name,
                features,
                inputs: &self.inputs,
                budget: self.budget,
                tolerance: self.tolerance,
            })?;
            let gradient = self.method.takes_backward().then_some(features.gradient);
            verdicts.push(Verdict::of(&raw, &measures, gradient, logits, &explained));
            layers.push(LayerMap {
                layer: name.to_string(),
                map: if self.relu { raw.relu() } else { raw.clone() },
                raw,
                error,
                measures,
            });
        }
        // One good layer makes the fused map useful; one that is not finite spoils it.
        let verdict = [Verdict::NonFinite, Verdict::Ok]
            .into_iter()
            .find(|verdict| verdicts.contains(verdict))
            .unwrap_or(verdicts[0]);
        Ok(Heatmap {
            upsampled: self.upsample(&layers, size),
            layers,
            target: explained,
            logits: logits.clone(),
            verdict,
        })
    }

    /// Makes one map of any size from the maps of one image's layers, for a picture larger than the input.
    ///
    /// One layer keeps its units; several are divided by their maxima and fused. Kernels that overshoot do not bring back negative values
    /// that the ReLU removed.
    pub fn upsample(&self, layers: &[LayerMap], size: Size) -> Grid {
        let one = |map: &Grid| {
            let map = self.interpolation.resize(map, size);
            if self.relu { map.relu() } else { map }
        };
        if let [layer] = layers {
            return one(&layer.map);
        }
        let maps: Vec<Grid> = layers
            .iter()
            .map(|layer| one(&layer.map).scaled())
            .collect();
        let positions = |layer: &LayerMap| layer.map.size().area();
        let coarsest = layers.iter().map(positions).min();
        let lifted = |layer: usize, v: f32| {
            if Some(positions(&layers[layer])) == coarsest {
                v
            } else {
                (2.0 * v).tanh()
            }
        };
        Grid::from_fn(size, |i| {
            let values = maps.iter().map(|map| map.values()[i]);
            match self.fusion {
                Fusion::Mean => values.sum::<f32>() / maps.len() as f32,
                Fusion::Max => values.fold(f32::NEG_INFINITY, f32::max),
                Fusion::Tanh => {
                    let lifted = values.enumerate().map(|(layer, v)| lifted(layer, v));
                    lifted.fold(f32::NEG_INFINITY, f32::max)
                }
            }
        })
    }
}

/// The cost of a map, apart from passes that other maps may share.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Cost {
    /// The time spent on this map alone.
    pub own: Duration,
    /// The forward pass to the place that the method works on, and the backward pass there if it needs one, whichever map needed them
    /// first.
    pub passes: Vec<PassCost>,
}

/// One pass through the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PassCost {
    /// The index of the place, in the order of first use, and 0 for the forward pass there or the number of the backward pass. Maps with
    /// the same value share the pass.
    pub pass: (usize, usize),
    /// Its duration.
    pub time: Duration,
}

/// Explains one image, `(1, channels, height, width)`, by several methods, and passes each map with its cost to `visit`.
///
/// Methods that work on the same place share the forward pass, and those that need the same gradient also the backward pass. A method that
/// cannot be applied does not stop the others.
///
/// # Errors
/// If `visit` fails.
///
/// ```
/// use gradcam::{Explainer, Method, Target, explain_each};
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
/// let explainers = [Method::GradCam, Method::HiResCam].map(Explainer::of);
/// let mut strongest = Vec::new();
/// explain_each(&explainers, &Sum, &picture, &Target::Index(1), |_, found, _| {
///     strongest.push(found?.raw().argmax());
///     Ok::<_, gradcam::Error>(())
/// })?;
/// assert_eq!(strongest, [Some((0, 1)); 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain_each<M: Saliency, E>(
    explainers: &[Explainer<M>],
    network: &dyn Network,
    image: &Tensor,
    target: &Target,
    mut visit: impl FnMut(usize, Result<Heatmap>, Cost) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let mut seen: Vec<Observation<'_>> = Vec::new();
    for (index, explainer) in explainers.iter().enumerate() {
        let start = Instant::now();
        let mut spent = Spent::default();
        let map = explain_shared(explainer, network, image, target, &mut seen, &mut spent);
        let cost = Cost {
            own: start.elapsed().saturating_sub(spent.made),
            passes: spent.passes,
        };
        visit(index, map, cost)?;
    }
    Ok(())
}

/// The passes that a map needed.
#[derive(Default)]
struct Spent {
    passes: Vec<PassCost>,
    /// The time of the passes made for this map because no earlier map had needed them.
    made: Duration,
}

/// Explains one image: reuses an observation, or makes one and adds it to `seen`.
fn explain_shared<'a, M: Saliency>(
    explainer: &Explainer<M>,
    network: &'a dyn Network,
    image: &'a Tensor,
    target: &Target,
    seen: &mut Vec<Observation<'a>>,
    spent: &mut Spent,
) -> Result<Heatmap> {
    let &[1, _, _, _] = image.dims() else {
        return Err(Error::Input(image.dims().to_vec()));
    };
    let place = explainer.place(network, image)?;
    let index = match seen.iter().position(|o| o.place == place) {
        Some(index) => index,
        None => {
            let observation = Observation::new(network, image, place)?;
            spent.made += observation.time;
            seen.push(observation);
            seen.len() - 1
        }
    };
    let mut taken = Vec::new();
    let maps = explainer.explain_observed(&seen[index], &[vec![target.clone()]], &mut taken);
    spent.passes.push(PassCost {
        pass: (index, 0),
        time: seen[index].time,
    });
    for taken in taken.iter().filter(|taken| taken.pass > 0) {
        spent.passes.push(PassCost {
            pass: (index, taken.pass),
            time: taken.time,
        });
        if taken.new {
            spent.made += taken.time;
        }
    }
    maps?
        .pop()
        .and_then(|mut maps| maps.pop())
        .ok_or_else(|| Error::Input(image.dims().to_vec()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_fusion_has_one_name() {
        for fusion in Fusion::ALL {
            assert_eq!(fusion.to_string().parse::<Fusion>().unwrap(), *fusion);
        }
        let error = "sum".parse::<Fusion>().unwrap_err().to_string();
        for fusion in Fusion::ALL {
            assert!(error.contains(&format!("`{fusion}`")), "{error}");
        }
    }
}
