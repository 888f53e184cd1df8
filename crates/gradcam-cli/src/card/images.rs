//! Tests over the data set's images: input sensitivity, minimality, perceptual correspondence.

use std::sync::atomic::Ordering;

use anyhow::{Result, bail};
use gradcam_eval::card::{Accuracy, Artifact, Sections};
use gradcam_eval::evaluate::{
    ImageRecord, Item, MapRecord, Null, Outcome, Study, measure as one, summarise,
};
use gradcam_eval::statistics::Grade;
use gradcam_eval::{Cost, Direction, Metric, Need, Places};
use gradcam_models::sha256;

use super::curves::curves;
use super::data_sets::IMAGES;
use super::entry::without;
use super::graded::{classification_error, of_metric, ties};
use super::metrics::{compared, named, no_image};
use super::place::RECORDS;
use super::sample::mendable;
use super::subject::Subject;
use super::unfinished::Unfinished;
use crate::console::{Console, Unit};
use crate::dataset::{class_of, count_masks, difficult, prepare};
use crate::study::header;

/// The other results from the images.
pub(crate) struct Found {
    /// The images' values: a file, and its entry among the card's artifacts.
    pub(crate) records: (Artifact, Vec<u8>),
    /// The share of images that the network classifies correctly; `None` if it knows none of their classes.
    pub(crate) accuracy: Option<Accuracy>,
    /// The number of images measured: the sample, and the replacements for some of it.
    pub(crate) images: usize,
}

