//! Every metric, through the table: a correct map beats a random one, and no metric is left out.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use candle_core::{Device, Tensor};
use gradcam_map::Grid;
use gradcam_nn::{Network, Pass};

use super::{Seen, measure_all_beside};
use crate::evaluate::Null;
use crate::faithfulness::{Explain, Sample};
use crate::nulls::random_map;
use crate::testing::{grid, on_any_threads, size, undefined, wave};
use crate::{
    Against, Cost, Direction, Error, Evidence, Metric, Need, Range, Resolution, Undefined,
};

const SIDE: usize = 64;

/// The weighted sum of patches of 8 × 8 pixels: one counts most, and one is evidence against the class. Each patch is one position of a map
/// of 8 × 8.
struct Patches;

const PATCHES: [(usize, usize, f64); 4] =
    [(16, 24, 3.0), (16, 32, 1.5), (24, 24, 0.8), (48, 8, -2.0)];

impl Network for Patches {
    fn forward(&self, x: &Tensor, _pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
        let mut logit = x.narrow(3, 0, 1)?.sum((1, 2, 3))?.zeros_like()?;
        for (row, column, weight) in PATCHES {
            let mean = x.narrow(2, row, 8)?.narrow(3, column, 8)?.mean((1, 2, 3))?;
            logit = (logit + (mean * weight)?)?;
        }
        let logit = (logit.unsqueeze(1)? - 2.0)?;
        Tensor::cat(&[&logit, &logit.zeros_like()?], 1)
    }
}

/// The contribution of a pixel's patch to the logit.
fn weight(row: usize, column: usize) -> f32 {
    let inside = |&&(y, x, _): &&(usize, usize, f64)| {
        (y..y + 8).contains(&row) && (x..x + 8).contains(&column)
    };
    PATCHES.iter().find(inside).map_or(0.0, |&(.., w)| w as f32)
}

fn image() -> Tensor {
    let noise = wave(SIDE, SIDE, 1.9);
    let values = noise.values().iter().enumerate();
    let pixel = |(i, v): (usize, &f32)| {
        if weight(i / SIDE, i % SIDE) != 0.0 {
            1.0
        } else {
            0.2 * (v - 0.5)
        }
    };
    Tensor::from_vec(
        values.map(pixel).collect(),
        (1, 1, SIDE, SIDE),
        &Device::Cpu,
    )
    .unwrap()
}

/// The correct map, the evidence for the class, with `cells` positions a side.
fn right(cells: usize) -> Grid {
    let scale = SIDE / cells;
    let at = |i: usize| weight(i / cells * scale, i % cells * scale).max(0.0);
    Grid::from_fn(size(cells, cells), at)
}

fn measured(
    metric: Metric,
    map: &Grid,
    upsampled: &Grid,
    explain: &Explain<'_>,
) -> crate::Result<f64> {
    let (image, truth) = (image(), right(SIDE));
    let mask: Vec<bool> = truth.values().iter().map(|&v| v > 0.0).collect();
    metric.measure(&Evidence {
        map,
        upsampled,
        mask: Some(&mask),
        sample: Some(Sample {
            network: &Patches,
            image: &image,
            target: 0,
        }),
        other: Some(&truth),
        explain: Some(explain),
        rank: Some(0),
        threshold: Some(0.5),
        seed: 4,
    })
}

/// A map that depends on the input alone and varies wildly: a bad method's map.
fn whim(_: &dyn Network, image: &Tensor) -> crate::Result<Grid> {
    let sum = image.sum_all()?.to_scalar::<f32>()?;
    Ok(random_map(size(SIDE, SIDE), u64::from(sum.to_bits())))
}

fn steady(_: &dyn Network, _: &Tensor) -> crate::Result<Grid> {
    Ok(right(SIDE))
}

