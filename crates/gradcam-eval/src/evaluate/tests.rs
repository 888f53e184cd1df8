#![allow(clippy::unwrap_used)]

mod class_mean;
mod company;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;
use gradcam::{Explainer, Method};

use super::*;
use crate::testing::{Patch, SIDE, on_any_threads};
use crate::{Metric, Undefined};

const IMAGES: usize = 16;
const METRICS: [Metric; 9] = [
    Metric::Pointing,
    Metric::PointingDifficult,
    Metric::IouTuned,
    Metric::Energy,
    Metric::Deletion,
    Metric::Iauc,
    Metric::InsertionCorrelation,
    Metric::DeletionCorrelationAlone,
    Metric::Sparsity,
];
const NULLS: [Null; 5] = [
    Null::Random,
    Null::Centre,
    Null::Permuted,
    Null::Shuffled,
    Null::MeanMask,
];

fn methods() -> Vec<Explainer> {
    let options = |options: &[(&str, &str)]| -> Vec<(String, String)> {
        let each = options.iter();
        each.map(|(a, b)| (a.to_string(), b.to_string())).collect()
    };
    let occlusion = options(&[("window", "5"), ("stride", "2")]);
    [
        Method::with_options("occlusion", &occlusion).unwrap(),
        Method::with_options("input-x-gradient", &[]).unwrap(),
    ]
    .map(Explainer::of)
    .to_vec()
}

fn header(explainers: &[Explainer]) -> Header {
    Header {
        format: FORMAT.to_string(),
        model: "patch".to_string(),
        model_sha256: String::new(),
        config_sha256: String::new(),
        precision: "f32".to_string(),
        device: "cpu".to_string(),
        fit: "none".to_string(),
        max_pixels: None,
        window: None,
        frame: None,
        data: "waves".to_string(),
        data_sha256: String::new(),
        images: IMAGES,
        methods: explainers.iter().map(|e| e.method.clone()).collect(),
        layers: Vec::new(),
        interpolation: "bilinear".to_string(),
        budget: None,
        tolerance: None,
        background_sha256: None,
        nulls: NULLS.to_vec(),
        metrics: METRICS.to_vec(),
        seed: 3,
    }
}

fn record(index: usize) -> ImageRecord {
    let network = Patch::new();
    let explainers = methods();
    let mask = network.mask();
    let image: Tensor = (network.image() * (1.0 + 0.1 * index as f64)).unwrap();
    let masks = Masks {
        counts: mask.iter().map(|&m| 5 * u32::from(m)).collect(),
        images: 6,
    };
    let study = Study {
        network: &network,
        untrained: None,
        masks: Some(&masks),
        explainers: &explainers,
        nulls: &NULLS,
        metrics: &METRICS,
        compared: &|_, _, _| true,
        seed: 3,
    };
    let item = Item {
        index,
        id: &format!("wave {index}"),
        image: &image,
        // The last image has no annotation.
        mask: (index + 1 < IMAGES).then_some(mask.as_slice()),
        annotated: (index + 1 < IMAGES).then_some(0),
        difficult: index.is_multiple_of(2),
    };
    measure(&study, &item).unwrap()
}

/// The record as stored in a file.
fn written(index: usize) -> ImageRecord {
    let mut record = record(index);
    let nulls = record.nulls.iter_mut();
    record
        .maps
        .iter_mut()
        .chain(nulls)
        .for_each(|map| map.curves.clear());
    record
}

fn write(path: &Path, indices: impl IntoIterator<Item = usize>) {
    let mut journal = Journal::create(path, &header(&methods())).unwrap();
    indices
        .into_iter()
        .for_each(|i| journal.add(&record(i)).unwrap());
}

