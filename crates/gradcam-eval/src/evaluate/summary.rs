//! From records to means, intervals, tests and ranks.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Header, ImageRecord, Outcome};
use crate::metrics::{Cuts, THRESHOLDS, tuned_threshold};
use crate::statistics::{
    ALPHA, Interval, RESAMPLES, Side, bootstrap, holm, mean_difference, mean_interval, sign_flip,
};
use crate::{Direction, Error, Metric, Result, Tally, Undefined};

/// What a study found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The format of the records.
    pub format: String,
    /// The model as it was named.
    pub model: String,
    /// The data set.
    pub data: String,
    /// Images of the data set.
    pub images: usize,
    /// Images with a record.
    pub measured: usize,
    /// One for each metric, in the order that was asked.
    pub metrics: Vec<MetricSummary>,
}

/// One metric over all methods and nulls.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricSummary {
    /// Its name.
    pub metric: Metric,
    /// Which way is better.
    pub direction: Direction,
    /// One for each method, then one for each null.
    pub sources: Vec<SourceSummary>,
}

/// One method or null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceSummary {
    /// Its name.
    pub source: String,
    /// The mean over the images with a value, with its 95 % interval (percentile bootstrap); none without a value.
    pub mean: Option<Interval>,
    /// The largest value; none without one.
    pub largest: Option<f64>,
    /// Images with a value.
    pub values: usize,
    /// Images without one, whose maps are degenerate most often.
    pub undefined: usize,
    /// The mean with the worst possible value where there is none, if the metric has such a value.
    pub scored: Option<f64>,
    /// The thresholds at which the maps of every second image from the first on, and those of the others, were cut: each the best one of the
    /// other half. None for metrics without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<[f64; 2]>,
    /// The rank among the methods, 1 for the best, with its 95 % interval; none for nulls and where a direction is missing.
    pub rank: Option<Interval>,
    /// The method against each null on the same images; empty for nulls.
    pub against: Vec<Against>,
}

/// A method against a null on the images where both have a value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Against {
    /// The null's name.
    pub null: String,
    /// Images with a value for both.
    pub values: usize,
    /// The mean of the differences, method less null, with its 95 % interval.
    pub difference: Interval,
    /// The p-value of a sign-flip test that the method is better.
    pub p: f64,
    /// The same after Holm's correction over the metric's methods and nulls.
    pub p_holm: f64,
}

/// Makes a summary of records, which are in the order of the images.
///
/// # Errors
/// When a record lacks a source of the header.
pub fn summarise(header: &Header, records: &[ImageRecord]) -> Result<Summary> {
    let metrics = header.metrics.iter();
    let metrics = metrics.map(|&metric| of_metric(metric, header, records));
    Ok(Summary {
        format: header.format.clone(),
        model: header.model.clone(),
        data: header.data.clone(),
        images: header.images,
        measured: records.len(),
        metrics: metrics.collect::<Result<_>>()?,
    })
}

fn of_metric(metric: Metric, header: &Header, records: &[ImageRecord]) -> Result<MetricSummary> {
    let about = metric.about();
    let methods = header.methods.len();
    let names = header.methods.iter().map(|m| m.name());
    let names: Vec<&str> = names.chain(header.nulls.iter().map(|n| n.name())).collect();
    let (mut tallies, mut thresholds) = (Vec::new(), Vec::new());
    for (index, name) in names.iter().enumerate() {
        let (tally, tuned) = tally(metric, (index, name), records)?;
        tallies.push(tally);
        thresholds.push(tuned);
    }
    let ranks = match about.direction {
        Direction::None => vec![None; methods],
        direction => ranks(&tallies[..methods], direction, header.seed)?,
    };
    let mut sources = Vec::with_capacity(names.len());
    for (index, (name, tally)) in names.iter().zip(&tallies).enumerate() {
        let values = tally.values();
        let nulls = match index < methods && about.direction != Direction::None {
            true => names.iter().zip(&tallies).skip(methods),
            false => names.iter().zip(&tallies).skip(names.len()),
        };
        let against =
            nulls.map(|(null, other)| against(tally, (null, other), about.direction, header.seed));
        let against: Vec<Option<Against>> = against.collect::<Result<_>>()?;
        sources.push(SourceSummary {
            source: (*name).to_string(),
            mean: defined(mean_interval(&values, header.seed))?,
            largest: values.iter().copied().max_by(f64::total_cmp),
            values: values.len(),
            undefined: tally.outcomes.len() - values.len(),
            scored: about
                .worst
                .filter(|_| !tally.outcomes.is_empty())
                .map(|worst| mean(&tally.scored(worst))),
            thresholds: thresholds[index],
            rank: ranks.get(index).copied().flatten(),
            against: against.into_iter().flatten().collect(),
        });
    }
    correct(&mut sources)?;
    Ok(MetricSummary {
        metric,
        direction: about.direction,
        sources,
    })
}

