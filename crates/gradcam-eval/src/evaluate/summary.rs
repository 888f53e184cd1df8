//! Turns records into means, intervals, tests and ranks.
//!
//! A method is compared with its own nulls, so its means, intervals and p-values do not depend on the other methods or their order. Only
//! two results do: Holm's correction, whose family is all methods and nulls of one metric, and the ranks.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Header, ImageRecord, MapRecord, Null, Outcome};
use crate::metrics::{Cuts, THRESHOLDS, tuned_threshold};
use crate::statistics::{
    ALPHA, Interval, RESAMPLES, Side, bootstrap, holm, sign_flip, weighted_interval,
};
use crate::{Direction, Error, Mean, Metric, Need, Resolution, Result, Tally, Undefined};

/// The results of a study.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The format of the records.
    pub format: String,
    /// The model's name as given.
    pub model: String,
    /// The data set.
    pub data: String,
    /// The number of images in the data set.
    pub images: usize,
    /// The number of images with a record.
    pub measured: usize,
    /// One per metric, in the requested order.
    pub metrics: Vec<MetricSummary>,
}

/// One metric over all methods and nulls.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MetricSummary {
    /// The metric.
    pub metric: Metric,
    /// Which way is better.
    pub direction: Direction,
    /// One per method, then those of each null: one per method if the null belongs to a method, otherwise one. At the maps' own resolution
    /// there is one per resolution.
    pub sources: Vec<SourceSummary>,
}

impl MetricSummary {
    /// Returns the sources grouped by resolution.
    pub fn by_resolution(&self) -> Vec<&SourceSummary> {
        let first = |source: &SourceSummary| {
            let mut all = self.sources.iter();
            all.position(|other| other.resolution == source.resolution)
        };
        let mut sources: Vec<&SourceSummary> = self.sources.iter().collect();
        sources.sort_by_key(|source| first(source));
        sources
    }
}

/// One method or null.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SourceSummary {
    /// The name of the method or null.
    pub source: String,
    /// The method that a null is made from; `None` for methods and for nulls that no method makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Rows and columns of the maps, `7×7` or `5×7 to 7×7`, if the metric uses the maps' own resolution: only values of one resolution can
    /// be compared. `None` if it uses the input's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// The mean over the images with a value, with its 95 % interval (percentile bootstrap over images); `None` if there is no value.
    ///
    /// In a mean over classes, an image's weight is one over the number of images of its class that have a value. A resample is divided by
    /// the weights that were drawn ([`weighted_interval`]): a class that was not drawn does not count.
    pub mean: Option<Interval>,
    /// The largest value; `None` if there is no value.
    pub largest: Option<f64>,
    /// The number of images with a value.
    pub values: usize,
    /// The number of images without a value, usually because their maps are degenerate.
    pub undefined: usize,
    /// The mean with the worst possible value in place of missing ones, if the metric has such a value.
    pub scored: Option<f64>,
    /// The thresholds that cut the maps of every second image from the first on, and the maps of the others: each is the best one of the
    /// other half. `None` for metrics without thresholds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<[f64; 2]>,
    /// The rank among the methods of this resolution, 1 for the best, with its 95 % interval; `None` for nulls and for metrics without a
    /// direction.
    pub rank: Option<Interval>,
    /// The method compared with each null on the same images; empty for nulls.
    pub against: Vec<Against>,
}

impl SourceSummary {
    /// Returns its name, with that of the method that it is made from.
    pub fn label(&self) -> String {
        match &self.of {
            Some(of) => format!("{} of {of}", self.source),
            None => self.source.clone(),
        }
    }
}

/// A method compared with its null, on the images for which both have a value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Against {
    /// The null's name.
    pub null: String,
    /// The number of images with a value for both.
    pub values: usize,
    /// The mean of the differences, method minus null, with its 95 % interval.
    pub difference: Interval,
    /// The p-value of a sign-flip test that the method is better.
    pub p: f64,
    /// The same after Holm's correction over all methods of the study, of any resolution, and their nulls in this metric: it increases with
    /// the number of methods.
    pub p_holm: f64,
}

