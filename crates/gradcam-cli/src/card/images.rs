//! Tests over the images of the data set: input sensitivity, minimality, perceptual correspondence.

use std::sync::atomic::Ordering;

use anyhow::{Result, bail};
use gradcam::Target;
use gradcam_eval::card::{Curve, Reference, Section, Sections, Source, Test};
use gradcam_eval::evaluate::{
    FORMAT, Header, ImageRecord, Item, MetricSummary, Null, SourceSummary, Study, measure as one,
    summarise,
};
use gradcam_eval::faithfulness::{self, Sample};
use gradcam_eval::sanity::predicted;
use gradcam_eval::statistics::{
    self, Grade, Graded, Interval, MIN_SAMPLES, Measurement, grade, grade_exact, mean_interval,
};
use gradcam_eval::{Metric, Need, nulls};

use super::Subject;
use super::tests::{Counts, Named, measured, without};
use crate::commands::evaluate::untrained;
use crate::console::{Console, Unit};
use crate::dataset::{class_of, count_masks, prepare};

/// The tests, in the card's order: metric, id, section, and what it is compared with.
const TESTS: [(Metric, &str, Section, &[Null]); 26] = {
    use Metric as M;
    use Section::{InputSensitivity as I, Minimality as L, PerceptualCorrespondence as P};
    const BLIND: &[Null] = &[Null::Random, Null::Centre];
    const CELLS: &[Null] = &[Null::Permuted];
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
            CELLS,
        ),
        (
            M::InsertionCorrelation,
            "luminosity_calibration.ic",
            P,
            CELLS,
        ),
        (M::IouOtsu, "mean_iou.otsu", P, PLACES),
        (M::IouHalf, "mean_iou.half", P, PLACES),
        (M::Pointing, "pointing_game", P, PLACES),
        (M::Hit, "hit_rate", P, PLACES),
        (M::Energy, "energy", P, PLACES),
        (M::Localisation, "localisation", P, PLACES),
    ]
};

/// Metrics that ask the network hundreds of times an image.
const SLOW: [Metric; 4] = [
    Metric::Road,
    Metric::RegionPerturbation,
    Metric::Infidelity,
    Metric::SensitivityN,
];

/// Metrics that are measured on the same images against the same nulls.
struct Group {
    nulls: &'static [Null],
    slow: bool,
    metrics: Vec<Metric>,
    records: Vec<ImageRecord>,
}

/// The tests that can be measured, in groups.
fn groups(masked: bool, slow: bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (metric, _, _, nulls) in TESTS {
        let is_slow = SLOW.contains(&metric);
        if (is_slow && !slow) || (!masked && metric.about().needs.contains(&Need::Mask)) {
            continue;
        }
        let same = |group: &&mut Group| group.nulls == nulls && group.slow == is_slow;
        match groups.iter_mut().find(same) {
            Some(group) => group.metrics.push(metric),
            None => groups.push(Group {
                nulls,
                slow: is_slow,
                metrics: vec![metric],
                records: Vec::new(),
            }),
        }
    }
    groups
}

