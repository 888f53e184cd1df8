//! A measured saliency card: what is asked of a method, on which images, and the tests that come of it.

mod images;
mod labels;
mod method;
mod parameters;
mod pictures;
mod place;
mod restart;
mod sample;
mod scenes;
mod small;
mod tests;
mod unfinished;
mod wanted;

use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail};
use gradcam::{Explainer, Grid, Target};
use gradcam_data::{Dataset, Sample};
use gradcam_eval::card::{Card, Kind, Published, Sections, agreement, published};
use gradcam_eval::sanity::Images;
use gradcam_models::Model;
use gradcam_nn::Network;
use serde::Serialize;

use crate::args::Precision;
use crate::console::Console;
use crate::dataset::{fingerprint, prepare};
use crate::digest::sha256;
use crate::stream::Reading;

pub(crate) use self::images::nulls;
pub(crate) use self::labels::Digits;
use self::method::{environment, model, of_data, of_method};
pub(crate) use self::pictures::draw;
pub(crate) use self::place::{Place, make_folder, refuse};
pub(crate) use self::restart::Restart;
pub(crate) use self::sample::{at_most, order};
pub(crate) use self::scenes::{EPOCHS, bytes, recipes, train_one};
pub(crate) use self::unfinished::Unfinished;
pub(crate) use self::wanted::wanted;

/// The file beside the card that has each image's values, as `gradcam evaluate --records` writes them.
const RECORDS: &str = "records.jsonl";

/// How much is measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Effort {
    /// Images of the data set.
    pub(crate) images: usize,
    /// Images under randomised parameters, and of the determinism test.
    pub(crate) few: usize,
    /// Steps of the cascade at most.
    pub(crate) blocks: usize,
    /// Images for the metrics that ask the network hundreds of times; none leaves them out.
    pub(crate) slow: usize,
    /// Small pictures that the networks of the label test are trained on.
    pub(crate) digits: usize,
    /// Whether the label test is run on the paper's network too.
    pub(crate) paper: bool,
    /// Drawn scenes with an object.
    pub(crate) scenes: usize,
    /// Runs of the clock.
    pub(crate) runs: usize,
}

impl Effort {
    /// A card in minutes, with the least number of images that the rule asks for.
    pub(crate) const QUICK: Effort = Effort {
        images: 30,
        few: 30,
        blocks: 4,
        slow: 0,
        digits: 500,
        paper: false,
        scenes: 50,
        runs: 30,
    };
    /// All images.
    pub(crate) const FULL: Effort = Effort {
        images: usize::MAX,
        few: 60,
        blocks: usize::MAX,
        slow: 80,
        digits: 1000,
        paper: true,
        scenes: 200,
        runs: 30,
    };
}

/// All that the tests look at.
pub(crate) struct Subject<'a> {
    pub(crate) model: &'a Model,
    pub(crate) explainer: &'a Explainer,
    pub(crate) against: &'a [Explainer],
    pub(crate) data: &'a Dataset,
    /// Samples of the data set with their numbers, in the order in which they are drawn: those that are looked at, and behind them those that
    /// make up for some that have nothing to measure.
    pub(crate) samples: Vec<(usize, &'a Sample)>,
    /// How many of them are looked at in any case.
    pub(crate) sample: usize,
    pub(crate) reading: Reading<'a>,
    /// Small pictures of classes, for the networks of the label test.
    pub(crate) labels: &'a Dataset,
    /// The same, read.
    pub(crate) digits: &'a Digits,
    pub(crate) effort: Effort,
    pub(crate) seed: u64,
    /// What makes the same maps in another process.
    pub(crate) restart: Option<Restart>,
    pub(crate) interrupted: &'a AtomicBool,
}

