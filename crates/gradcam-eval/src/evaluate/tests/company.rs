//! The results of a method do not depend on the other methods.

use std::collections::BTreeSet;

use candle_core::{Device, Result, Tensor};
use gradcam::{Explainer, Method};
use gradcam_nn::{Network, Pass};

use super::super::*;
use super::header;
use crate::Metric;

const SIDE: usize = 20;
const CELLS: usize = 5;
const IMAGES: usize = 3;
const METRICS: [Metric; 7] = [
    Metric::Deletion,
    Metric::Dauc,
    Metric::DeletionCorrelation,
    Metric::Sparsity,
    Metric::Pointing,
    Metric::PointingClassMean,
    Metric::IouTuned,
];

/// Weighs the means over 5 × 5 cells: a network with a layer that is coarser than its input.
struct Cells {
    weights: Vec<f32>,
}

impl Cells {
    fn new(phase: f32) -> Self {
        let weights = (0..CELLS * CELLS).map(|i| 3.0 * (phase + 1.3 * i as f32).sin());
        Cells {
            weights: weights.collect(),
        }
    }
}

impl Network for Cells {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let count = x.dim(0)?;
        let cell = SIDE / CELLS;
        let cells = x.reshape((count, 1, CELLS, cell, CELLS, cell))?;
        let features = pass.tap("features", cells.mean(5)?.mean(3)?)?;
        let weights = Tensor::from_slice(&self.weights, (1, 1, CELLS, CELLS), &Device::Cpu)?;
        let logit = features.broadcast_mul(&weights)?.sum((1, 2, 3))?;
        let logit = logit.unsqueeze(1)?;
        Tensor::cat(&[&logit, &logit.neg()?], 1)
    }
}

/// Two methods have the layer's resolution, two the input's.
fn method(name: &str) -> Explainer {
    let layer = ["grad-cam", "hires-cam"].contains(&name);
    Explainer {
        layers: layer.then(|| "features".to_string()).into_iter().collect(),
        ..Explainer::of(Method::with_options(name, &[]).unwrap())
    }
}

fn image(index: usize) -> Tensor {
    let pixel = |i: usize| 0.5 + 0.5 * (index as f32 + 0.37 * i as f32).sin();
    let pixels: Vec<f32> = (0..SIDE * SIDE).map(pixel).collect();
    Tensor::from_vec(pixels, (1, 1, SIDE, SIDE), &Device::Cpu).unwrap()
}

fn study(names: &[&str]) -> (Header, Vec<ImageRecord>) {
    let explainers: Vec<Explainer> = names.iter().map(|name| method(name)).collect();
    let (network, untrained) = (Cells::new(0.0), Cells::new(2.0));
    let mask: Vec<bool> = (0..SIDE * SIDE)
        .map(|i| i % SIDE < 7 && i / SIDE > 4)
        .collect();
    let masks = Masks {
        counts: (0..SIDE * SIDE)
            .map(|i| u32::from(mask[i]) + (i % SIDE / 8) as u32)
            .collect(),
        images: 5,
    };
    let record = |index: usize| {
        let image = image(index);
        let study = Study {
            network: &network,
            untrained: Some(&untrained),
            masks: Some(&masks),
            explainers: &explainers,
            nulls: Null::ALL,
            metrics: &METRICS,
            compared: &|_, _, _| true,
            seed: 7,
        };
        let item = Item {
            index,
            id: "",
            image: &image,
            mask: Some(&mask),
            annotated: Some(usize::from(index > 1)),
            difficult: false,
        };
        measure(&study, &item).unwrap()
    };
    let header = Header {
        nulls: Null::ALL.to_vec(),
        metrics: METRICS.to_vec(),
        ..header(&explainers)
    };
    (header, (0..IMAGES).map(record).collect())
}