/// Measures the tests and puts them in their sections.
pub(crate) fn measure(
    subject: &Subject<'_>,
    sections: &mut Sections,
    console: &mut Console<'_>,
) -> Result<()> {
    let mut explainers = vec![subject.explainer.clone()];
    explainers.extend(subject.against.iter().cloned());
    let random = untrained(subject.model, subject.seed)?;
    let masks = count_masks(
        subject.samples.iter().map(|(_, sample)| *sample),
        &subject.reading,
        || {},
    );
    let mut groups = groups(masks.images > 1, subject.effort.slow > 0);
    let every = subject.samples.len().div_ceil(subject.effort.slow.max(1));
    let mut curves = [Vec::new(), Vec::new()];
    let bar = console.bar(subject.samples.len() as u64, Unit::Images);
    for (number, (index, sample)) in subject.samples.iter().enumerate() {
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
        };
        for group in &mut groups {
            if group.slow && number % every != 0 {
                continue;
            }
            let study = Study {
                network: &subject.model.network,
                untrained: Some(&random),
                masks: Some(&masks),
                explainers: &explainers,
                nulls: group.nulls,
                metrics: &group.metrics,
                seed: subject.seed,
            };
            group.records.push(one(&study, &item)?);
        }
        curve_of(subject, &item, &mut curves)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let mut found: Vec<MetricSummary> = Vec::new();
    for group in groups {
        let header = Header {
            format: FORMAT.to_string(),
            model: subject.model.name.clone(),
            model_sha256: subject.model.sha256.clone(),
            fit: String::new(),
            data: subject.data.name.clone(),
            data_sha256: String::new(),
            images: subject.data.samples.len(),
            methods: explainers.iter().map(|e| e.method.clone()).collect(),
            layers: Vec::new(),
            interpolation: String::new(),
            nulls: group.nulls.to_vec(),
            metrics: group.metrics,
            seed: subject.seed,
        };
        found.extend(summarise(&header, &group.records)?.metrics);
    }
    for (metric, id, section, nulls) in TESTS {
        let mut test = match found.iter().find(|found| found.metric == metric) {
            Some(found) => of_metric(found, id, nulls, subject.against.len()),
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
        let drawn = match metric {
            Metric::Deletion => Some((&curves[0], "share of pixels taken away")),
            Metric::Insertion => Some((&curves[1], "share of pixels given back")),
            _ => None,
        };
        if let Some((rows, axis)) = drawn {
            test.curves = bands(rows, subject.seed)?;
            test.axes = Some([axis.to_string(), "probability".to_string()]);
        }
        match section {
            Section::InputSensitivity => sections.input_sensitivity.push(test),
            Section::Minimality => sections.minimality.push(test),
            _ => sections.perceptual_correspondence.push(test),
        }
    }
    Ok(())
}

fn named(metric: Metric, id: &'static str) -> Named<'static> {
    let about = metric.about();
    Named {
        id,
        title: about.title,
        paper: about.paper,
        metric: metric.name(),
        unit: "",
        protocol: match about.needs {
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
        nulls: wanted
            .iter()
            .filter_map(|null| as_null(found, *null))
            .collect(),
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
    test.references = others
        .iter()
        .filter_map(|other| {
            let mean = other.mean?;
            Some(Reference {
                name: other.source.clone(),
                value: Some(mean.value),
                ci: Some([mean.low, mean.high]),
                source: Source::Measured,
                comparable: true,
            })
        })
        .collect();
    // The hardest null decides.
    let judged = own
        .against
        .iter()
        .filter(|against| wanted.iter().any(|null| null.name() == against.null));
    test.p_value = judged.map(|against| against.p).max_by(f64::total_cmp);
    test
}

const NOTHING: Interval = Interval {
    value: f64::NAN,
    low: f64::NAN,
    high: f64::NAN,
};

fn as_null(found: &MetricSummary, null: Null) -> Option<statistics::Null> {
    let own = |source: &&SourceSummary| source.source == null.name();
    let interval = found.sources.iter().find(own)?.mean?;
    let paired = found.sources[0].against.iter();
    let mut paired = paired.filter(|against| against.null == null.name());
    Some(statistics::Null {
        name: null.name().replace('-', "_"),
        interval,
        difference: paired.next().map(|against| against.difference),
    })
}

/// The scores of one image along its curve, by the curve's name.
type Rows = Vec<(&'static str, Vec<f64>)>;

/// The curves of one image under the method and the nulls.
fn curve_of(subject: &Subject<'_>, item: &Item<'_>, curves: &mut [Vec<Rows>; 2]) -> Result<()> {
    let class = predicted(&subject.model.network, item.image)?;
    let sample = Sample {
        network: &subject.model.network,
        image: item.image,
        target: class,
    };
    let map = subject
        .explainer
        .explain_one(&subject.model.network, item.image, Target::Index(class))?
        .upsampled;
    let seed = subject.seed.wrapping_add(item.index as u64);
    let maps = [
        (subject.explainer.method.name(), map.clone()),
        (
            "random order",
            nulls::random_map(map.height, map.width, seed),
        ),
        ("centre first", nulls::centre_map(map.height, map.width)),
    ];
    let protocol = faithfulness::Petsiuk {
        step: None,
        ties: faithfulness::Ties::Random(seed),
    };
    let (mut deletion, mut insertion) = (Vec::new(), Vec::new());
    for (name, map) in &maps {
        // A map that says nothing has no order, and is counted where its area is.
        match faithfulness::deletion(&sample, map, protocol) {
            Ok(curve) => deletion.push((*name, curve.scores)),
            Err(gradcam_eval::Error::Undefined(_)) => continue,
            Err(error) => return Err(error.into()),
        }
        insertion.push((
            *name,
            faithfulness::insertion(&sample, map, protocol)?.scores,
        ));
    }
    curves[0].push(deletion);
    curves[1].push(insertion);
    Ok(())
}

/// The mean curves with their bands.
fn bands(rows: &[Rows], seed: u64) -> Result<Vec<Curve>> {
    let names: Vec<&'static str> = rows
        .iter()
        .map(Vec::as_slice)
        .max_by_key(|row| row.len())
        .map_or(Vec::new(), |row| {
            row.iter().map(|(name, _)| *name).collect()
        });
    let mut curves = Vec::with_capacity(names.len());
    for name in names {
        let own: Vec<&Vec<f64>> = rows
            .iter()
            .flat_map(|row| row.iter().filter(|(n, _)| *n == name))
            .map(|(_, scores)| scores)
            .collect();
        let steps = own.iter().map(|scores| scores.len()).min().unwrap_or(0);
        let mut curve = Curve {
            name: name.to_string(),
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
        curves.push(curve);
    }
    Ok(curves)
}
