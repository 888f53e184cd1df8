//! One image: its maps, the nulls that they are compared with, and the metrics of both.

use std::collections::BTreeMap;

use candle_core::Tensor;
use gradcam::{Explainer, Heatmap, Target, explain_each};
use gradcam_map::{Grid, Size};
use gradcam_nn::Network;

use super::{Item, MapRecord, Null, Outcome, SHUFFLES, Study};
use crate::faithfulness::{Explain, Sample, tie_fraction};
use crate::metric::{Seen, measure_all_beside};
use crate::metrics::cuts;
use crate::{Error, Evidence, Metric, Need, Resolution, Result, Undefined, nulls};

/// Returns whether a metric explains the class of a mask.
pub(super) fn localises(metric: &Metric) -> bool {
    needs(metric, Need::Mask)
}

fn needs(metric: &Metric, need: Need) -> bool {
    metric.about().needs.contains(&need)
}

fn missing(what: &'static str) -> Error {
    Error::option("nulls", what, "nothing")
}

/// The work on one image.
pub(super) struct Look<'a> {
    pub(super) study: &'a Study<'a>,
    pub(super) item: &'a Item<'a>,
    /// The class that the network predicts, for metrics that run it.
    pub(super) seen: usize,
    /// The mask's class, for metrics that use it.
    pub(super) named: usize,
    /// The rank of the annotated class among the network's; 0 is the highest.
    pub(super) rank: Option<usize>,
    /// The metrics measured on the image.
    pub(super) metrics: Vec<Metric>,
    /// Height and width of the network's input.
    pub(super) input: Size,
}

/// The map of one class at both resolutions.
struct Maps {
    map: Grid,
    upsampled: Grid,
    verdict: String,
}

impl From<Heatmap> for Maps {
    fn from(found: Heatmap) -> Self {
        Maps {
            map: found.map().clone(),
            verdict: found.verdict.to_string(),
            upsampled: found.upsampled,
        }
    }
}

/// A source's maps of the predicted class and of the annotated one; `named` is `None` if the classes are the same.
pub(super) struct Pair {
    seen: Maps,
    named: Option<Maps>,
}

impl Pair {
    /// Returns the source's own resolution.
    pub(super) fn cells(&self) -> Size {
        self.seen.map.size()
    }
}

