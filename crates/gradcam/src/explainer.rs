//! From a network, images and targets to heat maps.

use candle_core::{DType, Device, Tensor};
use gradcam_nn::Network;
use rayon::prelude::*;

use crate::class_activation::{Features, Subject, signed_map};
use crate::heatmap::{Heatmap, LayerMap, Verdict};
use crate::record::Record;
use crate::target::{Explained, Target, classes, probabilities};
use crate::tokens::map;
use crate::{Error, Grid, Interpolation, Method, Result, layers};

/// How the maps of several layers become one; each is divided by its largest value first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fusion {
    /// The average at each pixel.
    #[default]
    Mean,
    /// The largest value at each pixel.
    Max,
}

/// A method with what it is applied to and how its map is presented.
///
/// The default is Grad-CAM (Selvaraju et al. 2017): with the activations `A` of a layer and a score `y` before the softmax, the weight of
/// channel `k` is the gradient averaged over the `Z` positions (equation 1), and the map is the positive part of the weighted sum
/// (equation 2):
///
/// ```text
/// a_k = 1/Z Σ_ij ∂y/∂A_kij        L = ReLU(Σ_k a_k A_k)
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Explainer {
    /// How the signed map is made.
    pub method: Method,
    /// The layers to look at; none for the last one with a spatial map before global pooling. Several are fused.
    pub layers: Vec<String>,
    /// How the map is brought to the size of the input.
    pub interpolation: Interpolation,
    /// Whether negative evidence is removed, as the papers do.
    pub relu: bool,
    /// Negates the score, so that the map shows what speaks against it (Selvaraju et al. 2017, section 3.3).
    pub counterfactual: bool,
    /// How several layers become one map.
    pub fusion: Fusion,
}

impl Default for Explainer {
    fn default() -> Self {
        Explainer {
            method: Method::default(),
            layers: Vec::new(),
            interpolation: Interpolation::default(),
            relu: true,
            counterfactual: false,
            fusion: Fusion::default(),
        }
    }
}

impl Explainer {
    /// Grad-CAM at one layer; another method is put in by `Explainer { method, ..Explainer::at(layer) }`.
    pub fn at(layer: impl Into<String>) -> Self {
        Explainer {
            layers: vec![layer.into()],
            ..Explainer::default()
        }
    }

    /// Explains one image `(1, channels, height, width)`.
    ///
    /// # Errors
    /// As [`explain`](Explainer::explain).
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

    /// Explains a batch `(n, channels, height, width)`: for each image a list of targets, and for each target a map.
    ///
    /// One forward serves an image, and each of its targets costs one backward of the head. On a CPU the images are spread over the cores;
    /// elsewhere they go through the network together.
    /// An image's maps do not depend on the others in its batch.
    ///
    /// # Errors
    /// When a layer does not exist, is given twice or has no spatial map, a class is out of range, the method does not suit the network or
    /// the target, or the shapes do not fit.
    pub fn explain(
        &self,
        network: &dyn Network,
        images: &Tensor,
        targets: &[Vec<Target>],
    ) -> Result<Vec<Vec<Heatmap>>> {
        let &[batch, channels, height, width] = images.dims() else {
            return Err(Error::Input(images.dims().to_vec()));
        };
        if targets.len() != batch {
            return Err(Error::Targets {
                images: batch,
                found: targets.len(),
            });
        }
        if self.counterfactual && !self.method.knows_target() {
            return Err(Error::NoCounterfactual(self.method.name()));
        }
        let names = if self.layers.is_empty() {
            let found = layers(network, (channels, height, width))?;
            vec![found.automatic()?.name.clone()]
        } else {
            self.layers.clone()
        };
        if let Some(name) =
            (1..names.len()).find_map(|i| names[..i].iter().find(|n| **n == names[i]))
        {
            return Err(Error::RepeatedLayer(name.clone()));
        }
        if batch < 2 || !images.device().is_cpu() {
            return self.explain_together(network, images, targets, &names);
        }
        // The activations of one image stay in the caches where those of a batch would not, and no core waits for another.
        let each: Vec<_> = (0..batch)
            .into_par_iter()
            .with_max_len(1)
            .map(|i| {
                let image = images.narrow(0, i, 1)?;
                self.explain_together(network, &image, &targets[i..=i], &names)
            })
            .collect();
        let mut maps = Vec::with_capacity(batch);
        for image in each {
            maps.extend(image?);
        }
        Ok(maps)
    }