#[test]
fn the_right_map_beats_a_drawn_one() {
    for &metric in Metric::ALL {
        let good = on_any_threads(|| measured(metric, &right(8), &right(SIDE), &steady).unwrap());
        // A random map may be lucky once, but not on average over ten.
        let drawn = (0..10).map(|seed| {
            measured(
                metric,
                &random_map(size(8, 8), seed),
                &random_map(size(SIDE, SIDE), seed),
                &whim,
            )
            .unwrap()
        });
        let bad = drawn.sum::<f64>() / 10.0;
        let worst = metric.about().worst;
        match metric.about().direction {
            _ if metric == Metric::Increase => assert_eq!((good, bad), (1.0, 0.0)),
            Direction::Up => {
                assert!(good > bad, "{metric}: {good}, {bad}");
                assert!(worst.is_none_or(|w| w <= bad), "{metric}");
            }
            Direction::Down => {
                assert!(good < bad, "{metric}: {good}, {bad}");
                assert!(worst.is_none_or(|w| w >= bad), "{metric}");
            }
            // The correct map has few positions, so its mass is uneven.
            Direction::None if metric == Metric::Entropy => assert!(good < bad),
            Direction::None => assert!(good > bad, "{metric}"),
        }
    }
}

#[test]
fn a_map_that_says_nothing_has_no_value_or_misses() {
    let misses = [
        Metric::Pointing,
        Metric::PointingClassMean,
        Metric::PointingDifficult,
        Metric::Hit,
        Metric::Localisation,
        Metric::LocalisationErrorTop1,
        Metric::LocalisationErrorTop5,
    ];
    for (value, reason) in [
        (0.0, Undefined::Zero),
        (2.0, Undefined::Constant),
        (f32::NAN, Undefined::NonFinite),
    ] {
        let (map, upsampled) = (
            grid(8, 8, &[value; 64]),
            grid(SIDE, SIDE, &[value; SIDE * SIDE]),
        );
        let explain = |_: &dyn Network, _: &Tensor| Ok(upsampled.clone());
        for &metric in Metric::ALL {
            let found = measured(metric, &map, &upsampled, &explain);
            if misses.contains(&metric) && !value.is_nan() {
                assert_eq!(Some(found.unwrap()), metric.about().worst, "{metric}");
            } else {
                assert_eq!(undefined(found), reason, "{metric}");
            }
        }
    }
}

/// Four times a map is the same map in another unit, and multiplying by a power of two does not round.
#[test]
fn no_metric_depends_on_the_unit() {
    for &metric in Metric::ALL {
        let (small, large) = (wave(8, 8, 0.731), wave(SIDE, SIDE, 0.731));
        let one = measured(metric, &small, &large, &steady).unwrap();
        let scaled = |map: &Grid| map.map(|v| 4.0 * v);
        let four = measured(metric, &scaled(&small), &scaled(&large), &steady);
        assert_eq!(one, four.unwrap(), "{metric}");
    }
}

/// A map that is not finite is undefined at the metric's resolution, and harmless at the other.
#[test]
fn a_metric_looks_at_its_resolution_alone() {
    let broken = |side: usize| grid(side, side, &vec![f32::NAN; side * side]);
    for &metric in Metric::ALL {
        let undefined = |map: &Grid, upsampled: &Grid| {
            let found = measured(metric, map, upsampled, &steady);
            matches!(found, Err(Error::Undefined(Undefined::NonFinite)))
        };
        let own = metric.about().resolution == Resolution::Own;
        assert_eq!(undefined(&broken(8), &right(SIDE)), own, "{metric}");
        let asks = metric.about().needs.contains(&Need::Explainer);
        assert_eq!(
            undefined(&right(8), &broken(SIDE)),
            !own && !asks,
            "{metric}"
        );
    }
}

/// A box around the correct pixels is not a hit if the network ranks other classes higher.
#[test]
fn localisation_asks_for_the_class_too() {
    let right = right(SIDE);
    let mask: Vec<bool> = right.values().iter().map(|&v| v > 0.0).collect();
    let error = |metric: Metric, map: &Grid, rank: usize| {
        let evidence = Evidence {
            map,
            upsampled: map,
            mask: Some(&mask),
            sample: None,
            other: None,
            explain: None,
            rank: Some(rank),
            threshold: None,
            seed: 0,
        };
        metric.measure(&evidence).unwrap()
    };
    let [one, five] = [Metric::LocalisationErrorTop1, Metric::LocalisationErrorTop5];
    let errors = |rank: usize| (error(one, &right, rank), error(five, &right, rank));
    assert_eq!(errors(0), (0.0, 0.0));
    assert_eq!(errors(1), (1.0, 0.0));
    assert_eq!((errors(4), errors(5)), ((1.0, 0.0), (1.0, 1.0)));
    let elsewhere = random_map(size(SIDE, SIDE), 0);
    assert_eq!(error(five, &elsewhere, 0), 1.0);
}