#[test]
fn what_knows_the_network_beats_what_does_not() {
    let records: Vec<ImageRecord> = (0..IMAGES).map(record).collect();
    assert_eq!(records[3], on_any_threads(|| record(3)));
    let map = &records[3].maps[0];
    let area = crate::faithfulness::area(&map.curves[&Metric::Deletion]);
    assert_eq!(map.values[&Metric::Deletion], Outcome::Value(area));
    let summary = summarise(&header(&methods()), &records).unwrap();
    assert_eq!(summary.metrics.len(), METRICS.len());
    for metric in &summary.metrics {
        let [occlusion, gradient, random, centre, ..] = metric.sources.as_slice() else {
            panic!("{metric:?}");
        };
        let values = match metric.metric {
            Metric::Pointing | Metric::Energy | Metric::IouTuned => IMAGES - 1,
            // Every second image, from the first on.
            Metric::PointingDifficult => IMAGES / 2,
            _ => IMAGES,
        };
        assert_eq!(occlusion.values + occlusion.undefined, values, "{metric:?}");
        if metric.metric == Metric::Sparsity {
            assert!(occlusion.against.is_empty() && occlusion.rank.is_none());
            continue;
        }
        // Only a correlation is compared with shuffled values; each method has its own, as for permuted ones.
        let correlates = metric.metric.name().contains("correlation");
        assert_eq!(metric.sources.len(), 9);
        assert_eq!(metric.sources[6].values > 0, correlates);
        assert_eq!(metric.sources[7].values > 0, correlates);
        assert_eq!(
            gradient.against.len(),
            NULLS.len() - usize::from(!correlates)
        );
        assert!(random.against.is_empty() && centre.rank.is_none());
        let random = &occlusion.against[0];
        assert_eq!(random.null, "random");
        assert!(random.p < 0.05, "{metric:?}");
        assert!(random.p_holm >= random.p);
    }
    let pointing = &summary.metrics[0].sources;
    assert_eq!(pointing[0].mean.unwrap().value, 1.0);
    // Both methods point at the patch, and share the first two ranks.
    assert_eq!(pointing[0].rank.unwrap().value, 1.5);
    // The other images' masks are in the same position.
    assert_eq!(pointing[8].mean.unwrap().value, 1.0);
    let shuffled = &summary.metrics[6].sources[6];
    assert_eq!(summary.metrics[6].metric, Metric::InsertionCorrelation);
    assert_eq!(
        (shuffled.source.as_str(), shuffled.values),
        ("shuffled", IMAGES)
    );
    let mean = shuffled.mean.unwrap();
    assert!(
        mean.low < 0.0 && mean.high > 0.0 && mean.high < 0.02,
        "{mean:?}"
    );
}

/// Summarises one method, given the class and the outcome of each image.
fn summary_of(metric: Metric, images: &[(usize, Outcome)]) -> SourceSummary {
    let method = Explainer::of(Method::with_options("grad-cam", &[]).unwrap());
    let header = Header {
        nulls: Vec::new(),
        metrics: vec![metric],
        ..header(&[method])
    };
    let record = |(index, (class, outcome)): (usize, &(usize, Outcome))| ImageRecord {
        index,
        id: index.to_string(),
        annotated: Some(*class),
        predicted: 0,
        rank: Some(0),
        maps: vec![MapRecord {
            source: "grad-cam".to_string(),
            of: None,
            cells: [7, 7],
            verdict: "ok".to_string(),
            tied_cells: None,
            tied_pixels: None,
            curves: BTreeMap::new(),
            values: [(metric, *outcome)].into(),
        }],
        nulls: Vec::new(),
    };
    let records: Vec<ImageRecord> = images.iter().enumerate().map(record).collect();
    let mut summary = summarise(&header, &records).unwrap();
    summary.metrics.remove(0).sources.remove(0)
}

#[test]
fn each_half_is_cut_where_the_other_one_is_best() {
    let at = |best: usize, iou: f64| {
        let mut ious = [0.1; 7];
        (ious[best], ious[6 - best]) = (iou, iou / 2.0);
        (0, Outcome::Cuts(ious))
    };
    let undefined = (
        0,
        Outcome::Undefined {
            undefined: Undefined::Zero,
        },
    );
    // The first half is best at 0.3, the second at 0.7, where the other half has half of its best value.
    let images = [
        at(1, 0.8),
        at(5, 0.4),
        undefined,
        at(5, 0.6),
        at(1, 0.4),
        undefined,
    ];
    let found = summary_of(Metric::IouTuned, &images);
    assert_eq!(found.thresholds, Some([0.7, 0.3]));
    assert_eq!((found.values, found.undefined), (4, 2));
    assert!((found.mean.unwrap().value - (0.4 + 0.2 + 0.3 + 0.2) / 4.0).abs() < 1e-12);
    // One image has no others to choose by.
    let alone = summary_of(Metric::IouTuned, &images[..1]);
    assert_eq!(
        (alone.thresholds, alone.values, alone.undefined),
        (None, 0, 1)
    );
}

#[test]
fn classes_count_the_same_in_a_mean_over_classes() {
    let hits = [(7, 1.0), (7, 1.0), (7, 0.0), (3, 0.0), (5, 1.0), (7, 1.0)];
    let mut images: Vec<_> = hits.map(|(class, hit)| (class, Outcome::Value(hit))).into();
    let mean = |metric: Metric, images: &[(usize, Outcome)]| {
        summary_of(metric, images).mean.unwrap().value
    };
    assert!((mean(Metric::Pointing, &images) - 4.0 / 6.0).abs() < 1e-12);
    // Three quarters, none and all.
    let expected = (0.75 + 0.0 + 1.0) / 3.0;
    assert!((mean(Metric::PointingClassMean, &images) - expected).abs() < 1e-12);
    // An image without a value does not count for its class.
    let undefined = Undefined::NonFinite;
    images.push((3, Outcome::Undefined { undefined }));
    images.push((9, Outcome::Undefined { undefined }));
    assert!((mean(Metric::PointingClassMean, &images) - expected).abs() < 1e-12);
}

