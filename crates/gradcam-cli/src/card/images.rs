//! Tests over the images of the data set: input sensitivity, minimality, perceptual correspondence.

use std::sync::atomic::Ordering;

use anyhow::{Result, bail};
use gradcam_eval::card::{Accuracy, Artifact, Curve, Reference, Section, Sections, Source, Test};
use gradcam_eval::evaluate::{
    ImageRecord, Item, MapRecord, MetricSummary, Null, Outcome, SHUFFLES, SourceSummary, Study,
    measure as one, summarise,
};
use gradcam_eval::statistics::{
    self, Grade, Graded, Interval, MIN_SAMPLES, Measurement, grade, grade_exact, mean_interval,
};
use gradcam_eval::{Direction, Metric, Need};

use super::sample::mendable;
use super::tests::{Counts, Named, measured, without};
use super::unfinished::Unfinished;
use super::{RECORDS, Subject};
use crate::commands::evaluate::{difficult, header, untrained};
use crate::console::{Console, Unit};
use crate::dataset::{class_of, count_masks, prepare};
use crate::digest::sha256;

/// The tests, in the card's order: metric, id, section, and what it is compared with.
pub(crate) const TESTS: [(Metric, &str, Section, &[Null]); 34] = {
    use Metric as M;
    use Section::{InputSensitivity as I, Minimality as L, PerceptualCorrespondence as P};
    const BLIND: &[Null] = &[Null::Random, Null::Centre];
    const CELLS: &[Null] = &[Null::Permuted];
    const ORDERS: &[Null] = &[Null::Permuted, Null::Shuffled];
    const OBJECTS: &[Null] = &[Null::Random, Null::Untrained, Null::MeanMask];
    const PLACES: &[Null] = &[Null::Random, Null::Centre, Null::Untrained];
    const NONE: &[Null] = &[];
    [
        (M::Deletion, "deletion.rise", I, BLIND),
        (M::Dauc, "deletion.gomez", I, CELLS),
        (M::Insertion, "insertion.rise", I, BLIND),
        (M::Iauc, "insertion.gomez", I, CELLS),
        (M::Road, "road", I, BLIND),
        (M::RegionPerturbation, "region_perturbation", I, BLIND),
        (M::AverageDrop, "average_drop", I, BLIND),
        (M::Increase, "increase_in_confidence", I, BLIND),
        (M::DropInDeletion, "average_drop_in_deletion", I, BLIND),
        (M::Infidelity, "infidelity", I, BLIND),
        (M::SensitivityN, "sensitivity_n", I, BLIND),
        (M::MaxSensitivity, "max_sensitivity", I, NONE),
        (M::InputInvariance, "input_invariance", I, NONE),
        (M::Sparsity, "sparsity", L, NONE),
        (M::SparsityUpsampled, "sparsity.input", L, NONE),
        (M::Gini, "gini", L, NONE),
        (M::Entropy, "entropy", L, NONE),
        (M::AveragePrecision, "localization_utility.ap", P, OBJECTS),
        (
            M::PrecisionTrapezoid,
            "localization_utility.trapezoid",
            P,
            OBJECTS,
        ),
        (
            M::DeletionCorrelation,
            "luminosity_calibration.dc",
            P,
            ORDERS,
        ),
        (
            M::InsertionCorrelation,
            "luminosity_calibration.ic",
            P,
            ORDERS,
        ),
        (
            M::DeletionCorrelationAlone,
            "luminosity_calibration.dc_alone",
            P,
            ORDERS,
        ),
        (
            M::InsertionCorrelationAlone,
            "luminosity_calibration.ic_alone",
            P,
            ORDERS,
        ),
        (M::IouOtsu, "mean_iou.otsu", P, PLACES),
        (M::IouHalf, "mean_iou.half", P, PLACES),
        (M::IouTuned, "mean_iou.tuned", P, PLACES),
        (M::Pointing, "pointing_game", P, PLACES),
        (M::PointingClassMean, "pointing_game.class_mean", P, PLACES),
        (M::PointingDifficult, "pointing_game.difficult", P, PLACES),
        (M::Hit, "hit_rate", P, PLACES),
        (M::Energy, "energy", P, PLACES),
        (M::Localisation, "weak_localization.annotated", P, PLACES),
        (
            M::LocalisationErrorTop1,
            "weak_localization.top1",
            P,
            PLACES,
        ),
        (
            M::LocalisationErrorTop5,
            "weak_localization.top5",
            P,
            PLACES,
        ),
    ]
};