/// All results of a method except those that depend on the others: Holm's correction and the rank.
fn about(name: &str, (header, records): &(Header, Vec<ImageRecord>)) -> Vec<String> {
    let method = header
        .methods
        .iter()
        .position(|m| m.name() == name)
        .unwrap();
    let mut found = Vec::new();
    for record in records {
        found.push(format!("{:?}", record.maps[method]));
        for &metric in &METRICS {
            for &null in Null::ALL {
                let map = record.held_against(null, method, metric);
                let map = map.map(|map| (&map.source, map.cells, map.values[&metric]));
                found.push(format!("{metric}: {map:?}"));
            }
        }
    }
    for metric in summarise(header, records).unwrap().metrics {
        let mut own = metric.sources[method].clone();
        own.rank = None;
        own.against
            .iter_mut()
            .for_each(|against| against.p_holm = 0.0);
        let nulls = metric.sources.iter().filter(|source| {
            let null = Null::ALL.iter().any(|null| null.name() == source.source);
            let of = source.of.as_deref().is_none_or(|of| of == name);
            null && of && source.resolution == own.resolution
        });
        found.push(format!("{own:?}"));
        found.extend(nulls.map(|null| format!("{null:?}")));
    }
    found
}

#[test]
fn a_method_has_the_same_numbers_in_any_order_and_company() {
    let all = ["grad-cam", "hires-cam", "gradient", "input-x-gradient"];
    let together = study(&all);
    let reversed: Vec<&str> = all.iter().rev().copied().collect();
    let reversed = study(&reversed);
    let pair = study(&["input-x-gradient", "hires-cam"]);
    for name in all {
        let expected = about(name, &together);
        assert_eq!(about(name, &reversed), expected);
        assert_eq!(about(name, &study(&[name])), expected);
    }
    for name in ["input-x-gradient", "hires-cam"] {
        assert_eq!(about(name, &pair), about(name, &together));
    }
    // Holm's family is all methods and nulls of a metric, in any order.
    let corrected = |(header, records): &(Header, Vec<ImageRecord>)| {
        let summary = summarise(header, records).unwrap();
        let own = |s: &SourceSummary| {
            let each = s.against.iter().map(|a| format!("{} {}", a.null, a.p_holm));
            each.map(|text| format!("{} {:?} {text}", s.source, s.rank))
                .collect::<Vec<_>>()
        };
        let sources = summary.metrics.iter().flat_map(|metric| &metric.sources);
        sources.flat_map(own).collect::<BTreeSet<String>>()
    };
    assert_eq!(corrected(&together), corrected(&reversed));
}

#[test]
fn nulls_have_the_resolution_that_the_metric_looks_at() {
    let (_, records) = study(&["gradient", "grad-cam", "hires-cam"]);
    let record = &records[0];
    let (fine, coarse) = ([SIDE; 2], [CELLS; 2]);
    for &null in Null::ALL {
        let cells = |method, metric| {
            record
                .held_against(null, method, metric)
                .map(|map| map.cells)
        };
        if null != Null::Shuffled {
            assert_eq!(cells(0, Metric::Dauc), Some(fine), "{null}");
            assert_eq!(cells(1, Metric::Dauc), Some(coarse), "{null}");
        }
        assert_eq!(cells(1, Metric::DeletionCorrelation), Some(coarse));
        let maps = record.nulls.iter().filter(|map| map.source == null.name());
        let of: Vec<_> = maps.map(|map| (map.of, map.cells)).collect();
        if null.is_of_a_method() {
            assert_eq!(of, [(Some(0), fine), (Some(1), coarse), (Some(2), coarse)])
        } else {
            // The two methods of the layer share one null.
            assert_eq!(of, [(None, coarse), (None, fine)])
        }
    }
    let random = |method, metric| {
        let map = record.held_against(Null::Random, method, metric).unwrap();
        map.values[&metric]
    };
    assert_eq!(random(1, Metric::Dauc), random(2, Metric::Dauc));
    assert_ne!(random(0, Metric::Dauc), random(1, Metric::Dauc));
    assert_eq!(random(0, Metric::Deletion), random(1, Metric::Deletion));
}