    /// Explains a batch at the layers `names` with one forward and, for each round of targets, one backward.
    fn explain_together(
        &self,
        network: &dyn Network,
        images: &Tensor,
        targets: &[Vec<Target>],
        names: &[String],
    ) -> Result<Vec<Vec<Heatmap>>> {
        let (batch, channels, height, width) = images.dims4()?;
        let size = (height, width);
        let record = Record::at(network, images, names)?;
        let mut activations = Vec::with_capacity(names.len());
        for (name, found) in names.iter().zip(record.activations()) {
            let Some(found) = found else {
                layers(network, (channels, height, width))?.find(name)?;
                return Err(Error::UnknownLayer {
                    name: name.clone(),
                    nearest: Vec::new(),
                });
            };
            let found = map(found, network.tokens(), size)?;
            activations.push(activation(name, &found, batch)?);
        }
        let logits = rows(&record.output, batch)?;

        let mut maps: Vec<Vec<Heatmap>> = targets.iter().map(|_| Vec::new()).collect();
        for round in 0..targets.iter().map(Vec::len).max().unwrap_or(0) {
            let (mut total, explained) = scores(&record.output, &logits, targets, round)?;
            if self.counterfactual {
                total = total.neg()?;
            }
            let gradients = match self.method.needs_gradient() {
                true => record.gradients(&total)?,
                false => Vec::new(),
            };
            let gradients = activations
                .iter()
                .enumerate()
                .map(|(layer, activation)| match gradients.get(layer) {
                    Some(Some(gradient)) => values(&map(gradient, network.tokens(), size)?),
                    // The score does not depend on the layer.
                    Some(None) => Ok(vec![0.0; activation.values.len()]),
                    None => Ok(Vec::new()),
                })
                .collect::<Result<Vec<_>>>()?;
            for (image, explained) in explained.into_iter().enumerate() {
                let Some(explained) = explained else { continue };
                let mut layers = Vec::with_capacity(names.len());
                for ((name, activation), gradient) in names.iter().zip(&activations).zip(&gradients)
                {
                    let features = activation.of(image, gradient);
                    let subject = Subject {
                        network,
                        image: &images.narrow(0, image, 1)?,
                        target: &targets[image][round],
                        logits: &logits[image],
                        layer: name,
                        sign: if self.counterfactual { -1.0 } else { 1.0 },
                    };
                    let raw = signed_map(&self.method, features, &subject)?;
                    layers.push((name.as_str(), raw, features.gradient));
                }
                maps[image].push(self.heatmap(layers, explained, &logits[image], size));
            }
        }
        Ok(maps)
    }

    /// Puts one image's explanation together from the signed map and the gradient of each layer.
    fn heatmap(
        &self,
        layers: Vec<(&str, Grid, &[f32])>,
        target: Explained,
        logits: &[f32],
        size: (usize, usize),
    ) -> Heatmap {
        let mut verdicts = Vec::with_capacity(layers.len());
        let layers: Vec<LayerMap> = layers
            .into_iter()
            .map(|(name, raw, gradient)| {
                verdicts.push(Verdict::of(&raw, gradient, logits, &target));
                let map = if self.relu { raw.relu() } else { raw.clone() };
                let layer = name.to_string();
                LayerMap { layer, raw, map }
            })
            .collect();
        // One good layer makes the fused map worth looking at, one that is not finite spoils it.
        let verdict = [Verdict::NonFinite, Verdict::Ok]
            .into_iter()
            .find(|verdict| verdicts.contains(verdict))
            .unwrap_or(verdicts[0]);
        Heatmap {
            upsampled: self.upsample(&layers, size),
            layers,
            target,
            logits: logits.to_vec(),
            verdict,
        }
    }