/// What a card holds a metric against.
pub(crate) fn nulls(metric: Metric) -> &'static [Null] {
    let mut tests = TESTS.iter();
    let test = tests.find(|(own, ..)| *own == metric);
    test.map_or(&[], |(.., nulls)| *nulls)
}

/// Metrics that ask the network hundreds of times an image.
const SLOW: [Metric; 4] = [
    Metric::Road,
    Metric::RegionPerturbation,
    Metric::Infidelity,
    Metric::SensitivityN,
];

/// Whether a test holds the method in a metric against a null; the methods beside it are held against none.
fn compared(method: usize, metric: Metric, null: Null) -> bool {
    let mut tests = TESTS.iter();
    method == 0 && tests.any(|(own, .., nulls)| *own == metric && nulls.contains(&null))
}

/// What else the images tell.
pub(crate) struct Found {
    /// The images' values: a file, and its entry among the card's artifacts.
    pub(crate) records: (Artifact, Vec<u8>),
    /// How many of the images the network names rightly; none where it knows no class of theirs.
    pub(crate) accuracy: Option<Accuracy>,
    /// How many images were looked at: those of the sample, and those that make up for some of them.
    pub(crate) images: usize,
}

/// Measures the tests and puts them in their sections. Each image is kept when it is measured; those that are kept already are not measured
/// again.
///
/// Where images of the sample have a map, or a map of a null, with nothing to measure, so that a test has too few, further ones are drawn.
pub(crate) fn measure(
    subject: &Subject<'_>,
    unfinished: &Unfinished,
    sections: &mut Sections,
    console: &mut Console<'_>,
) -> Result<Found> {
    let mut explainers = vec![subject.explainer.clone()];
    explainers.extend(subject.against.iter().cloned());
    let random = untrained(subject.model, subject.seed)?;
    let drawn = &subject.samples[..subject.sample];
    let masks = count_masks(
        subject.samples.iter().map(|(_, sample)| *sample),
        &subject.reading,
        || {},
    );
    let mut metrics: Vec<Metric> = TESTS.iter().map(|(metric, ..)| *metric).collect();
    metrics.retain(|metric| masks.images > 1 || !metric.about().needs.contains(&Need::Mask));
    let quick: Vec<Metric> = metrics
        .iter()
        .copied()
        .filter(|metric| !SLOW.contains(metric))
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
        let item = Item {
            index: *index,
            id: &sample.id,
            image: &prepared.image,
            mask: prepared.mask.as_deref(),
            annotated: class.and_then(|class| class_of(class, &subject.model.labels)),
            difficult: difficult(sample, prepared.mask.as_deref()),
        };
        let study = Study {
            network: &subject.model.network,
            untrained: Some(&random),
            masks: Some(&masks),
            explainers: &explainers,
            nulls: &nulls,
            metrics: match number < subject.effort.slow {
                true => &metrics,
                false => &quick,
            },
            compared: &compared,
            seed: subject.seed,
        };
        kept.add(&one(&study, &item)?)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    if looked_at > drawn.len() {
        console.note(format!(
            "{} more images were drawn: of the sample some have nothing to measure",
            looked_at - drawn.len()
        ));
    }
    let records = kept.all()?;
    let found = summarise(&header, &records)?.metrics;
    for (metric, id, section, nulls) in TESTS {
        let found = found.iter().find(|found| found.metric == metric);
        let mut test = match found {
            Some(found) if found.sources[0].values + found.sources[0].undefined > 0 => {
                of_metric(found, id, nulls, subject.against.len())
            }
            Some(_) => without(named(metric, id), Grade::NotApplicable, no_image(metric)),
            None if SLOW.contains(&metric) => without(
                named(metric, id),
                Grade::NotRun,
                "it asks the network hundreds of times an image, and the quick card leaves it out",
            ),
            None => without(
                named(metric, id),
                Grade::NotApplicable,
                "the data set has no masks or boxes",
            ),
        };
        if test.metric.n > 0 {
            test.per_item = Some(RECORDS.to_string());
        }
        if ORDERED.contains(&metric) {
            test.metric.tie_fraction = ties(&records, metric);
        }
        if let Some(first) = named_first(metric) {
            let options = &mut test.protocol.options;
            options.extend(classification_error(&records, first));
        }
        let axis = match metric {
            Metric::Deletion => Some("share of pixels taken away"),
            Metric::Insertion => Some("share of pixels given back"),
            _ => None,
        };
        if let Some(axis) = axis {
            test.curves = curves(&records, metric, nulls, subject.seed)?;
            test.axes = Some([axis.to_string(), "probability".to_string()]);
        }
        match section {
            Section::InputSensitivity => sections.input_sensitivity.push(test),
            Section::Minimality => sections.minimality.push(test),
            _ => sections.perceptual_correspondence.push(test),
        }
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

/// Whether a test has too few images for the maps, the method's or a null's, that have nothing to measure, and more images can bring it to its
/// number.
fn lacking(records: &[ImageRecord], metrics: &[Metric]) -> bool {
    let valued = |map: &MapRecord, metric: Metric| {
        let outcome = map.values.get(&metric);
        outcome.is_some_and(|outcome| !matches!(outcome, Outcome::Undefined { .. }))
    };
    TESTS.iter().any(|(metric, _, _, nulls)| {
        if !metrics.contains(metric) || metric.about().direction == Direction::None {
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
        // An image that the metric does not look at has nothing that could be made up for.
        let asked = |record: &&ImageRecord| {
            let map = record.maps.first();
            map.is_some_and(|map| map.values.contains_key(metric))
        };
        let asked = records.iter().filter(asked).count();
        let mut counts = std::iter::once(alone).chain(nulls.iter().map(beside));
        counts.any(|values| values < asked && mendable(values, asked))
    })
}

fn accuracy(records: &[ImageRecord]) -> Option<Accuracy> {
    let ranks: Vec<usize> = records.iter().filter_map(|record| record.rank).collect();
    let right = ranks.iter().filter(|rank| **rank == 0).count();
    (!ranks.is_empty()).then(|| Accuracy {
        split: super::IMAGES.to_string(),
        value: right as f64 / ranks.len() as f64,
        n: ranks.len(),
    })
}

/// Why no image has a metric that could be measured.
fn no_image(metric: Metric) -> &'static str {
    match metric.about().needs {
        needs if needs.contains(&Need::Distractor) => {
            "no image has an object of under a quarter of the picture beside one of another class"
        }
        _ => "no image has a class that the network knows",
    }
}

/// Metrics that take a map's places in their order.
const ORDERED: [Metric; 9] = [
    Metric::Deletion,
    Metric::Insertion,
    Metric::Dauc,
    Metric::Iauc,
    Metric::Road,
    Metric::DeletionCorrelation,
    Metric::InsertionCorrelation,
    Metric::DeletionCorrelationAlone,
    Metric::InsertionCorrelationAlone,
];

/// The mean share of tied places of the method's maps: of those at the map's own resolution where the metric takes them, else of pixels.
fn ties(records: &[ImageRecord], metric: Metric) -> Option<f64> {
    let measured = records.iter().filter_map(|record| record.maps.first());
    let measured = measured.filter(|map| map.values.contains_key(&metric));
    let shares: Vec<f64> = measured
        .filter_map(|map| match metric {
            Metric::Deletion | Metric::Insertion | Metric::Road => map.tied_pixels,
            _ => map.tied_cells,
        })
        .collect();
    (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
}

/// How many classes a metric of localisation lets the network name.
fn named_first(metric: Metric) -> Option<usize> {
    match metric {
        Metric::LocalisationErrorTop1 => Some(1),
        Metric::LocalisationErrorTop5 => Some(5),
        _ => None,
    }
}

/// The share of images whose class is not among the network's first ones: below it no map can bring the localisation error.
fn classification_error(records: &[ImageRecord], first: usize) -> Option<(String, String)> {
    let ranks: Vec<usize> = records.iter().filter_map(|record| record.rank).collect();
    let wrong = ranks.iter().filter(|rank| **rank >= first).count();
    let error = wrong as f64 / ranks.len() as f64;
    let name = format!("classification error, top {first}");
    (!ranks.is_empty()).then(|| (name, format!("{error:.4} of {} images", ranks.len())))
}

fn named(metric: Metric, id: &'static str) -> Named<'static> {
    let about = metric.about();
    Named {
        id,
        title: about.title,
        paper: about.paper,
        metric: metric.name(),
        unit: "",
        protocol: protocol(metric),
    }
}

// The words below say so.
const _: () = assert!(SHUFFLES == 100);

/// What is done, in a sentence or two.
fn protocol(metric: Metric) -> &'static str {
    match metric {
        Metric::IouTuned => {
            "The map of the annotated class, cut at one of 0.2, 0.3, … 0.8 of its range, against the object's mask: every second image at the threshold with the highest mean over the other half, and the other half at that of these. Each null has thresholds of its own."
        }
        Metric::PointingClassMean => {
            "As the pointing game, with the mean over classes of each class's share of hits; intervals are over images: each keeps a weight of one over its class's images, and a resample is divided by the weights that were drawn."
        }
        Metric::PointingDifficult => {
            "The pointing game on the images whose object covers less than a quarter of the picture, with an object of another class beside it."
        }
        Metric::LocalisationErrorTop1 | Metric::LocalisationErrorTop5 => {
            "An image is right where its class is among the network's first ones and the box around the largest segment of the class's map, at 15 % of the maximum, overlaps the object's by half (IoU). The maps of the other classes are not made, since they cannot be right."
        }
        Metric::DeletionCorrelation | Metric::InsertionCorrelation => {
            "How the score changes with each place of the map, taken one on top of the other, against the place's saliency. Null `permuted`: the same values in random places, for which the network is asked anew; `shuffled`: the mean over 100 random orders of the saliency an image, against the same changes."
        }
        Metric::DeletionCorrelationAlone | Metric::InsertionCorrelationAlone => {
            "How the score changes with each place of the map alone, from that before the first, against the place's saliency. Nulls as with cumulative steps."
        }
        _ => match metric.about().needs {
            needs if needs.contains(&Need::Mask) => {
                "The map of the annotated class against the object's mask, brought to the network's input."
            }
            needs if needs.contains(&Need::Explainer) => {
                "The method is asked again for changed inputs, for the class that the network sees in the image."
            }
            needs if needs.contains(&Need::Network) => {
                "The network is asked again for changed images, for the class that it sees in the image; ties between pixels are broken by a seeded draw."
            }
            _ => {
                "Read off the map of the class that the network sees, at the map's own resolution."
            }
        },
    }
}

/// The test of one metric: the first method against the nulls.
fn of_metric(found: &MetricSummary, id: &'static str, wanted: &[Null], against: usize) -> Test {
    let own = &found.sources[0];
    let others = found.sources.get(1..=against).unwrap_or_default();
    let measurement = Measurement {
        direction: found.direction,
        interval: own.mean.unwrap_or(NOTHING),
        nulls: wanted.iter().map(|null| as_null(found, *null)).collect(),
        gates: Vec::new(),
        samples: own.values,
        least_samples: MIN_SAMPLES,
        degenerate: own.undefined as f64 / (own.values + own.undefined).max(1) as f64,
    };
    let graded = match found.metric {
        Metric::InputInvariance => match own.largest {
            Some(largest) => grade_exact(largest, 1e-4),
            None => grade(&measurement.finding()),
        },
        // Nothing is known that a map without knowledge would reach.
        Metric::MaxSensitivity => Graded {
            grade: Grade::Info,
            reason: "there is no null for the stability of a map; the value is for comparison"
                .to_string(),
        },
        _ => grade(&measurement.finding()),
    };
    let counts = Counts {
        values: own.values,
        degenerate: own.undefined,
    };
    let mut test = measured(named(found.metric, id), &measurement, graded, counts);
    let cut = own
        .thresholds
        .map(|[a, b]| format!("{a} and {b} of the range"));
    test.protocol.threshold = cut;
    test.references = others
        .iter()
        .filter_map(|other| {
            let mean = other.mean?;
            Some(Reference {
                name: other.source.clone(),
                value: Some(mean.value),
                ci: Some([mean.low, mean.high]),
                source: Source::Measured,
                comparable: other.resolution == own.resolution,
            })
        })
        .collect();
    test
}

const NOTHING: Interval = Interval {
    value: f64::NAN,
    low: f64::NAN,
    high: f64::NAN,
};

/// A null on the same images, of no samples where it has no value.
fn as_null(found: &MetricSummary, null: Null) -> statistics::Null {
    let resolution = &found.sources[0].resolution;
    // The first of this resolution is the first method's.
    let own =
        |source: &&SourceSummary| source.source == null.name() && source.resolution == *resolution;
    let source = found.sources.iter().find(own);
    let mut paired = found.sources[0].against.iter();
    let paired = paired.find(|against| against.null == null.name());
    let alone = source.map_or(0, |source| source.values);
    statistics::Null {
        name: null.name().replace('-', "_"),
        interval: source.and_then(|source| source.mean).unwrap_or(NOTHING),
        difference: paired.map(|against| against.difference),
        samples: Some(paired.map_or(alone, |against| against.values)),
        p: paired.map(|against| against.p),
    }
}

/// The mean curves of the method and its nulls, with their bands.
fn curves(
    records: &[ImageRecord],
    metric: Metric,
    nulls: &[Null],
    seed: u64,
) -> Result<Vec<Curve>> {
    let mut curves = Vec::new();
    for null in std::iter::once(None).chain(nulls.iter().map(Some)) {
        let maps = records.iter().filter_map(|record| match null {
            None => record.maps.first(),
            Some(null) => record.held_against(*null, 0, metric),
        });
        let maps: Vec<&MapRecord> = maps.collect();
        let Some(first) = maps.first() else { continue };
        // A map that says nothing has no order, and is counted where its area is.
        let own = maps.iter().filter_map(|map| map.curves.get(&metric));
        let own: Vec<&Vec<f64>> = own.collect();
        let steps = own.iter().map(|scores| scores.len()).min().unwrap_or(0);
        let mut curve = Curve {
            name: first.source.replace('-', " "),
            x: (0..steps)
                .map(|i| i as f64 / (steps.max(2) - 1) as f64)
                .collect(),
            y: Vec::with_capacity(steps),
            lo: Vec::with_capacity(steps),
            hi: Vec::with_capacity(steps),
            reason: None,
        };
        for step in 0..steps {
            let values: Vec<f64> = own.iter().map(|scores| scores[step]).collect();
            let mean = mean_interval(&values, seed)?;
            curve.y.push(Some(mean.value));
            curve.lo.push(Some(mean.low));
            curve.hi.push(Some(mean.high));
        }
        if steps > 0 {
            curves.push(curve);
        }
    }
    Ok(curves)
}

#[cfg(test)]
mod unit {
    use super::*;

    /// Images with a map of a method and one of each of three nulls, of which the last has `flat` with nothing to measure.
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
                match flat {
                    true => Outcome::Undefined {
                        undefined: gradcam_eval::Undefined::Zero,
                    },
                    false => Outcome::Value(0.5),
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

    /// Six tests of localisation were not run since one null's map of thirty was flat.
    #[test]
    fn a_flat_map_of_a_null_is_made_up_for() {
        let all = [Metric::IouOtsu];
        assert!(!lacking(&records(30, 0), &all));
        assert!(lacking(&records(30, 1), &all));
        assert!(!lacking(&records(31, 1), &all));
        assert!(lacking(&records(32, 3), &all));
        // Of these no number of images has enough.
        assert!(!lacking(&records(30, 20), &all));
        // Nobody asked.
        assert!(!lacking(&records(30, 1), &[Metric::Energy]));
    }
}