#[test]
fn ranks_are_among_methods_of_one_resolution() {
    let (header, records) = study(&["gradient", "grad-cam", "hires-cam"]);
    let summary = summarise(&header, &records).unwrap();
    let of = |metric: Metric| summary.metrics.iter().find(|m| m.metric == metric).unwrap();
    let ranks = |metric: Metric| -> Vec<f64> {
        let methods = of(metric).sources[..3].iter();
        methods.map(|s| s.rank.unwrap().value).collect()
    };
    assert_eq!(ranks(Metric::Deletion).iter().sum::<f64>(), 6.0);
    let dauc = ranks(Metric::Dauc);
    assert_eq!((dauc[0], dauc[1] + dauc[2]), (1.0, 3.0));
    let resolutions = |metric: Metric| -> Vec<Option<&str>> {
        let sources = of(metric).by_resolution();
        sources.iter().map(|s| s.resolution.as_deref()).collect()
    };
    // For each: the methods, `random`, `centre` and `mean-mask`, and three nulls per method.
    let (fine, coarse) = (vec![Some("20×20"); 7], vec![Some("5×5"); 11]);
    assert_eq!(resolutions(Metric::Sparsity), [fine, coarse].concat());
    assert_eq!(resolutions(Metric::Pointing), [None; 15]);
    let labels: Vec<String> = of(Metric::Pointing)
        .sources
        .iter()
        .map(SourceSummary::label)
        .collect();
    assert_eq!(
        labels[5..8],
        [
            "permuted of gradient",
            "permuted of grad-cam",
            "permuted of hires-cam"
        ]
    );
}

/// A network that takes pictures of any size gives a layer's maps several sizes.
#[test]
fn maps_of_several_sizes_are_one_group_where_they_are_alike() {
    let (header, mut records) = study(&["gradient", "grad-cam", "hires-cam"]);
    records[2].maps[1].cells = [7, 4];
    records[2].maps[2].cells = [7, 4];
    records[2].nulls.iter_mut().for_each(|map| {
        if map.cells == [CELLS; 2] {
            map.cells = [7, 4];
        }
    });
    let summary = summarise(&header, &records).unwrap();
    let dauc = &summary.metrics[1].sources;
    assert_eq!(dauc[1].resolution.as_deref(), Some("5×4 to 7×5"));
    assert_eq!(dauc[2].resolution, dauc[1].resolution);
    assert_eq!(dauc[1].against[0].values, dauc[1].values);
    // A record without a map that the others have does not belong to this study.
    records[2].nulls.retain(|map| map.source != "random");
    let error = summarise(&header, &records).unwrap_err().to_string();
    assert!(
        error.contains("the record of image 2 has no map of `random`"),
        "{error}"
    );
}

#[test]
fn what_is_not_compared_is_not_made() {
    let explainers = [method("grad-cam"), method("gradient")];
    let network = Cells::new(0.0);
    let study = Study {
        network: &network,
        // No untrained network is needed, because the method that would need it is not compared.
        untrained: None,
        masks: None,
        explainers: &explainers,
        nulls: Null::ALL,
        metrics: &[Metric::Dauc, Metric::Deletion],
        compared: &|method, metric, null| {
            method == 0 && metric == Metric::Dauc && [Null::Random, Null::Permuted].contains(&null)
        },
        seed: 7,
    };
    let image = image(0);
    let item = Item {
        index: 0,
        id: "",
        image: &image,
        mask: None,
        annotated: None,
        difficult: false,
    };
    let nulls = measure(&study, &item).unwrap().nulls;
    let made: Vec<_> = nulls
        .iter()
        .map(|n| (n.source.as_str(), n.of, n.cells))
        .collect();
    assert_eq!(
        made,
        [
            ("random", None, [CELLS; 2]),
            ("permuted", Some(0), [CELLS; 2])
        ]
    );
    assert!(nulls.iter().all(|null| null.values.len() == 1));
}