#[test]
fn a_run_taken_up_and_merged_parts_are_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write(&path("whole"), 0..IMAGES);
    write(&path("even"), (0..IMAGES).step_by(2));
    write(&path("odd"), (1..IMAGES).step_by(2));
    let whole = read(&path("whole")).unwrap();
    assert_eq!(whole.1, (0..IMAGES).map(written).collect::<Vec<_>>());
    let parts = [path("odd"), path("even"), path("odd")];
    assert_eq!(merge(&parts).unwrap(), whole);

    // A cut inside a character is a cut inside a line.
    let mut name = record(0);
    name.id = "wäve".to_string();
    let mut journal = Journal::create(&path("umlaut"), &whole.0).unwrap();
    journal.add(&name).unwrap();
    let text = std::fs::read(path("umlaut")).unwrap();
    let inside = text.windows(2).position(|w| w == "ä".as_bytes()).unwrap() + 1;
    std::fs::write(path("umlaut"), &text[..inside]).unwrap();
    let journal = Journal::resume(&path("umlaut"), &whole.0).unwrap();
    assert!(!journal.has(0));

    // The run is cut inside a line.
    let bytes = std::fs::read(path("whole")).unwrap();
    std::fs::write(path("cut"), &bytes[..bytes.len() * 2 / 3]).unwrap();
    let mut journal = Journal::resume(&path("cut"), &whole.0).unwrap();
    let left: Vec<usize> = (0..IMAGES).filter(|&i| !journal.has(i)).collect();
    assert!(left.len() > 1 && left.len() < IMAGES, "{left:?}");
    left.into_iter()
        .for_each(|i| journal.add(&record(i)).unwrap());
    assert_eq!(std::fs::read(path("cut")).unwrap(), bytes);
}

#[test]
fn what_does_not_belong_together_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write(&path("a"), [0]);
    let error = Journal::create(&path("a"), &header(&methods()))
        .err()
        .unwrap();
    assert!(error.to_string().ends_with("exists"), "{error}");
    let other = Header {
        seed: 4,
        ..header(&methods())
    };
    let error = Journal::resume(&path("a"), &other)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("its seed is 3, expected 4"), "{error}");
    let budgeted = Header {
        budget: Some(200),
        ..header(&methods())
    };
    let taken_up = Journal::resume(&path("a"), &budgeted).err().unwrap();
    let error = taken_up.to_string();
    assert!(
        error.contains("its budget is none, expected 200"),
        "{error}"
    );
    // As the first version wrote it, without the fields that the numbers depend on.
    let text = std::fs::read_to_string(path("a")).unwrap();
    let old = text.replacen(FORMAT, "gradcam-records/1", 1);
    std::fs::write(path("old"), old.replacen("\"budget\":null,", "", 1)).unwrap();
    let error = merge(&[path("old")]).unwrap_err().to_string();
    assert!(
        error.contains("the format `gradcam-records/1`, expected `gradcam-records/2`"),
        "{error}"
    );
    let mut changed = record(0);
    changed.predicted = 1;
    let mut journal = Journal::create(&path("b"), &header(&methods())).unwrap();
    journal.add(&changed).unwrap();
    let error = merge(&[path("a"), path("b")]).unwrap_err().to_string();
    assert!(error.contains("two different records"), "{error}");
    std::fs::write(path("c"), "{}\n").unwrap();
    let error = read(&path("c")).unwrap_err().to_string();
    assert!(
        error.contains("line 1") && error.contains("format"),
        "{error}"
    );
    let comparing = Study {
        network: &Patch::new(),
        untrained: None,
        masks: None,
        explainers: &[],
        nulls: &[],
        metrics: &[Metric::Ssim],
        compared: &|_, _, _| true,
        seed: 0,
    };
    let image = Patch::new().image();
    let item = Item {
        index: 0,
        id: "",
        image: &image,
        mask: None,
        annotated: None,
        difficult: false,
    };
    let error = measure(&comparing, &item).unwrap_err().to_string();
    assert!(error.contains("`ssim` needs another map"), "{error}");
    assert_eq!(image.dims(), [1, 1, SIDE, SIDE]);
}
