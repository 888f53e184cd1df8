//! The observation of a batch: one forward pass, and the gradients taken from it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use candle_core::{DType, Device, Tensor};
use gradcam_map::Size;
use gradcam_nn::Network;

use crate::saliency::Features;
use crate::saliency::Source;
use crate::seen::layers::layers_for;
use crate::seen::record::Record;
use crate::seen::tokens;
use crate::target::{Target, function};
use crate::{Error, Result};

/// The place whose features are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// These layers.
    Layers(Vec<String>),
    /// The pixels, with or without a gradient.
    Pixels { gradient: bool },
}

impl Place {
    /// Returns the place for a method with this `source`: `named` layers, or the default one.
    pub(crate) fn of(
        network: &dyn Network,
        images: &Tensor,
        (source, gradient): (Source, bool),
        named: &[String],
    ) -> Result<Self> {
        if source == Source::Pixels {
            return Ok(Place::Pixels { gradient });
        }
        if named.is_empty() {
            let found = layers_for(network, images)?;
            return Ok(Place::Layers(vec![found.automatic()?.name.clone()]));
        }
        Ok(Place::Layers(named.to_vec()))
    }

    /// Returns the paths of the places.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Place::Layers(names) => names.iter().map(String::as_str).collect(),
            Place::Pixels { .. } => vec!["input"],
        }
    }
}

/// Gradients that are kept: methods requested together need that of the class and of a few other sums.
const KNOWN: usize = 3;

/// One forward pass of a batch.
pub(crate) struct Observation<'a> {
    pub(crate) network: &'a dyn Network,
    pub(crate) images: &'a Tensor,
    pub(crate) place: Place,
    pub(crate) output: Tensor,
    /// The logits of each image.
    pub(crate) logits: Vec<Vec<f32>>,
    activations: Vec<Activation>,
    record: Option<Record>,
    /// The duration of the forward pass.
    pub(crate) time: Duration,
    gradients: Mutex<Known>,
}

/// The gradients at each place, for the whole batch.
type Gradients = std::sync::Arc<Vec<Vec<f32>>>;

/// The last gradients of weighted sums of logits, each with the weights.
#[derive(Default)]
struct Known {
    kept: Vec<(Vec<f32>, Taken)>,
    /// Number of backward passes so far.
    passes: usize,
}

/// Gradients, and the backward pass that they come from.
#[derive(Clone, Default)]
pub(crate) struct Taken {
    pub(crate) gradients: Gradients,
    /// The pass, counted from 1; 0 if there was none.
    pub(crate) pass: usize,
    pub(crate) time: Duration,
    /// Whether the pass was made for this request; otherwise it was known.
    pub(crate) new: bool,
}

/// The activations of a place for the whole batch.
struct Activation {
    values: Vec<f32>,
    /// Number of values of one image.
    per_image: usize,
    size: Size,
}

impl<'a> Observation<'a> {
    pub(crate) fn new(network: &'a dyn Network, images: &'a Tensor, place: Place) -> Result<Self> {
        let start = Instant::now();
        let (batch, _, height, width) = images.dims4()?;
        let record = match &place {
            Place::Layers(names) => Some(Record::at(network, images, names)?),
            Place::Pixels { gradient: true } => Some(Record::from_input(network, images)?),
            Place::Pixels { gradient: false } => None,
        };
        let pixels = [Some(images)];
        let (output, found) = match &record {
            Some(record) => (record.output.clone(), record.activations()),
            None => (network.forward(images, &mut ())?, pixels.to_vec()),
        };
        let mut activations = Vec::with_capacity(found.len());
        for (name, found) in place.names().into_iter().zip(found) {
            let Some(found) = found else {
                layers_for(network, images)?.find(name)?;
                return Err(Error::UnknownLayer {
                    name: name.to_string(),
                    nearest: Vec::new(),
                });
            };
            let found = tokens::map(found, network.tokens(), (height, width))?;
            activations.push(activation(name, &found, batch)?);
        }
        Ok(Observation {
            logits: rows(&output, batch)?,
            network,
            images,
            place,
            output,
            activations,
            record,
            time: start.elapsed(),
            gradients: Mutex::default(),
        })
    }

    /// Returns the gradients of `score` at each place; empty if there is no record.
    pub(crate) fn gradients(&self, score: &Score) -> Result<Gradients> {
        Ok(self.taken(score)?.gradients)
    }

