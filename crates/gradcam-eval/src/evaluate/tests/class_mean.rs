//! A mean over classes with its interval, tests and ranks.

use std::collections::BTreeMap;

use gradcam::{Explainer, Method};

use super::super::*;
use super::header;
use crate::{Metric, Undefined};

const MISSING: Outcome = Outcome::Undefined {
    undefined: Undefined::NonFinite,
};

fn map(source: &str, outcome: Outcome) -> MapRecord {
    MapRecord {
        source: source.to_string(),
        of: None,
        cells: [7, 7],
        verdict: "ok".to_string(),
        tied_cells: None,
        tied_pixels: None,
        curves: BTreeMap::new(),
        values: [
            (Metric::PointingClassMean, outcome),
            (Metric::Pointing, outcome),
        ]
        .into(),
    }
}

/// Summarises the mean over classes and the mean over images, given each image's class and the outcomes of two methods and a null.
fn summaries(images: &[(usize, [Outcome; 3])]) -> [Vec<SourceSummary>; 2] {
    let methods = ["grad-cam", "gradient"];
    let explainers = methods.map(|m| Explainer::of(Method::with_options(m, &[]).unwrap()));
    let header = Header {
        nulls: vec![Null::Random],
        metrics: vec![Metric::PointingClassMean, Metric::Pointing],
        ..header(&explainers)
    };
    let record = |(index, &(class, [a, b, null])): (usize, &(usize, [Outcome; 3]))| ImageRecord {
        index,
        id: String::new(),
        annotated: Some(class),
        predicted: 0,
        rank: Some(0),
        maps: vec![map(methods[0], a), map(methods[1], b)],
        nulls: vec![map("random", null)],
    };
    let records: Vec<ImageRecord> = images.iter().enumerate().map(record).collect();
    let metrics = summarise(&header, &records).unwrap().metrics;
    let mut sources = metrics.into_iter().map(|metric| metric.sources);
    [sources.next().unwrap(), sources.next().unwrap()]
}

fn hits(class: usize, hits: [f64; 3]) -> (usize, [Outcome; 3]) {
    (class, hits.map(Outcome::Value))
}

/// A class of 37 images, and three classes of one image.
fn unequal(large: [f64; 3], single: [f64; 3]) -> Vec<(usize, [Outcome; 3])> {
    let mut images = vec![hits(0, large); 37];
    images.extend((1..4).map(|class| hits(class, single)));
    images
}

#[test]
fn hits_alone_leave_no_doubt() {
    let [classes, _] = summaries(&unequal([1.0, 1.0, 0.0], [1.0, 1.0, 0.0]));
    let method = &classes[0];
    let mean = method.mean.unwrap();
    assert_eq!((mean.value, mean.low, mean.high), (1.0, 1.0, 1.0));
    assert_eq!((method.largest, method.scored), (Some(1.0), Some(1.0)));
    let difference = method.against[0].difference;
    assert_eq!(
        (difference.value, difference.low, difference.high),
        (1.0, 1.0, 1.0)
    );
    let rank = method.rank.unwrap();
    assert_eq!((rank.value, rank.low, rank.high), (1.5, 1.5, 1.5));
}

#[test]
fn an_interval_lies_between_the_least_and_the_most() {
    let [classes, images] = summaries(&unequal([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]));
    for (method, value) in [(0, 0.25), (1, 0.75)] {
        let mean = classes[method].mean.unwrap();
        assert!((mean.value - value).abs() < 1e-12);
        assert!(mean.low >= 0.0 && mean.high <= 1.0, "{mean:?}");
        assert!(
            mean.low < value - 0.1 && mean.high > value + 0.1,
            "{mean:?}"
        );
    }
    // The first method hits more images, the second more classes.
    assert_eq!(
        (images[0].rank.unwrap().value, images[1].rank.unwrap().value),
        (1.0, 2.0)
    );
    assert_eq!(
        (
            classes[0].rank.unwrap().value,
            classes[1].rank.unwrap().value
        ),
        (2.0, 1.0)
    );
}

/// If classes have equally many images, the mean over classes is that over images, with the same certainty.
#[test]
fn equal_classes_are_a_mean_over_images() {
    let hit = |i: usize| f64::from(u8::from(i % 5 < 2));
    for size in [1, 3, 30] {
        let image = |i: usize| hits(i / size, [hit(i), 0.0, hit(i + 3)]);
        let [classes, images] = summaries(&(0..30).map(image).collect::<Vec<_>>());
        let (a, b) = (&classes[0], &images[0]);
        for (a, b) in [
            (a.mean.unwrap(), b.mean.unwrap()),
            (a.against[0].difference, b.against[0].difference),
        ] {
            for (a, b) in [(a.value, b.value), (a.low, b.low), (a.high, b.high)] {
                assert!((a - b).abs() < 1e-12, "{size}: {a} {b}");
            }
        }
        assert_eq!((a.against[0].p, a.rank), (b.against[0].p, b.rank));
    }
}

/// Three images of one class favour the method, and the only image of another is against it: even between classes.
#[test]
fn the_test_weighs_classes_the_same() {
    let mut images = vec![hits(0, [1.0, 0.0, 0.0]); 3];
    images.push(hits(1, [0.0, 0.0, 1.0]));
    let [classes, images] = summaries(&images);
    // Of 16 patterns of signs, 9 have a sum of at least 0, and 5 a sum of at least 2.
    assert_eq!(classes[0].against[0].p, 9.0 / 16.0);
    assert_eq!(images[0].against[0].p, 5.0 / 16.0);
}

/// 49 times a 49th is not 1 in floating point.
#[test]
fn equal_means_of_unequal_classes_share_their_rank() {
    let mut images = vec![hits(0, [1.0, 0.0, 0.0]); 49];
    images.push(hits(1, [0.0, 1.0, 0.0]));
    let [classes, _] = summaries(&images);
    assert_eq!(classes[0].rank.unwrap().value, 1.5);
    assert_eq!(classes[1].rank.unwrap().value, 1.5);
}

#[test]
fn what_has_no_value_is_the_worst_of_its_class() {
    let mut images = vec![hits(0, [1.0; 3]); 3];
    images.push((0, [MISSING, Outcome::Value(1.0), MISSING]));
    images.push(hits(1, [1.0; 3]));
    images.push((2, [MISSING; 3]));
    let [classes, _] = summaries(&images);
    let method = &classes[0];
    assert_eq!((method.values, method.undefined), (4, 2));
    assert_eq!(method.mean.unwrap().value, 1.0);
    // Three quarters, all and none.
    assert!((method.scored.unwrap() - 1.75 / 3.0).abs() < 1e-12);
}