impl Subject<'_> {
    /// The layer that the method looks at, or the network's default one.
    pub(crate) fn layer(&self) -> &str {
        let own = self.explainer.layers.first();
        own.map_or(self.model.default_layer(), String::as_str)
    }

    /// Channels, rows and columns of the network's input.
    pub(crate) fn input(&self) -> Result<(usize, usize, usize)> {
        let (height, width) = self.model.preprocess.input_size;
        Ok((3, usize::try_from(height)?, usize::try_from(width)?))
    }

    /// The network's input of sample number `i` of those that are looked at.
    pub(crate) fn load(&self, i: usize) -> gradcam_eval::Result<candle_core::Tensor> {
        let (_, sample) = self.samples[i];
        let prepared = prepare(sample, &self.reading);
        let prepared = prepared.map_err(|e| gradcam::Error::Candle(format!("{e:#}")))?;
        Ok(prepared.image)
    }

    /// `few` images, one after the other.
    pub(crate) fn few<'b>(
        &'b self,
        load: &'b (dyn Fn(usize) -> gradcam_eval::Result<candle_core::Tensor> + Sync),
    ) -> Images<'b> {
        Images {
            count: self.sample.min(self.effort.few),
            load,
        }
    }

    /// Runs a test on few images, and on more where so many of them have no value that the rule's number is not reached, but more bring it.
    /// Returns how many they were as well.
    pub(crate) fn made_up<T>(
        &self,
        run: impl Fn(usize) -> Result<T>,
        values: impl Fn(&T) -> usize,
    ) -> Result<(usize, T)> {
        let count = self.sample.min(self.effort.few);
        let found = run(count)?;
        let more = at_most(count).min(self.samples.len());
        if more > count && sample::mendable(values(&found), count) {
            return Ok((more, run(more)?));
        }
        Ok((count, found))
    }

    /// What the numbers depend on.
    pub(crate) fn study(&self, precision: Precision) -> Result<Study> {
        let explainers = std::iter::once(self.explainer).chain(self.against);
        Ok(Study {
            toolkit: env!("CARGO_PKG_VERSION"),
            model: self.model.sha256.clone(),
            architecture: self.model.architecture.name.to_string(),
            precision: format!("{precision:?}"),
            device: format!("{:?}", self.reading.device.location()),
            fit: format!("{:?}", self.reading.fit),
            window: self
                .reading
                .pictures
                .window
                .map(|window| window.to_string()),
            frame: self.reading.pictures.frame,
            config: sha256(
                format!("{:?}", (&self.model.preprocess, &self.model.labels)).as_bytes(),
            ),
            methods: explainers.map(|e| e.method.clone()).collect(),
            layer: self.explainer.layers.clone(),
            data: fingerprint(self.data),
            images: self.samples.iter().map(|(index, _)| *index).collect(),
            labels: fingerprint(self.labels),
            effort: self.effort,
            seed: self.seed,
        })
    }

    /// The signed map of a class at the input's resolution: the tests that compare networks look at it before the ReLU.
    pub(crate) fn signed(
        &self,
        network: &dyn Network,
        image: &candle_core::Tensor,
        class: usize,
    ) -> gradcam_eval::Result<Grid> {
        let found = self
            .explainer
            .explain_one(network, image, Target::Index(class))?;
        let (_, _, height, width) = image.dims4()?;
        Ok(self
            .explainer
            .interpolation
            .resize(found.raw(), height, width))
    }
}

/// What the numbers of a card depend on.
#[derive(Serialize)]
pub(crate) struct Study {
    toolkit: &'static str,
    model: String,
    architecture: String,
    precision: String,
    device: String,
    fit: String,
    window: Option<String>,
    frame: Option<usize>,
    /// Of the preprocessing and the labels.
    config: String,
    methods: Vec<gradcam::Method>,
    layer: Vec<String>,
    data: String,
    images: Vec<usize>,
    labels: String,
    effort: Effort,
    seed: u64,
}

/// Files beside the card: paths from its folder, and bytes.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