/// Summarises records, which must be in the order of the images.
///
/// # Errors
/// If a record lacks a source of the header.
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
    let direction = metric.about().direction;
    let name = |method: usize| header.methods[method].name();
    let groups = groups(metric, header.methods.len(), records);
    let own = |method: usize| {
        column(metric, records, |record| {
            let map = record.maps.get(method);
            let map = map.filter(|map| map.source == name(method));
            map.map(Some).ok_or_else(|| Error::Record {
                index: record.index,
                name: name(method).to_string(),
            })
        })
    };
    let methods: Vec<Column> = (0..header.methods.len()).map(own).collect::<Result<_>>()?;
    let mut sources = Vec::with_capacity(methods.len());
    for (method, column) in methods.iter().enumerate() {
        sources.push(source(name(method), column, header.seed)?);
    }
    for group in &groups {
        let ranks = match direction {
            Direction::None => vec![None; group.methods.len()],
            _ => {
                let columns: Vec<&Column> = group.methods.iter().map(|&m| &methods[m]).collect();
                ranks(&columns, direction, header.seed)?
            }
        };
        for (&method, rank) in group.methods.iter().zip(ranks) {
            sources[method].resolution.clone_from(&group.resolution);
            sources[method].rank = rank;
        }
    }
    for &null in &header.nulls {
        let served: Vec<Vec<usize>> = if null.is_of_a_method() {
            (0..methods.len()).map(|method| vec![method]).collect()
        } else {
            groups.iter().map(|group| group.methods.clone()).collect()
        };
        for served in served {
            let Some(&first) = served.first() else {
                continue;
            };
            let found = |record| Ok(ImageRecord::held_against(record, null, first, metric));
            let column = column(metric, records, found)?;
            if direction != Direction::None {
                for &method in &served {
                    let pair = (&methods[method], &column);
                    let found = against(null, pair, records, (direction, header.seed))?;
                    sources[method].against.extend(found);
                }
            }
            let resolution = sources[first].resolution.clone();
            sources.push(SourceSummary {
                of: null.is_of_a_method().then(|| name(first).to_string()),
                resolution,
                ..source(null.name(), &column, header.seed)?
            });
        }
    }
    correct(&mut sources)?;
    Ok(MetricSummary {
        metric,
        direction,
        sources,
    })
}

/// Methods whose values can be compared.
struct Group {
    methods: Vec<usize>,
    resolution: Option<String>,
}

/// Puts all methods into one group; if the metric uses the maps' own resolution, into groups with the same resolution on every image.
fn groups(metric: Metric, methods: usize, records: &[ImageRecord]) -> Vec<Group> {
    let mut groups: BTreeMap<Vec<[usize; 2]>, Vec<usize>> = BTreeMap::new();
    for method in 0..methods {
        let maps = records.iter().filter_map(|record| record.maps.get(method));
        let cells = match metric.about().resolution {
            Resolution::Own => maps.map(|map| map.cells).collect(),
            Resolution::Input => Vec::new(),
        };
        groups.entry(cells).or_default().push(method);
    }
    let group = |(cells, methods): (Vec<[usize; 2]>, Vec<usize>)| {
        let text = |pick: fn(usize, usize) -> usize| {
            let cells = cells.iter().copied();
            let both = cells.reduce(|a, b| [pick(a[0], b[0]), pick(a[1], b[1])]);
            both.map(|[rows, columns]| format!("{rows}×{columns}"))
        };
        let (least, most) = (text(usize::min), text(usize::max));
        Group {
            methods,
            resolution: if least == most {
                most
            } else {
                least.zip(most).map(|(a, b)| format!("{a} to {b}"))
            },
        }
    };
    groups.into_iter().map(group).collect()
}

