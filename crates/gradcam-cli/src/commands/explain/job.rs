//! Explains, paints and writes a batch of pictures.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, anyhow};
use candle_core::Tensor;
use gradcam::{Explainer, Heatmap, Size, Target, Verdict};
use gradcam_models::Model;
use gradcam_nn::out_of_memory;
use gradcam_viz::Style;
use image::RgbImage;
use rayon::prelude::*;

use super::files::Files;
use super::settings::{Output, Settings};
use crate::args::Explain;
use crate::batches::{MEMORY, refuse};
use crate::console::Console;
use crate::files::{is_hopeless, write};
use crate::reading::Loaded;
use crate::record::{self, Outputs, Record, TargetRecord};
use crate::workers::Workers;
use crate::{map_file, style, verdict};

/// The data that all batches share.
pub(super) struct Job<'a> {
    pub(super) args: &'a Explain,
    pub(super) model: &'a Model,
    pub(super) explainer: Explainer,
    /// The targets as written.
    pub(super) asked: Vec<String>,
    pub(super) targets: Vec<Target>,
    pub(super) style: Style,
    pub(super) settings: Settings,
    pub(super) files: Files,
}

impl Job<'_> {
    /// Explains one batch and writes its outputs.
    pub(super) fn step(
        &self,
        batch: &[Loaded<'_>],
        x: &Tensor,
        workers: &Workers,
        console: &mut Console<'_>,
    ) -> Result<usize> {
        let start = Instant::now();
        let wanted: Vec<Vec<Target>> = batch.iter().map(|_| self.targets.clone()).collect();
        let maps = match workers.run(|| self.explainer.explain(&self.model.network, x, &wanted)) {
            Ok(maps) => maps,
            Err(error) if batch.len() > 1 && out_of_memory(&error) => return Err(error.into()),
            Err(error) => return Ok(refuse(batch, error, console)),
        };
        let count = batch.len() * self.targets.len();
        let millis = start.elapsed().as_secs_f64() * 1000.0 / count.max(1) as f64;
        let all: Vec<(usize, usize)> = maps
            .iter()
            .enumerate()
            .flat_map(|(image, maps)| (0..maps.len()).map(move |index| (image, index)))
            .collect();
        let largest = batch.iter().map(|loaded| self.painted_bytes(loaded)).max();
        let at_once = usize::try_from(MEMORY / largest.unwrap_or(1).max(1))?.max(1);
        let mut whole = vec![true; batch.len()];
        // Pictures are painted in parallel, as many as the memory limit allows, and written in order.
        for part in all.chunks(at_once) {
            let painted: Vec<Result<RgbImage>> = workers.run(|| {
                let paint = |&(image, index): &(usize, usize)| {
                    self.paint(&batch[image], index, &maps[image][index])
                };
                part.par_iter().map(paint).collect()
            });
            for (&(image, index), picture) in part.iter().zip(painted) {
                let (loaded, heatmap) = (&batch[image], &maps[image][index]);
                whole[image] &= self.report(loaded, index, heatmap, picture, millis, console)?;
            }
        }
        Ok(whole.iter().filter(|whole| !**whole).count())
    }

    /// Estimates the bytes needed to paint a map of this picture: two views side by side, and the map's numbers.
    fn painted_bytes(&self, loaded: &Loaded<'_>) -> u64 {
        let photo = style::enlarged_size(&loaded.photo, self.args.enlarge);
        u64::from(photo.0) * u64::from(photo.1) * 10
    }

    /// Paints the picture of target `index`.
    fn paint(&self, loaded: &Loaded<'_>, index: usize, heatmap: &Heatmap) -> Result<RgbImage> {
        let photo = style::enlarged(&loaded.photo, self.args.enlarge);
        let (width, height) = photo.dimensions();
        let size = Size::new(usize::try_from(height)?, usize::try_from(width)?)?;
        let map = self.explainer.upsample(&heatmap.layers, size);
        let (view, method) = (self.args.view, &self.explainer.method);
        let picture = style::paint(view, &photo, &map, method, &self.style)?;
        if !self.args.caption {
            return Ok(picture);
        }
        let target = TargetRecord::of(&heatmap.target, &self.asked[index], &self.model.labels);
        let text = format!("{}, {method}", target.scored());
        let caption = gradcam_viz::label(&text, picture.width())?;
        Ok(gradcam_viz::stack(&[&picture, &caption])?)
    }

    /// Writes the files of one map and reports them. Returns whether all of them exist.
    fn report(
        &self,
        loaded: &Loaded<'_>,
        index: usize,
        heatmap: &Heatmap,
        picture: Result<RgbImage>,
        millis: f64,
        console: &mut Console<'_>,
    ) -> Result<bool> {
        let (args, input) = (self.args, loaded.input);
        let note = |output| self.settings.text(output, &loaded.digest);
        let mut written = Vec::new();
        let mut whole = true;
        // An error with one file is reported, and the others continue.
        let mut kept = |file: Result<Kept>, console: &mut Console<'_>| match file {
            Ok(Kept::Before(path)) => Ok(Some(path.display().to_string())),
            Ok(Kept::Now(path)) => {
                let name = path.display().to_string();
                written.push(path);
                Ok(Some(name))
            }
            Err(error) if is_hopeless(&error) => Err(error),
            Err(error) => {
                console.warn(format!("`{}`: {error:#}", input.name()));
                whole = false;
                Ok(None)
            }
        };
        let encode = || {
            let picture = picture.as_ref().map_err(|error| anyhow!("{error:#}"))?;
            let note = note(Output::Picture)?;
            Ok(gradcam_viz::encode_with_note(
                picture,
                self.files.format,
                &note,
            )?)
        };
        let mut outputs = Outputs::default();
        match self.files.pictures.path(input, index) {
            Some(path) => outputs.picture = kept(self.keep(path, encode), console)?,
            None => match encode() {
                Ok(encoded) => console.data(&encoded)?,
                Err(error) => drop(kept(Err(error), console)?),
            },
        }
        let names = self.files.maps.as_ref();
        if let Some(path) = names.and_then(|names| names.path(input, index)) {
            let file = self.keep(path, || map_file::bytes(heatmap, note(Output::Maps)?));
            outputs.maps = kept(file, console)?;
        }
        let layer_names: Vec<&str> = heatmap.layers.iter().map(|l| l.layer.as_str()).collect();
        let layer = layer_names.join("+");
        let target = TargetRecord::of(&heatmap.target, &self.asked[index], &self.model.labels);
        let what = target.with_probability();
        console.note(format!("{}: {what}, layer {layer}", input.name()));
        if heatmap.verdict != Verdict::Ok {
            console.warn(format!(
                "`{}`: {}",
                input.name(),
                verdict::meaning(heatmap.verdict)
            ));
        }
        if args.json {
            let record = Record {
                image: input.name(),
                model: self.model.name.clone(),
                method: self.explainer.method.name(),
                options: self.explainer.method.options(),
                layer,
                target,
                predictions: record::predictions(&heatmap.logits, &self.model.labels, 5),
                map: record::map(heatmap),
                outputs,
                millis: (millis * 1000.0).round() / 1000.0,
            };
            console.line(serde_json::to_string(&record)?)?;
            return Ok(whole);
        }
        for path in written {
            console.path(&path)?;
        }
        if let (true, Ok(picture)) = (args.show, &picture) {
            console.data(gradcam_viz::terminal(picture, 80).as_bytes())?;
        }
        Ok(whole)
    }

    /// Writes a file; with `--resume` an existing one is kept.
    fn keep(&self, path: PathBuf, bytes: impl FnOnce() -> Result<Vec<u8>>) -> Result<Kept> {
        if self.args.resume && path.is_file() {
            return Ok(Kept::Before(path));
        }
        write(&path, &bytes()?, self.args.force)?;
        Ok(Kept::Now(path))
    }
}

/// A file that exists in the end.
enum Kept {
    /// An earlier run wrote it.
    Before(PathBuf),
    Now(PathBuf),
}