    /// Returns the gradients of `score` with the pass that they come from.
    pub(crate) fn taken(&self, score: &Score) -> Result<Taken> {
        let mut known = self
            .gradients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let same = |(weights, _): &&(Vec<f32>, Taken)| *weights == score.weights;
        if score.own.is_empty()
            && let Some((_, taken)) = known.kept.iter().find(same)
        {
            return Ok(taken.clone());
        }
        let Some(record) = &self.record else {
            return Ok(Taken::default());
        };
        let start = Instant::now();
        let found = record.gradients(&score.total(&self.output, self.logits.len())?)?;
        let (_, _, height, width) = self.images.dims4()?;
        let tokens = self.network.tokens();
        let gradients = found.iter().zip(&self.activations);
        let gradients = gradients.map(|(gradient, activation)| match gradient {
            Some(gradient) => values(&tokens::map(gradient, tokens, (height, width))?),
            // The score does not depend on the place.
            None => Ok(vec![0.0; activation.values.len()]),
        });
        let gradients = Gradients::new(gradients.collect::<Result<_>>()?);
        known.passes += 1;
        let taken = Taken {
            gradients,
            pass: known.passes,
            time: start.elapsed(),
            new: false,
        };
        if score.own.is_empty() {
            if known.kept.len() == KNOWN {
                known.kept.remove(0);
            }
            known.kept.push((score.weights.clone(), taken.clone()));
        }
        Ok(Taken { new: true, ..taken })
    }

    /// Returns the features of one image at the place number `place`, with its part of `gradients`.
    pub(crate) fn features<'b>(
        &'b self,
        place: usize,
        image: usize,
        gradients: &'b [Vec<f32>],
    ) -> Features<'b> {
        let activation = &self.activations[place];
        let range = image * activation.per_image..(image + 1) * activation.per_image;
        let gradient = gradients.get(place).map(Vec::as_slice).unwrap_or_default();
        Features {
            activation: &activation.values[range.clone()],
            gradient: gradient.get(range).unwrap_or_default(),
            size: activation.size,
        }
    }
}

/// A number made from the logits of a batch: the sum of the images' scores.
///
/// The images of a batch do not affect each other, so the gradient of the sum is that of each image's own score.
pub(crate) struct Score {
    /// The weight of each logit of each image.
    weights: Vec<f32>,
    /// Scores that are other functions of the output.
    own: Vec<Tensor>,
}

impl Score {
    /// Sums the scores of `targets`; an image may have none.
    pub(crate) fn of(
        output: &Tensor,
        logits: &[Vec<f32>],
        targets: &[Option<Target>],
    ) -> Result<Self> {
        let width = logits.first().map_or(0, Vec::len);
        let mut weights = vec![0.0; logits.len() * width];
        let mut own = Vec::new();
        for (image, (row, target)) in logits.iter().zip(targets).enumerate() {
            let Some(target) = target else { continue };
            match target.weights(row)? {
                None => own.push(function(target, &output.get(image)?)?),
                Some(parts) => {
                    for (index, weight) in parts {
                        weights[image * width + index] += weight;
                    }
                }
            }
        }
        Ok(Score { weights, own })
    }

    /// Returns the score or, with a negative `sign`, that of the evidence against the target.
    pub(crate) fn signed(mut self, sign: f64) -> Result<Self> {
        if sign >= 0.0 {
            return Ok(self);
        }
        self.weights
            .iter_mut()
            .for_each(|weight| *weight = -*weight);
        for score in &mut self.own {
            *score = score.neg()?;
        }
        Ok(self)
    }

    /// Returns the number, as a function of the output of `batch` images.
    pub(crate) fn total(&self, output: &Tensor, batch: usize) -> Result<Tensor> {
        let width = self.weights.len() / batch.max(1);
        let weights = Tensor::from_slice(&self.weights, (batch, width), &Device::Cpu)?
            .to_device(output.device())?
            .to_dtype(output.dtype())?;
        let mut total = (output * weights)?.sum_all()?;
        for score in &self.own {
            total = (total + score)?;
        }
        Ok(total)
    }
}

fn activation(name: &str, found: &Tensor, batch: usize) -> Result<Activation> {
    match *found.dims() {
        [n, c, h, w] if n == batch && h * w > 1 => Ok(Activation {
            values: values(found)?,
            per_image: c * h * w,
            size: Size::new(h, w)?,
        }),
        ref dims => Err(Error::NotSpatial {
            name: name.to_string(),
            shape: dims.get(1..).unwrap_or_default().to_vec(),
        }),
    }
}

/// Returns a tensor's values in reading order.
pub(crate) fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1::<f32>()?)
}

/// Returns the logits of each image.
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