/// A metric of one source over the images that have an entry for it.
struct Column {
    metric: Metric,
    /// The indices of these images' records.
    at: Vec<usize>,
    /// Their annotated classes.
    classes: Vec<Option<usize>>,
    tally: Tally,
    /// The thresholds of the two halves, if there are any.
    thresholds: Option<[f64; 2]>,
}

/// Collects the metric from the map that `find` returns for each record; records without such a map are left out.
fn column<'a>(
    metric: Metric,
    records: &'a [ImageRecord],
    find: impl Fn(&'a ImageRecord) -> Result<Option<&'a MapRecord>>,
) -> Result<Column> {
    let (mut at, mut classes, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    for (place, record) in records.iter().enumerate() {
        let map = find(record)?;
        if let Some(&outcome) = map.and_then(|map| map.values.get(&metric)) {
            at.push(place);
            classes.push(record.annotated);
            outcomes.push(outcome);
        }
    }
    let best = if metric.about().needs.contains(&Need::Threshold) {
        tuned(&outcomes)?
    } else {
        [None; 2]
    };
    let value = |(i, outcome): (usize, &Outcome)| match *outcome {
        Outcome::Value(value) => Ok(value),
        Outcome::Cuts(ious) => best[i % 2].map(|best| ious[best]).ok_or(Undefined::Empty),
        Outcome::Undefined { undefined } => Err(undefined),
    };
    Ok(Column {
        metric,
        at,
        classes,
        tally: Tally {
            outcomes: outcomes.iter().enumerate().map(value).collect(),
        },
        thresholds: match best {
            [Some(a), Some(b)] => Some([THRESHOLDS[a], THRESHOLDS[b]]),
            _ => None,
        },
    })
}

/// Returns each image's weight in a mean: 1, or in a mean over classes one over the number of images of its class, so that classes count
/// equally.
fn weights(metric: Metric, classes: &[Option<usize>]) -> Vec<f64> {
    let mut counts: BTreeMap<Option<usize>, usize> = BTreeMap::new();
    let mean = metric.about().mean;
    let key = |class: &Option<usize>| match mean {
        Mean::Classes => Some(*class),
        Mean::Images => None,
    };
    for class in classes.iter().filter_map(key) {
        *counts.entry(class).or_default() += 1;
    }
    let weight = |class: &Option<usize>| {
        let count = key(class).and_then(|class| counts.get(&class));
        count.map_or(1.0, |&count| 1.0 / count as f64)
    };
    classes.iter().map(weight).collect()
}

/// Summarises a source without the parts that depend on others.
fn source(name: &str, column: &Column, seed: u64) -> Result<SourceSummary> {
    let Column { tally, classes, .. } = column;
    let values = tally.values();
    let known = classes.iter().zip(&tally.outcomes);
    let known: Vec<Option<usize>> = known.filter(|(_, o)| o.is_ok()).map(|(c, _)| *c).collect();
    let weight = weights(column.metric, &known);
    let scored = column.metric.about().worst;
    let scored = scored.filter(|_| !tally.outcomes.is_empty()).map(|worst| {
        let weights = weights(column.metric, classes);
        let each = tally.scored(worst).into_iter().zip(&weights);
        each.map(|(value, weight)| value * weight).sum::<f64>() / weights.iter().sum::<f64>()
    });
    Ok(SourceSummary {
        source: name.to_string(),
        of: None,
        resolution: None,
        mean: defined(weighted_interval(&values, &weight, seed))?,
        largest: values.iter().copied().max_by(f64::total_cmp),
        values: values.len(),
        undefined: tally.outcomes.len() - values.len(),
        scored,
        thresholds: column.thresholds,
        rank: None,
        against: Vec::new(),
    })
}

/// Returns the index in [`THRESHOLDS`] that fits the other half of the images best, for the two halves of every second image.
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

/// Turns an undefined result into `None`.
fn defined<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Undefined(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Compares a method with its null; `None` if the metric was not measured on the null, or no image has a value for both.
fn against(
    null: Null,
    (own, other): (&Column, &Column),
    records: &[ImageRecord],
    (direction, seed): (Direction, u64),
) -> Result<Option<Against>> {
    if other.at.is_empty() {
        return Ok(None);
    }
    if own.at != other.at {
        let both = own.at.iter().zip(&other.at);
        let same = both.take_while(|(a, b)| a == b).count();
        let places = [own.at.get(same), other.at.get(same)];
        let record = places.into_iter().flatten().min().map(|&at| &records[at]);
        return Err(Error::Record {
            index: record.map_or(0, |record| record.index),
            name: null.name().to_string(),
        });
    }
    let outcomes = own.tally.outcomes.iter().zip(&other.tally.outcomes);
    let both = outcomes.zip(&own.classes).filter_map(|((a, b), class)| {
        let difference = a.ok()? - b.ok()?;
        Some((difference, *class))
    });
    let (differences, classes): (Vec<f64>, Vec<Option<usize>>) = both.unzip();
    let weights = weights(own.metric, &classes);
    let Some(difference) = defined(weighted_interval(&differences, &weights, seed))? else {
        return Ok(None);
    };
    let weighted: Vec<f64> = differences
        .iter()
        .zip(&weights)
        .map(|(difference, weight)| difference * weight)
        .collect();
    let side = match direction {
        Direction::Down => Side::Less,
        Direction::Up | Direction::None => Side::Greater,
    };
    let p = sign_flip(&weighted, side, seed)?;
    Ok(Some(Against {
        null: null.to_string(),
        values: differences.len(),
        difference,
        p,
        p_holm: p,
    }))
}

/// Applies Holm's correction over all comparisons of a metric.
fn correct(sources: &mut [SourceSummary]) -> Result<()> {
    let all = || sources.iter().flat_map(|source| &source.against);
    let corrected = holm(&all().map(|against| against.p).collect::<Vec<_>>())?;
    let each = sources.iter_mut().flat_map(|source| &mut source.against);
    for (against, p) in each.zip(corrected) {
        against.p_holm = p;
    }
    Ok(())
}

/// Ranks the methods by their means over the images for which all of them have a value; equal means share the mean of their ranks.
fn ranks(columns: &[&Column], direction: Direction, seed: u64) -> Result<Vec<Option<Interval>>> {
    let Some(first) = columns.first() else {
        return Ok(Vec::new());
    };
    let complete = (0..first.at.len()).filter_map(|image| {
        let values = columns.iter().map(|c| c.tally.outcomes.get(image)?.ok());
        Some((values.collect::<Option<Vec<f64>>>()?, first.classes[image]))
    });
    let (mut complete, classes): (Vec<Vec<f64>>, Vec<Option<usize>>) = complete.unzip();
    let weights = weights(first.metric, &classes);
    for (values, weight) in complete.iter_mut().zip(weights) {
        values.iter_mut().for_each(|value| *value *= weight);
    }
    let rank = |method: usize| {
        bootstrap(complete.len(), RESAMPLES, 1.0 - ALPHA, seed, |items| {
            let sum = |method: usize, of: fn(f64) -> f64| -> f64 {
                items.iter().map(|&i| of(complete[i][method])).sum()
            };
            let total = |method: usize| match direction {
                Direction::Down => sum(method, |v| v),
                Direction::Up | Direction::None => sum(method, |v| -v),
            };
            let own = total(method);
            // Sums of the same numbers with other rounding must count as equal.
            let close = 1e-12 * sum(method, f64::abs);
            let others = (0..columns.len()).filter(|&other| other != method);
            others.map(total).fold(1.0, |rank, other| match other {
                other if other < own - close => rank + 1.0,
                other if other <= own + close => rank + 0.5,
                _ => rank,
            })
        })
    };
    (0..columns.len())
        .map(|method| defined(rank(method)))
        .collect()
}
