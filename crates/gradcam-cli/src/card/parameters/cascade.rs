//! Turns a network with redrawn blocks into tests and curves.

use anyhow::Result;
use gradcam_eval::card::{Curve, Test};
use gradcam_eval::sanity::{Block, Likeness, Randomized, Step, named as by_name};
use gradcam_eval::statistics::{Grade, Graded, Measurement};
use gradcam_eval::{Direction, Metric};

use crate::card::entry::{Counts, Named, exact, measured};

/// Returns the smallest number of images, over the metrics, for which a map of the last step can be compared.
pub(super) fn fewest(cascade: &Randomized) -> usize {
    let last = cascade.steps.last();
    let last = last.into_iter().flat_map(|step| &step.fixed);
    let values = last.map(|likeness| likeness.measured.values.values().len());
    values.min().unwrap_or(0)
}

/// Joins neighbouring blocks, so that there are at most `limit`.
pub(super) fn merge(all: &[Block], limit: usize) -> Vec<Block> {
    let size = all.len().div_ceil(limit.max(1));
    all.chunks(size)
        .map(|chunk| Block {
            name: match (chunk.first(), chunk.last()) {
                (Some(first), Some(last)) if first.name != last.name => {
                    format!("{} to {}", first.name, last.name)
                }
                (Some(first), _) => first.name.clone(),
                _ => String::new(),
            },
            parameters: chunk.iter().flat_map(|b| b.parameters.clone()).collect(),
        })
        .collect()
}

/// Makes a test of the last step, with the curve of all steps.
pub(super) fn of_curve(
    named: Named<'_>,
    found: &Randomized,
    metric: Metric,
    measurement: &Measurement,
) -> Test {
    let counts = Counts {
        values: measurement.samples,
        degenerate: found.classes.len() - measurement.samples.min(found.classes.len()),
    };
    let mut test = measured(named, measurement, measurement.graded(), counts);
    let of = |name: &str, pick: fn(&Step) -> &[Likeness]| curve(name, &found.steps, metric, pick);
    test.curves = vec![
        of("class of the trained network", |step| &step.fixed),
        of("class of the randomised network", |step| &step.repicked),
    ];
    test.axes = Some(["blocks drawn anew".to_string(), metric.name().to_string()]);
    test.protocol.options = found
        .steps
        .iter()
        .enumerate()
        .map(|(i, step)| {
            let changes = match step.activations_change {
                Some(true) => "; activations of the layer change",
                Some(false) => "; activations of the layer stay",
                None => "",
            };
            (
                format!("step {:02}", i + 1),
                format!("{}{changes}", step.block),
            )
        })
        .collect();
    test
}

fn curve(name: &str, steps: &[Step], metric: Metric, pick: fn(&Step) -> &[Likeness]) -> Curve {
    let mut curve = Curve {
        name: name.to_string(),
        x: Vec::with_capacity(steps.len()),
        y: Vec::with_capacity(steps.len()),
        lo: Vec::with_capacity(steps.len()),
        hi: Vec::with_capacity(steps.len()),
        reason: None,
    };
    for (i, step) in steps.iter().enumerate() {
        let mean = by_name(pick(step), metric).ok().and_then(|m| m.mean);
        curve.x.push((i + 1) as f64);
        curve.y.push(mean.map(|m| m.value));
        curve.lo.push(mean.map(|m| m.low));
        curve.hi.push(mean.map(|m| m.high));
        if mean.is_none() {
            curve.reason = Some("at a step without a value every map is empty".to_string());
        }
    }
    curve
}

pub(super) fn of_independent(named: Named<'_>, found: &Randomized) -> Result<Test> {
    let metric = Metric::SsimGaussian;
    let values: Vec<f64> = found
        .steps
        .iter()
        .filter_map(|step| by_name(&step.fixed, metric).ok()?.mean)
        .map(|mean| mean.value)
        .collect();
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let graded = Graded {
        grade: Grade::Info,
        reason: "a curve without a threshold".to_string(),
    };
    let mut test = exact(named, mean, found.classes.len(), graded);
    test.metric.direction = Direction::None;
    test.curves = vec![curve(
        "one block drawn anew",
        &found.steps,
        metric,
        |step| &step.fixed,
    )];
    test.axes = Some([
        "block, from the output down".to_string(),
        metric.name().to_string(),
    ]);
    Ok(test)
}