/// Measures the tests and adds them to their sections. Each image is stored as soon as it is measured; stored images are not measured
/// again.
///
/// If too many images of the sample have a map, or a null's map, with nothing to measure, further images are drawn.
pub(crate) fn measure(
    subject: &Subject<'_>,
    unfinished: &Unfinished,
    sections: &mut Sections,
    console: &mut Console<'_>,
) -> Result<Found> {
    let mut explainers = vec![subject.explainer.clone()];
    explainers.extend(subject.against.iter().cloned());
    let random = subject.model.untrained(subject.seed)?;
    let drawn = &subject.samples[..subject.sample];
    let masks = count_masks(
        subject.samples.iter().map(|(_, sample)| *sample),
        &subject.reading,
        || {},
    );
    let tests = Metric::of_card();
    let mut metrics: Vec<Metric> = tests.iter().map(|(metric, _)| *metric).collect();
    metrics.retain(|metric| masks.images > 1 || !metric.about().needs.contains(&Need::Mask));
    let quick: Vec<Metric> = metrics
        .iter()
        .copied()
        .filter(|metric| metric.about().cost == Cost::Quick)
        .collect();
    if subject.effort.slow == 0 {
        metrics.clone_from(&quick);
    }
    let wanted = |null: &Null| metrics.iter().any(|metric| compared(0, *metric, *null));
    let nulls: Vec<Null> = Null::ALL.iter().copied().filter(wanted).collect();
    let header = header(
        (subject.model, &subject.reading),
        subject.data,
        &explainers,
        (nulls.clone(), metrics.clone()),
        subject.seed,
    )?;
    let mut kept = unfinished.images(&header)?;
    let bar = console.bar(drawn.len() as u64, Unit::Images);
    let mut looked_at = 0;
    for (number, (index, sample)) in subject.samples.iter().enumerate() {
        if number >= drawn.len() {
            if !lacking(&kept.all()?, &quick) {
                break;
            }
            bar.inc_length(1);
        }
        looked_at = number + 1;
        if kept.has(*index) {
            bar.inc(1);
            continue;
        }
        if subject.interrupted.load(Ordering::SeqCst) {
            bail!("interrupted after {number} images");
        }
        let prepared = prepare(sample, &subject.reading)?;
        let class = sample.class.as_ref();
        let item = Item::new(*index, &sample.id, &prepared.image)
            .with_mask(prepared.mask.as_deref())
            .with_class(class.and_then(|class| class_of(class, &subject.model.labels)))
            .with_difficult(difficult(sample, prepared.mask.as_deref()));
        let metrics = if number < subject.effort.slow {
            &metrics
        } else {
            &quick
        };
        let study = Study::new(&subject.model.network, &explainers, metrics)
            .with_untrained(Some(&random))
            .with_masks(Some(&masks))
            .with_nulls(&nulls)
            .with_compared(&compared)
            .with_seed(subject.seed);
        kept.add(&one(&study, &item)?)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    if looked_at > drawn.len() {
        console.note(format!(
            "{} more images were drawn, since some of the sample have nothing to measure",
            looked_at - drawn.len()
        ));
    }
    let records = kept.all()?;
    let found = summarise(&header, &records)?.metrics;
    for (metric, of) in &tests {
        let metric = *metric;
        let about = metric.about();
        let found = found.iter().find(|found| found.metric == metric);
        let mut test = match found {
            Some(found) if found.sources[0].values + found.sources[0].undefined > 0 => {
                of_metric(found, of, subject.against.len())
            }
            Some(_) => without(named(metric, of), Grade::NotApplicable, no_image(metric)),
            None if about.cost == Cost::Slow => without(
                named(metric, of),
                Grade::NotRun,
                "it asks the network hundreds of times an image, and the quick card leaves it out",
            ),
            None => without(
                named(metric, of),
                Grade::NotApplicable,
                "the data set has no masks or boxes",
            ),
        };
        if test.metric.n > 0 {
            test.per_item = Some(RECORDS.to_string());
        }
        if about.places == Places::Order {
            test.metric.tie_fraction = ties(&records, metric);
        }
        if let Some(first) = of.first {
            let options = &mut test.protocol.options;
            options.extend(classification_error(&records, first));
        }
        if let Some(along) = of.curve {
            test.curves = curves(&records, metric, about.nulls(), subject.seed)?;
            test.axes = Some([along.to_string(), "probability".to_string()]);
        }
        sections.tests_mut(of.section).push(test);
    }
    let mut lines = serde_json::to_string(&header)? + "\n";
    for record in &records {
        lines += &(serde_json::to_string(record)? + "\n");
    }
    let artifact = Artifact {
        path: RECORDS.to_string(),
        sha256: sha256(lines.as_bytes()),
        kind: "per_item".to_string(),
        caption: None,
    };
    Ok(Found {
        records: (artifact, lines.into_bytes()),
        accuracy: accuracy(&records),
        images: looked_at,
    })
}

/// Whether a test has too few images because maps, the method's or a null's, have nothing to measure, and more images can raise it to its
/// number.
fn lacking(records: &[ImageRecord], metrics: &[Metric]) -> bool {
    let valued = |map: &MapRecord, metric: Metric| {
        let outcome = map.values.get(&metric);
        outcome.is_some_and(|outcome| !matches!(outcome, Outcome::Undefined { .. }))
    };
    metrics.iter().any(|metric| {
        let about = metric.about();
        if about.direction == Direction::None {
            return false;
        }
        let own = |record: &ImageRecord| {
            let map = record.maps.first();
            map.is_some_and(|map| valued(map, *metric))
        };
        let alone = records.iter().filter(|record| own(record)).count();
        let beside = |null: &Null| {
            let both = records.iter().filter(|record| {
                let map = record.held_against(*null, 0, *metric);
                own(record) && map.is_some_and(|map| valued(map, *metric))
            });
            both.count()
        };
        // Images that the metric does not apply to need no replacement.
        let asked = |record: &&ImageRecord| {
            let map = record.maps.first();
            map.is_some_and(|map| map.values.contains_key(metric))
        };
        let asked = records.iter().filter(asked).count();
        let mut counts = std::iter::once(alone).chain(about.nulls().iter().map(beside));
        counts.any(|values| values < asked && mendable(values, asked))
    })
}

fn accuracy(records: &[ImageRecord]) -> Option<Accuracy> {
    let ranks: Vec<usize> = records.iter().filter_map(|record| record.rank).collect();
    let right = ranks.iter().filter(|rank| **rank == 0).count();
    (!ranks.is_empty()).then(|| Accuracy {
        split: IMAGES.to_string(),
        value: right as f64 / ranks.len() as f64,
        n: ranks.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes images with a method's map and a map of each of three nulls; the last null has `flat` maps with nothing to measure.
    fn records(images: usize, flat: usize) -> Vec<ImageRecord> {
        let map = |source: &str, flat: bool| MapRecord {
            source: source.to_string(),
            of: (source == "untrained").then_some(0),
            cells: [7, 7],
            verdict: "ok".to_string(),
            tied_cells: None,
            tied_pixels: None,
            curves: Default::default(),
            values: [(
                Metric::IouOtsu,
                if flat {
                    Outcome::Undefined {
                        undefined: gradcam_eval::Undefined::Zero,
                    }
                } else {
                    Outcome::Value(0.5)
                },
            )]
            .into(),
        };
        let record = |index: usize| ImageRecord {
            index,
            id: index.to_string(),
            annotated: Some(0),
            predicted: 0,
            rank: Some(0),
            maps: vec![map("grad-cam", false)],
            nulls: vec![
                map("random", false),
                map("centre", false),
                map("untrained", index < flat),
            ],
        };
        (0..images).map(record).collect()
    }

    /// Six localisation tests were not run because one of a null's thirty maps was flat.
    #[test]
    fn a_flat_map_of_a_null_is_made_up_for() {
        let all = [Metric::IouOtsu];
        assert!(!lacking(&records(30, 0), &all));
        assert!(lacking(&records(30, 1), &all));
        assert!(!lacking(&records(31, 1), &all));
        assert!(lacking(&records(32, 3), &all));
        // No number of such images is enough.
        assert!(!lacking(&records(30, 20), &all));
        // The metric was measured on no image.
        assert!(!lacking(&records(30, 1), &[Metric::Energy]));
    }
}
