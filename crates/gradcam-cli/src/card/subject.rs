//! The subject of a card.

use std::sync::atomic::AtomicBool;

use anyhow::Result;
use candle_core::Tensor;
use gradcam::{Explainer, Grid, Size, Target};
use gradcam_data::{Dataset, Sample};
use gradcam_eval::sanity::Images;
use gradcam_models::Model;
use gradcam_nn::Network;

use super::digits::Digits;
use super::effort::Effort;
use super::restart::Restart;
use super::sample::{at_most, mendable};
use crate::asked::model::shape;
use crate::dataset::prepare;
use crate::reading::Reading;

/// Everything that the tests use.
pub(crate) struct Subject<'a> {
    pub(crate) model: &'a Model,
    pub(crate) explainer: &'a Explainer,
    pub(crate) against: &'a [Explainer],
    pub(crate) data: &'a Dataset,
    /// Samples of the data set with their numbers, in the order of drawing: those measured, then those that replace samples with nothing to
    /// measure.
    pub(crate) samples: Vec<(usize, &'a Sample)>,
    /// The number of samples that are measured in any case.
    pub(crate) sample: usize,
    pub(crate) reading: Reading<'a>,
    /// Small labelled pictures, for the networks of the label test.
    pub(crate) labels: &'a Dataset,
    /// The pictures of `labels`, read.
    pub(crate) digits: &'a Digits,
    pub(crate) effort: Effort,
    pub(crate) seed: u64,
    /// Makes the same maps in another process.
    pub(crate) restart: Option<Restart>,
    pub(crate) interrupted: &'a AtomicBool,
}

impl Subject<'_> {
    /// Returns the layer that the method uses, or the network's default one.
    pub(crate) fn layer(&self) -> &str {
        let own = self.explainer.layers.first();
        own.map_or(self.model.default_layer(), String::as_str)
    }

    /// Returns the channels, rows and columns of the network's input.
    pub(crate) fn input(&self) -> (usize, usize, usize) {
        shape(self.model)
    }

    /// Loads the network's input for sample `i` of `samples`.
    pub(crate) fn load(&self, i: usize) -> gradcam_eval::Result<Tensor> {
        let (_, sample) = self.samples[i];
        let prepared = prepare(sample, &self.reading);
        let prepared = prepared.map_err(|e| gradcam::Error::Candle(format!("{e:#}")))?;
        Ok(prepared.image)
    }

    /// Returns `effort.few` images at most, loaded one after the other.
    pub(crate) fn few<'b>(
        &'b self,
        load: &'b (dyn Fn(usize) -> gradcam_eval::Result<Tensor> + Sync),
    ) -> Images<'b> {
        Images::new(self.sample.min(self.effort.few), load)
    }

    /// Runs a test on few images, and on more if too many have no value for the rule's number and more images can reach it. Returns the
    /// number of images too.
    pub(crate) fn made_up<T>(
        &self,
        run: impl Fn(usize) -> Result<T>,
        values: impl Fn(&T) -> usize,
    ) -> Result<(usize, T)> {
        let count = self.sample.min(self.effort.few);
        let found = run(count)?;
        let more = at_most(count).min(self.samples.len());
        if more > count && mendable(values(&found), count) {
            return Ok((more, run(more)?));
        }
        Ok((count, found))
    }

    /// Computes a class's signed map at the input's resolution: tests that compare networks use it before the ReLU.
    pub(crate) fn signed(
        &self,
        network: &dyn Network,
        image: &Tensor,
        class: usize,
    ) -> gradcam_eval::Result<Grid> {
        let found = self
            .explainer
            .explain_one(network, image, Target::Index(class))?;
        let (_, _, height, width) = image.dims4()?;
        Ok(self
            .explainer
            .interpolation
            .resize(found.raw(), Size::new(height, width)?))
    }
}
