//! Turns measurements into the tests of a card.

use gradcam_eval::card::{Measurement, Null, Protocol, Test};
use gradcam_eval::statistics::{self, Grade, Graded};
use gradcam_eval::{Direction, card};

/// The identity of a test.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) id: &'a str,
    pub(crate) title: &'a str,
    pub(crate) paper: &'a str,
    /// The quantity and its unit.
    pub(crate) metric: &'a str,
    pub(crate) unit: &'a str,
    /// The procedure, in a sentence or two.
    pub(crate) protocol: &'a str,
}

/// The numbers of images with and without a value.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) values: usize,
    pub(crate) degenerate: usize,
}

/// Makes a test that was measured over images.
pub(crate) fn measured(
    named: Named<'_>,
    found: &statistics::Measurement,
    graded: Graded,
    counts: Counts,
) -> Test {
    let interval = found.interval;
    let finite = [interval.value, interval.low, interval.high]
        .iter()
        .all(|v| v.is_finite());
    Test {
        metric: Measurement {
            value: finite.then_some(interval.value),
            reason: (!finite).then(|| "no image has a value".to_string()),
            ci: finite.then_some([interval.low, interval.high]),
            ci_method: finite.then(|| {
                format!(
                    "percentile bootstrap over images, {} resamples, 95 %",
                    statistics::RESAMPLES
                )
            }),
            n: counts.values,
            n_degenerate: counts.degenerate,
            ..quantity(named, found.direction)
        },
        nulls: found.nulls.iter().map(Null::from).collect(),
        gates: found.gates.clone(),
        p_value: found.p(),
        ..empty(named, graded, found.direction)
    }
}

/// Makes a test of one exact number.
pub(crate) fn exact(named: Named<'_>, error: f64, n: usize, graded: Graded) -> Test {
    let finite = error.is_finite();
    Test {
        metric: Measurement {
            value: finite.then_some(error),
            reason: (!finite).then(|| "not a number".to_string()),
            n,
            ..quantity(named, Direction::Down)
        },
        ..empty(named, graded, Direction::Down)
    }
}

/// Makes a test that says why it has no number.
pub(crate) fn without(named: Named<'_>, grade: Grade, reason: &str) -> Test {
    let graded = Graded {
        grade,
        reason: reason.to_string(),
    };
    empty(named, graded, Direction::None)
}

fn quantity(named: Named<'_>, direction: Direction) -> Measurement {
    Measurement {
        name: named.metric.to_string(),
        unit: named.unit.to_string(),
        direction,
        value: None,
        reason: None,
        ci: None,
        ci_method: None,
        n: 0,
        n_excluded: 0,
        n_degenerate: 0,
        tie_fraction: None,
    }
}

fn empty(named: Named<'_>, graded: Graded, direction: Direction) -> Test {
    Test {
        id: named.id.to_string(),
        title: named.title.to_string(),
        paper: named.paper.to_string(),
        protocol: Protocol {
            description: named.protocol.to_string(),
            compat: Some(card::Compatibility::Toolkit),
            ..Protocol::default()
        },
        metric: Measurement {
            reason: Some(graded.reason.clone()),
            ..quantity(named, direction)
        },
        nulls: Vec::new(),
        references: Vec::new(),
        gates: Vec::new(),
        p_value: None,
        p_holm: None,
        grade: graded.grade,
        grade_reason: graded.reason,
        agreement_with_published: None,
        curves: Vec::new(),
        axes: None,
        per_item: None,
    }
}