/// A source's name, and the index of the method that it is made from.
type Label = (&'static str, Option<usize>);

impl Look<'_> {
    /// Returns the image's seed.
    fn seed(&self) -> u64 {
        self.study.seed.wrapping_add(self.item.index as u64)
    }

    /// Makes the methods' maps; methods share the forward passes.
    pub(super) fn explained(
        &self,
        network: &dyn Network,
        explainers: &[Explainer],
    ) -> Result<Vec<Pair>> {
        let of = |class: usize| -> Result<Vec<Maps>> {
            let mut maps = Vec::with_capacity(explainers.len());
            let image = self.item.image;
            let target = Target::Index(class);
            explain_each(explainers, network, image, &target, |_, found, _| {
                maps.push(found?.into());
                Ok::<_, Error>(())
            })?;
            Ok(maps)
        };
        let seen = of(self.seen)?;
        let named = if self.named == self.seen {
            Vec::new()
        } else {
            of(self.named)?
        };
        let mut named = named.into_iter();
        let pair = |seen: Maps| Pair {
            seen,
            named: named.next(),
        };
        Ok(seen.into_iter().map(pair).collect())
    }

    /// Makes maps on the network with random parameters, for the methods that are compared with them.
    pub(super) fn untrained(&self) -> Result<BTreeMap<usize, Pair>> {
        let null = Null::Untrained;
        let methods = 0..self.study.explainers.len();
        let methods: Vec<usize> = methods
            .filter(|&method| self.study.nulls.contains(&null) && !self.of(null, method).is_empty())
            .collect();
        if methods.is_empty() {
            return Ok(BTreeMap::new());
        }
        let network = self.study.untrained;
        let network = network.ok_or_else(|| missing("given with an untrained network"))?;
        let explainers = methods.iter().map(|&m| self.study.explainers[m].clone());
        let pairs = self.explained(network, &explainers.collect::<Vec<_>>())?;
        Ok(methods.into_iter().zip(pairs).collect())
    }

    /// Returns whether a method is compared with a null in a metric; a null cannot explain other inputs.
    fn compared(&self, method: usize, metric: Metric, null: Null) -> bool {
        !needs(&metric, Need::Explainer) && (self.study.compared)(method, metric, null)
    }

    /// Returns the metrics in which a method is compared with its own null.
    fn of(&self, null: Null, method: usize) -> Vec<Metric> {
        let metrics = self.metrics.iter().copied();
        metrics
            .filter(|&metric| self.compared(method, metric, null))
            .collect()
    }

    /// Returns a method's record, and the shared results of its metrics.
    pub(super) fn method(&self, explainer: &Explainer, pair: &Pair) -> Result<(MapRecord, Seen)> {
        let label = (explainer.method.name(), None);
        self.record(label, pair, &self.metrics, Some(explainer))
    }

    /// Measures a null of one method: made from its maps, from the shared results of its metrics, or by it on an untrained network.
    pub(super) fn own_null(
        &self,
        null: Null,
        method: usize,
        (pair, beside): (&Pair, &Seen),
        untrained: Option<&Pair>,
    ) -> Result<Option<MapRecord>> {
        let metrics = self.of(null, method);
        if metrics.is_empty() {
            return Ok(None);
        }
        let label = (null.name(), Some(method));
        let record = match null {
            Null::Random | Null::Centre | Null::MeanMask => return Ok(None),
            Null::Permuted => {
                let explainer = &self.study.explainers[method];
                let pair = Pair {
                    seen: self.permuted(explainer, &pair.seen),
                    named: pair.named.as_ref().map(|m| self.permuted(explainer, m)),
                };
                self.record(label, &pair, &metrics, None)?.0
            }
            // Computed from the method's own curves.
            Null::Shuffled => self.entry(label, &pair.seen, self.shuffled(&metrics, beside)?),
            Null::Untrained => {
                let pair = untrained.ok_or_else(|| missing("given with an untrained network"))?;
                self.record(label, pair, &metrics, None)?.0
            }
        };
        Ok((!record.values.is_empty()).then_some(record))
    }

    /// Measures a null that methods of one resolution share, at this size; `cells` are the methods' own sizes.
    pub(super) fn shared_null(
        &self,
        null: Null,
        size: Size,
        cells: &[Size],
    ) -> Result<Option<MapRecord>> {
        let looks = |metric: Metric, own: Size| match metric.about().resolution {
            Resolution::Own => own == size,
            Resolution::Input => self.input == size,
        };
        let wanted = |metric: &Metric| {
            let mut methods = cells.iter().enumerate();
            methods.any(|(m, &own)| looks(*metric, own) && self.compared(m, *metric, null))
        };
        let metrics: Vec<Metric> = self.metrics.iter().copied().filter(wanted).collect();
        if metrics.is_empty() {
            return Ok(None);
        }
        let map = match null {
            Null::Random => nulls::random_map(size, self.seed()),
            Null::Centre => nulls::centre_map(size),
            Null::MeanMask => {
                let masks = self
                    .study
                    .masks
                    .ok_or_else(|| missing("given with masks"))?;
                let mean = masks.without(self.item.mask, self.input)?;
                nulls::averaged_map(&mean, size)
            }
            Null::Permuted | Null::Shuffled | Null::Untrained => return Ok(None),
        };
        let pair = Pair {
            seen: Maps {
                // No metric uses it if the map does not have the input's size.
                upsampled: map.clone(),
                map,
                verdict: "ok".to_string(),
            },
            named: None,
        };
        let label = (null.name(), None);
        Ok(Some(self.record(label, &pair, &metrics, None)?.0))
    }

    /// Shuffles the values of a method's map over its positions.
    fn permuted(&self, explainer: &Explainer, maps: &Maps) -> Maps {
        // The positions of the small map are shuffled, so that the upsampled one stays as smooth.
        let map = nulls::permuted_map(&maps.map, self.seed());
        let large = explainer.interpolation.resize(&map, self.input);
        Maps {
            // A kernel's overshoot is cut off, as for the method itself.
            upsampled: if explainer.relu { large.relu() } else { large },
            map,
            verdict: maps.verdict.clone(),
        }
    }

    /// Computes the correlations of a method's map with its values shuffled.
    fn shuffled(&self, metrics: &[Metric], beside: &Seen) -> Result<BTreeMap<Metric, Outcome>> {
        let mut values = BTreeMap::new();
        for &metric in metrics {
            let outcome = match beside.shuffled(metric, SHUFFLES, self.seed()) {
                Ok(None) => continue,
                Ok(Some(value)) => Ok(value),
                Err(Error::Undefined(reason)) => Err(reason),
                Err(error) => return Err(error),
            };
            values.insert(metric, outcome.into());
        }
        Ok(values)
    }

    /// Measures some metrics of a source, and returns their shared results too.
    fn record(
        &self,
        label: Label,
        pair: &Pair,
        metrics: &[Metric],
        explainer: Option<&Explainer>,
    ) -> Result<(MapRecord, Seen)> {
        let (localising, asking): (Vec<Metric>, Vec<Metric>) =
            metrics.iter().copied().partition(localises);
        let (mut values, seen) = self.outcomes(&pair.seen, &asking, (self.seen, explainer))?;
        let named = pair.named.as_ref().unwrap_or(&pair.seen);
        let (located, _) = self.outcomes(named, &localising, (self.named, explainer))?;
        values.extend(located);
        let mut record = self.entry(label, &pair.seen, values);
        record.curves = seen.curves();
        Ok((record, seen))
    }

    /// Makes a record without curves.
    fn entry(
        &self,
        (source, of): Label,
        maps: &Maps,
        values: BTreeMap<Metric, Outcome>,
    ) -> MapRecord {
        let orders = self.metrics.iter().any(|m| needs(m, Need::Network));
        let ties = |map: &Grid| orders.then(|| tie_fraction(map).ok()).flatten();
        let whole = maps.upsampled.size() == self.input;
        MapRecord {
            source: source.to_string(),
            of,
            cells: maps.map.size().height_width().into(),
            verdict: maps.verdict.clone(),
            tied_cells: ties(&maps.map),
            tied_pixels: whole.then(|| ties(&maps.upsampled)).flatten(),
            curves: BTreeMap::new(),
            values,
        }
    }

    /// Measures the metrics of one map for its class, and returns their shared results too.
    fn outcomes(
        &self,
        maps: &Maps,
        metrics: &[Metric],
        (class, explainer): (usize, Option<&Explainer>),
    ) -> Result<(BTreeMap<Metric, Outcome>, Seen)> {
        let explain = explainer.map(|explainer| {
            move |network: &dyn Network, image: &Tensor| -> Result<Grid> {
                let found = explainer.explain_one(network, image, Target::Index(class))?;
                Ok(found.upsampled)
            }
        });
        let evidence = Evidence {
            map: &maps.map,
            upsampled: &maps.upsampled,
            mask: self.item.mask,
            sample: Some(Sample {
                network: self.study.network,
                image: self.item.image,
                target: class,
            }),
            other: None,
            explain: explain.as_ref().map(|f| f as &Explain<'_>),
            rank: self.rank,
            threshold: None,
            seed: self.seed(),
        };
        let (tuned, plain): (Vec<Metric>, Vec<Metric>) = metrics
            .iter()
            .partition(|metric| needs(metric, Need::Threshold));
        let mut seen = Seen::default();
        let found = measure_all_beside(&plain, &evidence, &mut seen)?;
        let found = found.into_iter().map(Outcome::from);
        let mut values: BTreeMap<Metric, Outcome> = plain.into_iter().zip(found).collect();
        for metric in tuned {
            let mask = self.item.mask.ok_or(Undefined::EmptyMask)?;
            let outcome = match cuts(&maps.upsampled, mask) {
                Ok(ious) => Outcome::Cuts(ious),
                Err(Error::Undefined(undefined)) => Outcome::Undefined { undefined },
                Err(error) => return Err(error),
            };
            values.insert(metric, outcome);
        }
        Ok((values, seen))
    }
}