    /// The maps of one image's layers as one map of any size, for a picture larger than the input.
    ///
    /// One layer keeps its units; several are divided by their maxima and fused. Kernels that overshoot do not bring back negative values
    /// that the ReLU removed.
    pub fn upsample(&self, layers: &[LayerMap], (height, width): (usize, usize)) -> Grid {
        let one = |map: &Grid| {
            let map = self.interpolation.resize(map, height, width);
            if self.relu { map.relu() } else { map }
        };
        if let [layer] = layers {
            return one(&layer.map);
        }
        let maps: Vec<Grid> = layers
            .iter()
            .map(|layer| one(&layer.map).scaled())
            .collect();
        let values = (0..height * width)
            .map(|i| {
                let values = maps.iter().map(|map| map.values[i]);
                match self.fusion {
                    Fusion::Mean => values.sum::<f32>() / maps.len() as f32,
                    Fusion::Max => values.fold(f32::NEG_INFINITY, f32::max),
                }
            })
            .collect();
        Grid {
            height,
            width,
            values,
        }
    }
}

/// The activations of a layer for the whole batch.
struct Activation {
    values: Vec<f32>,
    /// Values of one image.
    per_image: usize,
    size: (usize, usize),
}

impl Activation {
    /// The activations of one image, and its part of `gradient`, which may be empty.
    fn of<'a>(&'a self, image: usize, gradient: &'a [f32]) -> Features<'a> {
        let range = image * self.per_image..(image + 1) * self.per_image;
        Features {
            activation: &self.values[range.clone()],
            gradient: gradient.get(range).unwrap_or_default(),
            size: self.size,
        }
    }
}

fn activation(name: &str, found: &Tensor, batch: usize) -> Result<Activation> {
    match *found.dims() {
        [n, c, h, w] if n == batch && h * w > 1 => Ok(Activation {
            values: values(found)?,
            per_image: c * h * w,
            size: (h, w),
        }),
        ref dims => Err(Error::NotSpatial {
            name: name.to_string(),
            shape: dims.get(1..).unwrap_or_default().to_vec(),
        }),
    }
}

/// A tensor's values in reading order.
fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1::<f32>()?)
}

/// The logits of each image.
pub(crate) fn rows(output: &Tensor, batch: usize) -> Result<Vec<Vec<f32>>> {
    match *output.dims() {
        [n, classes] if n == batch && classes > 0 => {
            Ok(output.to_dtype(DType::F32)?.to_vec2::<f32>()?)
        }
        ref dims => Err(Error::Logits {
            batch,
            shape: dims.to_vec(),
        }),
    }
}

/// The sum over the batch of every image's target number `round`, and what that target is for each image.
///
/// The images of a batch do not see each other, so the gradient of the sum is that of each image's own score.
pub(crate) fn scores(
    output: &Tensor,
    logits: &[Vec<f32>],
    targets: &[Vec<Target>],
    round: usize,
) -> Result<(Tensor, Vec<Option<Explained>>)> {
    let width = logits.first().map_or(0, Vec::len);
    let mut weights = vec![0.0_f32; logits.len() * width];
    let mut own = Vec::new();
    let mut explained = Vec::with_capacity(logits.len());
    for (image, row) in logits.iter().enumerate() {
        let Some(target) = targets[image].get(round) else {
            explained.push(None);
            continue;
        };
        let parts = classes(target, row)?;
        let score = match (&parts, target) {
            (None, Target::Score(f)) => {
                let score = f(&output.get(image)?)?;
                if score.elem_count() != 1 {
                    return Err(Error::Score(score.dims().to_vec()));
                }
                let score = score.flatten_all()?.get(0)?;
                own.push(score.clone());
                score.to_dtype(DType::F32)?.to_scalar::<f32>()?
            }
            _ => {
                let parts = parts.as_deref().unwrap_or_default();
                for &(index, sign) in parts {
                    weights[image * width + index] += sign;
                }
                parts.iter().map(|&(i, sign)| row[i] * sign).sum()
            }
        };
        let class = |n: usize| parts.as_ref().and_then(|p| p.get(n)).map(|&(i, _)| i);
        explained.push(Some(Explained {
            index: class(0),
            against: class(1),
            score,
            logit: class(0).map(|i| row[i]),
            probability: class(0).map(|i| probabilities(row)[i]),
        }));
    }
    let weights = Tensor::from_vec(weights, (logits.len(), width), &Device::Cpu)?
        .to_device(output.device())?
        .to_dtype(output.dtype())?;
    let mut total = (output * weights)?.sum_all()?;
    for score in own {
        total = (total + score)?;
    }
    Ok((total, explained))
}