/// A metric of one source over the images that have an entry for it, with the thresholds of the two halves where there are any.
fn tally(
    metric: Metric,
    (index, name): (usize, &str),
    records: &[ImageRecord],
) -> Result<(Tally, Option<[f64; 2]>)> {
    let (mut outcomes, mut classes) = (Vec::new(), Vec::new());
    for record in records {
        let map = record.maps.get(index).filter(|map| map.source == name);
        let map = map.ok_or_else(|| Error::Record {
            index: record.index,
            name: name.to_string(),
        })?;
        if let Some(&outcome) = map.values.get(&metric) {
            outcomes.push(outcome);
            classes.push(record.annotated);
        }
    }
    let best = match metric {
        Metric::IouTuned => tuned(&outcomes)?,
        _ => [None; 2],
    };
    let thresholds = match best {
        [Some(a), Some(b)] => Some([THRESHOLDS[a], THRESHOLDS[b]]),
        _ => None,
    };
    let value = |(i, outcome): (usize, &Outcome)| match *outcome {
        Outcome::Value(value) => Ok(value),
        Outcome::Cuts(ious) => best[i % 2].map(|best| ious[best]).ok_or(Undefined::Empty),
        Outcome::Undefined { undefined } => Err(undefined),
    };
    let outcomes = outcomes.iter().enumerate().map(value).collect();
    let tally = match metric {
        Metric::PointingClassMean => by_class(outcomes, &classes),
        _ => Tally { outcomes },
    };
    Ok((tally, thresholds))
}

/// Which of the [`THRESHOLDS`] fits the other half of the images best, for the two halves of every second image.
fn tuned(outcomes: &[Outcome]) -> Result<[Option<usize>; 2]> {
    let best_of = |half: usize| {
        let half = outcomes.iter().skip(half).step_by(2);
        let cuts = half.filter_map(|outcome| match *outcome {
            Outcome::Cuts(ious) => Some(ious),
            _ => None,
        });
        defined(tuned_threshold(&cuts.collect::<Vec<Cuts>>()))
    };
    Ok([best_of(1)?, best_of(0)?])
}

/// The outcomes with a weight on each value, so that their mean is the mean over classes of the classes' means.
fn by_class(
    outcomes: Vec<std::result::Result<f64, Undefined>>,
    classes: &[Option<usize>],
) -> Tally {
    let mut counts: BTreeMap<Option<usize>, usize> = BTreeMap::new();
    let known = outcomes.iter().zip(classes).filter(|(o, _)| o.is_ok());
    known.for_each(|(_, class)| *counts.entry(*class).or_default() += 1);
    let share = counts.values().sum::<usize>() as f64 / counts.len() as f64;
    let weigh = |(outcome, class): (std::result::Result<f64, Undefined>, &Option<usize>)| {
        outcome.map(|value| value * share / counts.get(class).copied().unwrap_or(1) as f64)
    };
    Tally {
        outcomes: outcomes.into_iter().zip(classes).map(weigh).collect(),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// None for what has no value.
fn defined<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Undefined(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A method against a null; none where no image has a value for both.
fn against(
    own: &Tally,
    (null, other): (&str, &Tally),
    direction: Direction,
    seed: u64,
) -> Result<Option<Against>> {
    // A null that the metric was not measured for.
    if own.outcomes.len() != other.outcomes.len() {
        return Ok(None);
    }
    let pairs = own.paired(other)?;
    let Some(difference) = defined(mean_difference(&pairs, seed))? else {
        return Ok(None);
    };
    let differences: Vec<f64> = pairs.iter().map(|(a, b)| a - b).collect();
    let side = match direction {
        Direction::Down => Side::Less,
        _ => Side::Greater,
    };
    let p = sign_flip(&differences, side, seed)?;
    Ok(Some(Against {
        null: null.to_string(),
        values: pairs.len(),
        difference,
        p,
        p_holm: p,
    }))
}

/// Holm's correction over all comparisons of a metric.
fn correct(sources: &mut [SourceSummary]) -> Result<()> {
    let all = || sources.iter().flat_map(|source| &source.against);
    let corrected = holm(&all().map(|against| against.p).collect::<Vec<_>>())?;
    let each = sources.iter_mut().flat_map(|source| &mut source.against);
    for (against, p) in each.zip(corrected) {
        against.p_holm = p;
    }
    Ok(())
}

/// The methods' ranks by their means over the images for which all of them have a value; equal means share the mean of their ranks.
fn ranks(tallies: &[Tally], direction: Direction, seed: u64) -> Result<Vec<Option<Interval>>> {
    let count = tallies.first().map_or(0, |tally| tally.outcomes.len());
    let complete: Vec<Vec<f64>> = (0..count)
        .filter_map(|image| {
            let values = tallies.iter().map(|t| t.outcomes.get(image)?.ok());
            values.collect()
        })
        .collect();
    let rank = |method: usize| {
        bootstrap(complete.len(), RESAMPLES, 1.0 - ALPHA, seed, |items| {
            let total = |method: usize| -> f64 {
                let sum: f64 = items.iter().map(|&i| complete[i][method]).sum();
                match direction {
                    Direction::Down => sum,
                    _ => -sum,
                }
            };
            let own = total(method);
            let others = (0..tallies.len())
                .filter(|&other| other != method)
                .map(total);
            others.fold(1.0, |rank, other| match other {
                other if other < own => rank + 1.0,
                other if other == own => rank + 0.5,
                _ => rank,
            })
        })
    };
    (0..tallies.len())
        .map(|method| defined(rank(method)))
        .collect()
}
