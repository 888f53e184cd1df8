//! Curves over images.

use anyhow::Result;
use gradcam_eval::Metric;
use gradcam_eval::card::Curve;
use gradcam_eval::evaluate::{ImageRecord, MapRecord, Null};
use gradcam_eval::statistics::mean_interval;

/// Returns the mean curves of the method and its nulls, with their bands.
pub(super) fn curves(
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
        // A flat map has no order; it is counted with its area.
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
