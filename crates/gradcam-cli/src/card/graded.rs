//! Turns a metric's summary over images into its test.

use gradcam_eval::card::{Reference, Source, Test};
use gradcam_eval::evaluate::{ImageRecord, MetricSummary, Null, SourceSummary};
use gradcam_eval::statistics::{
    self, Grade, Graded, Interval, MIN_SAMPLES, Measurement, grade, grade_exact,
};
use gradcam_eval::{Against, CardTest, Metric, Resolution};

use super::entry::{Counts, measured};
use super::metrics::named;

/// Makes the test of one metric: the first method against the nulls.
pub(super) fn of_metric(found: &MetricSummary, of: &CardTest, against: usize) -> Test {
    let own = &found.sources[0];
    let others = found.sources.get(1..=against).unwrap_or_default();
    let measurement = Measurement {
        direction: found.direction,
        interval: own.mean.unwrap_or(NOTHING),
        nulls: of
            .against
            .nulls()
            .iter()
            .map(|null| as_null(found, *null))
            .collect(),
        gates: Vec::new(),
        samples: own.values,
        least_samples: MIN_SAMPLES,
        degenerate: own.undefined as f64 / (own.values + own.undefined).max(1) as f64,
    };
    let graded = match (of.against, own.largest) {
        (Against::Nothing(reason), _) => Graded {
            grade: Grade::Info,
            reason: reason.to_string(),
        },
        (Against::Bound(bound), Some(largest)) => grade_exact(largest, bound),
        (Against::Bound(_), None) | (Against::Nulls(_), _) => grade(&measurement.finding()),
    };
    let counts = Counts {
        values: own.values,
        degenerate: own.undefined,
    };
    let mut test = measured(named(found.metric, of), &measurement, graded, counts);
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

/// The interval over no images.
const NOTHING: Interval = Interval {
    value: f64::NAN,
    low: f64::NAN,
    high: f64::NAN,
};

/// Returns a null on the same images, with no samples if it has no value.
fn as_null(found: &MetricSummary, null: Null) -> statistics::Null {
    let resolution = &found.sources[0].resolution;
    // The first one with this resolution belongs to the first method.
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

/// Returns the mean share of tied places of the method's maps, at the resolution that the metric uses.
pub(super) fn ties(records: &[ImageRecord], metric: Metric) -> Option<f64> {
    let measured = records.iter().filter_map(|record| record.maps.first());
    let measured = measured.filter(|map| map.values.contains_key(&metric));
    let resolution = metric.about().resolution;
    let shares: Vec<f64> = measured
        .filter_map(|map| match resolution {
            Resolution::Input => map.tied_pixels,
            Resolution::Own => map.tied_cells,
        })
        .collect();
    (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
}

/// Returns the share of images whose class is not among the network's top `first`: no map can bring the localisation error below it.
pub(super) fn classification_error(
    records: &[ImageRecord],
    first: usize,
) -> Option<(String, String)> {
    let ranks: Vec<usize> = records.iter().filter_map(|record| record.rank).collect();
    let wrong = ranks.iter().filter(|rank| **rank >= first).count();
    let error = wrong as f64 / ranks.len() as f64;
    let name = format!("classification error, top {first}");
    (!ranks.is_empty()).then(|| (name, format!("{error:.4} of {} images", ranks.len())))
}