#[test]
fn what_is_needed_is_asked_for() {
    let map = right(SIDE);
    let evidence = Evidence {
        map: &map,
        upsampled: &map,
        mask: None,
        sample: None,
        other: None,
        explain: None,
        rank: None,
        threshold: None,
        seed: 0,
    };
    for &metric in Metric::ALL {
        match (metric.measure(&evidence), metric.about().needs) {
            (Ok(value), []) => assert!(value.is_finite()),
            (Err(Error::Missing { need, .. }), needs) => {
                assert_eq!(Some(&need), needs.first(), "{metric}")
            }
            (other, needs) => panic!("{metric}: {other:?}, {needs:?}"),
        }
        assert!(
            metric
                .about()
                .needs
                .iter()
                .all(|&need| need != Need::Explainer || metric.about().needs.len() == 2)
        );
    }
    let error = Metric::Deletion.measure(&evidence).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the metric `deletion` needs the network and its input"
    );
}

/// The value that replaces a missing one is a possible value.
#[test]
fn the_worst_is_within_the_range() {
    for metric in Metric::ALL {
        let about = metric.about();
        let Some(worst) = about.worst else {
            continue;
        };
        let Range { least, most, .. } = about.range;
        assert!(least.is_none_or(|least| least <= worst), "{metric}");
        assert!(most.is_none_or(|most| worst <= most), "{metric}");
    }
}

/// A card draws exactly the curves that are kept, and a metric with shuffled orders as its null has a value there.
#[test]
fn what_a_card_asks_for_is_kept() {
    let (image, map) = (image(), right(SIDE));
    let sample = Sample {
        network: &Patches,
        image: &image,
        target: 0,
    };
    let cells = right(8);
    let evidence = Evidence::new(&cells, &map).with_sample(sample);
    let asking = |metric: &Metric| {
        let needs = metric.about().needs;
        needs == [Need::Network] && metric.about().cost == Cost::Quick
    };
    let asking: Vec<Metric> = Metric::ALL.iter().copied().filter(asking).collect();
    let mut seen = Seen::default();
    measure_all_beside(&asking, &evidence, &mut seen).unwrap();
    let curves = seen.curves();
    for &metric in Metric::ALL {
        let drawn = metric.about().test.is_some_and(|test| test.curve.is_some());
        assert_eq!(curves.contains_key(&metric), drawn, "{metric}");
        let shuffled = seen.shuffled(metric, 3, 0).unwrap().is_some();
        let against = metric.about().nulls().contains(&Null::Shuffled);
        assert_eq!(shuffled, against, "{metric}");
    }
}

/// A card finds a test by its id, and only metrics without a direction have an empty list of nulls.
#[test]
fn tests_of_a_card_have_ids_of_their_own() {
    let tests = Metric::of_card();
    let ids: BTreeSet<&str> = tests.iter().map(|(_, test)| test.id).collect();
    assert_eq!(ids.len(), tests.len());
    for (metric, test) in tests {
        let describes = metric.about().direction == Direction::None;
        assert_eq!(test.against == Against::Nulls(&[]), describes, "{metric}");
    }
}

#[test]
fn names_go_there_and_back() {
    for &metric in Metric::ALL {
        assert_eq!(metric.to_string().parse::<Metric>().unwrap(), metric);
        let text = serde_json::to_string(&metric).unwrap();
        assert_eq!(text, format!("\"{metric}\""));
        assert_eq!(serde_json::from_str::<Metric>(&text).unwrap(), metric);
        assert!(!metric.about().title.is_empty());
    }
    let error = "insretion".parse::<Metric>().unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("unknown metric `insretion`; the nearest are `insertion`")
    );
}
