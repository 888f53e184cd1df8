//! A measured saliency card: its subject, its images, and the tests that come of them.

mod about;
mod curves;
mod data_sets;
pub(crate) mod digits;
pub(crate) mod effort;
mod entry;
mod graded;
mod images;
mod labels;
mod methodology;
mod metrics;
pub(crate) mod networks;
pub(crate) mod pages;
mod papers;
mod parameters;
pub(crate) mod pictures;
pub(crate) mod place;
pub(crate) mod restart;
pub(crate) mod sample;
mod scenes;
mod small;
pub(crate) mod study;
pub(crate) mod subject;
mod training;
pub(crate) mod unfinished;
pub(crate) mod wanted;

use std::sync::atomic::Ordering;

use anyhow::{Result, bail};
use gradcam_eval::card::{Card, Kind, Published, Sections, agreement, published};

use self::about::{environment, model, of_data, of_method};
use self::data_sets::measured_on;
use self::methodology::methodology;
use self::subject::Subject;
use self::unfinished::Unfinished;
use crate::console::Console;

/// Files beside the card: paths relative to its folder, and bytes.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

/// Measures everything that is not stored yet. Returns the card and the files that it names, with their paths.
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
    let (mut first, mut accuracy, mut images) = (None, None, 0);
    for (name, stage) in stages {
        if subject.interrupted.load(Ordering::SeqCst) {
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
                let make = || methodology(subject, console);
                first = Some(unfinished.stage(name, make)?);
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
    let Some(methodology) = first else {
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
        errata: if is_grad_cam {
            published.errata.clone()
        } else {
            Vec::new()
        },
        limitations: limitations(subject, images),
        artifacts,
    };
    finish(&mut card, &published)?;
    card.validate()?;
    Ok((card, files))
}

/// Measures the tests of a stage and adds them to their sections.
type Measure = fn(&Subject<'_>, &mut Sections, &mut Console<'_>) -> Result<()>;

#[derive(Clone, Copy)]
enum Stage {
    Methodology,
    Images,
    Parameters,
    Labels,
    Scenes,
}

/// Grades the tests as a family, and puts the published grades and figures beside the measured ones.
fn finish(card: &mut Card, published: &Published) -> Result<()> {
    card.correct()?;
    let method = card.method.name.clone();
    let data = card.data.clone();
    // Measurements on drawn data are never compared with published ones.
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

/// Lists the limitations that a reader must know before trusting the card.
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