/// Measures everything that was not kept before. Beside the card come the files that it names, with their paths.
pub(crate) fn measure(
    subject: &Subject<'_>,
    unfinished: &Unfinished,
    console: &mut Console<'_>,
) -> Result<(Card, Files)> {
    if subject.samples.is_empty() {
        bail!("the data set has no picture");
    }
    let stages: [(&str, Stage); 5] = [
        ("methodology", Stage::Methodology),
        ("images", Stage::Images),
        ("parameters", Stage::Parameters),
        ("labels", Stage::Labels),
        ("scenes", Stage::Scenes),
    ];
    let mut sections = Sections::default();
    let (mut artifacts, mut files) = (Vec::new(), Vec::new());
    let (mut methodology, mut accuracy, mut images) = (None, None, 0);
    for (name, stage) in stages {
        if subject
            .interrupted
            .load(std::sync::atomic::Ordering::SeqCst)
        {
            bail!("interrupted before the stage `{name}`");
        }
        console.note(format!("card: {name}"));
        let mut made = |measure: Measure| -> Result<Sections> {
            let mut made = Sections::default();
            measure(subject, &mut made, console)?;
            Ok(made)
        };
        match stage {
            Stage::Methodology => {
                let make = || method::methodology(subject, console);
                methodology = Some(unfinished.stage(name, make)?);
            }
            Stage::Images => {
                let found = images::measure(subject, unfinished, &mut sections, console)?;
                let (artifact, bytes) = found.records;
                files.push((artifact.path.clone(), bytes));
                artifacts.push(artifact);
                accuracy = found.accuracy;
                images = found.images;
            }
            Stage::Parameters => {
                sections.append(unfinished.stage(name, || made(parameters::measure))?);
            }
            Stage::Labels => sections.append(unfinished.stage(name, || made(labels::measure))?),
            Stage::Scenes => sections.append(unfinished.stage(name, || made(scenes::measure))?),
        }
    }
    let Some(methodology) = methodology else {
        bail!("there is no methodology");
    };
    let published = published()?;
    let is_grad_cam = subject.explainer.method == gradcam::Method::GradCam;
    let mut card = Card {
        schema: None,
        schema_version: gradcam_eval::card::SCHEMA_VERSION.to_string(),
        rule_id: gradcam_eval::statistics::RULE.to_string(),
        method: of_method(subject),
        model: gradcam_eval::card::Model {
            accuracy,
            ..model(subject)?
        },
        data: of_data(subject)?,
        environment: environment(subject.seed),
        methodology,
        sections,
        published_card: is_grad_cam.then(|| published.card.clone()),
        errata: match is_grad_cam {
            true => published.errata.clone(),
            false => Vec::new(),
        },
        limitations: limitations(subject, images),
        artifacts,
    };
    finish(&mut card, &published)?;
    card.validate()?;
    Ok((card, files))
}

/// Measures the tests of a stage and puts them in their sections.
type Measure = fn(&Subject<'_>, &mut Sections, &mut Console<'_>) -> Result<()>;

#[derive(Clone, Copy)]
enum Stage {
    Methodology,
    Images,
    Parameters,
    Labels,
    Scenes,
}

/// The names of the data sets on the card.
const IMAGES: &str = "images";
const DIGITS: &str = "digits";
const SCENES: &str = "scenes";

/// The data set that a test was measured on.
fn measured_on(test: &str) -> &'static str {
    match test {
        "data_randomization" | "repeatability" | "reproducibility" => DIGITS,
        "model_contrast_score" => SCENES,
        _ => IMAGES,
    }
}

/// Grades the tests as one of many, and puts the published grades and figures beside the measured ones.
fn finish(card: &mut Card, published: &Published) -> Result<()> {
    card.correct()?;
    let method = card.method.name.clone();
    let data = card.data.clone();
    // What was measured on drawn data is never compared with what was published.
    let real = |test: &str| {
        let own = data.iter().find(|data| data.id == measured_on(test));
        own.is_some_and(|data| data.kind == Kind::Real)
    };
    let grades = card.published_card.clone();
    for test in card.sections.all_mut() {
        let figures = published.references(&method, test.published_id());
        test.references.extend(figures);
        let entry = grades
            .as_ref()
            .and_then(|card| card.entry(test.published_id()));
        test.agreement_with_published =
            entry.map(|e| agreement(test.grade, e.grade, real(&e.test_id)));
    }
    Ok(())
}

/// What a reader must know before believing the card.
fn limitations(subject: &Subject<'_>, images: usize) -> Vec<String> {
    let mut all = vec![
        "The grades hold for this model and this data; the published card's were obtained on others, so agreement is a comparison of claims, not of numbers."
            .to_string(),
        "Maps of the tests that compare networks are signed: after a ReLU too many maps of a randomised network are empty."
            .to_string(),
    ];
    let (total, more) = (subject.data.samples.len(), images - subject.sample);
    if images < total {
        all.push(format!(
            "Measured on {images} of the data set's {total} images, drawn from the seed in the proportions of its classes."
        ));
    }
    if more > 0 {
        all.push(format!(
            "Of the first {} images some have a map, or a null's map, with nothing to measure: {more} more were drawn for the tests over images, and none was left out.",
            subject.sample
        ));
    }
    if subject.labels.kind != gradcam_data::Kind::Real {
        all.push(
            "The small networks of the label test were trained on drawn glyphs, not on real digits."
                .to_string(),
        );
    }
    all
}
