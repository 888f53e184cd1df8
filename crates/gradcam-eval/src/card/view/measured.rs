//! The wording of one test.

use serde::Serialize;

use super::about::key;
use super::parts::{Fact, Link, Mark, fact, papers};
use crate::Direction;
use crate::card::chart::{self, Dot};
use crate::card::number::{grouped, number, percent, probability, with_interval};
use crate::card::{Card, Protocol, Source, TargetPolicy, Test};
use crate::statistics::Grade;

#[derive(Serialize)]
pub(super) struct TestView {
    id: String,
    title: String,
    papers: Vec<Link>,
    grade: Mark,
    reason: String,
    metric: String,
    value: String,
    /// The reason why there is no value.
    missing: Option<String>,
    better: &'static str,
    description: String,
    protocol: Vec<Fact>,
    samples: Vec<Fact>,
    rows: Vec<RowView>,
    gates: Vec<GateView>,
    p: Option<String>,
    p_holm: Option<String>,
    claim: Option<String>,
    published: Option<Mark>,
    agreement: Option<String>,
    chart: String,
    curves: Vec<CurveView>,
    per_item: Option<String>,
}

#[derive(Serialize)]
struct RowView {
    kind: &'static str,
    name: String,
    text: String,
    svg: String,
}

#[derive(Serialize)]
struct GateView {
    name: String,
    required: String,
    observed: String,
    word: &'static str,
}

/// A curve in one line of text.
#[derive(Serialize)]
struct CurveView {
    name: String,
    text: String,
    /// Whether the line gives a reason for missing values.
    gaps: bool,
}

pub(super) fn test(card: &Card, test: &Test) -> TestView {
    let metric = &test.metric;
    let entry = card
        .published_card
        .as_ref()
        .and_then(|published| published.entry(test.published_id()));
    let unit = if metric.unit.is_empty() {
        String::new()
    } else {
        format!(" {}", metric.unit)
    };
    let value = match metric.value {
        Some(_) => with_interval(metric.value, metric.ci) + &unit,
        None => "no value".to_string(),
    };
    TestView {
        id: test.id.clone(),
        title: test.title.clone(),
        papers: papers(&test.paper),
        grade: test.grade.into(),
        reason: test.grade_reason.clone(),
        metric: metric.name.clone(),
        value,
        missing: metric.reason.clone().filter(|_| metric.value.is_none()),
        better: match metric.direction {
            Direction::Up => "higher is better",
            Direction::Down => "lower is better",
            Direction::None => "describes, does not judge",
        },
        description: test.protocol.description.clone(),
        protocol: protocol(&test.protocol),
        samples: samples(test),
        rows: rows(test),
        gates: test
            .gates
            .iter()
            .map(|gate| GateView {
                name: gate.name.clone(),
                required: gate.required.clone(),
                observed: gate.observed.clone(),
                word: if gate.ok { "holds" } else { "does not hold" },
            })
            .collect(),
        p: test.p_value.map(probability),
        p_holm: test.p_holm.map(probability),
        claim: entry.map(|entry| entry.claim.clone()),
        published: entry.map(|entry| Grade::from(entry.grade).into()),
        agreement: test.agreement_with_published.map(|a| a.to_string()),
        chart: chart::lines(&test.title, &test.curves, test.axes.as_ref()),
        curves: test
            .curves
            .iter()
            .map(|curve| {
                let first = number(curve.y.first().copied().flatten());
                let last = number(curve.y.last().copied().flatten());
                let gaps = curve
                    .reason
                    .iter()
                    .map(|reason| format!("; gaps: {reason}"));
                let gaps: String = gaps.collect();
                let points = curve.x.len();
                CurveView {
                    name: curve.name.clone(),
                    text: format!("{points} points, from {first} to {last}{gaps}"),
                    gaps: curve.reason.is_some(),
                }
            })
            .collect(),
        per_item: test.per_item.clone(),
    }
}

fn protocol(protocol: &Protocol) -> Vec<Fact> {
    let policy = protocol.target_policy.map(|policy| match policy {
        TargetPolicy::OrigArgmax => "the likeliest of the untouched image",
        TargetPolicy::Label => "the label",
        TargetPolicy::RerunArgmax => "the likeliest each time anew",
    });
    let blur = protocol.blur.as_ref().map(|blur| {
        let sigma = blur
            .sigma
            .map_or(String::new(), |s| format!(", deviation {s}"));
        format!("{}, {} pixels wide{sigma}", blur.kind, blur.k)
    });
    let named = [
        ("step", protocol.step.map(|step| step.to_string())),
        ("put in place", protocol.substrate.clone()),
        ("blur", blur),
        ("class", policy.map(str::to_string)),
        ("ties", protocol.tie_policy.clone()),
        (
            "data range",
            protocol.data_range.map(|range| range.to_string()),
        ),
        ("window", protocol.window.clone()),
        ("threshold", protocol.threshold.clone()),
        ("reading", protocol.compat.as_ref().map(key)),
    ];
    let named = named
        .into_iter()
        .filter_map(|(name, text)| Some(fact(name, text?)));
    named
        .chain(protocol.options.iter().map(|(name, text)| fact(name, text)))
        .collect()
}

fn samples(test: &Test) -> Vec<Fact> {
    let metric = &test.metric;
    let mut facts = vec![
        fact("images", grouped(metric.n as f64)),
        fact("left out", grouped(metric.n_excluded as f64)),
        fact("nothing to measure", grouped(metric.n_degenerate as f64)),
    ];
    facts.extend(
        metric
            .tie_fraction
            .map(|share| fact("tied pixels", percent(share))),
    );
    facts.extend(
        metric
            .ci_method
            .iter()
            .map(|method| fact("interval", method)),
    );
    facts
}

fn rows(test: &Test) -> Vec<RowView> {
    let metric = &test.metric;
    let mut dots = vec![Dot {
        value: metric.value,
        ends: metric.ci,
        own: true,
    }];
    let own = metric.reason.as_ref().filter(|_| metric.value.is_none());
    let text = |value: Option<f64>, ends, reason: Option<&String>| match (value, reason) {
        (None, Some(reason)) => format!("none: {reason}"),
        _ => with_interval(value, ends),
    };
    let mut rows = vec![(
        "measured",
        test.title.clone(),
        text(metric.value, metric.ci, own),
    )];
    for null in &test.nulls {
        dots.push(Dot {
            value: null.value,
            ends: null.ci,
            own: false,
        });
        rows.push((
            "null",
            null.name.replace('_', " "),
            text(null.value, null.ci, null.reason.as_ref()),
        ));
    }
    for reference in &test.references {
        // A reference that is not comparable is not drawn on the scale.
        let shown = reference.comparable;
        dots.push(Dot {
            value: reference.value.filter(|_| shown),
            ends: reference.ci.filter(|_| shown),
            own: false,
        });
        let kind = match reference.source {
            Source::Measured => "reference",
            Source::Published => "published reference",
        };
        let note = if shown { "" } else { ", not comparable" };
        let text = with_interval(reference.value, reference.ci) + note;
        rows.push((kind, reference.name.clone(), text));
    }
    if rows.len() == 1 {
        return Vec::new();
    }
    let svgs = chart::dots(&dots);
    rows.into_iter()
        .zip(svgs)
        .map(|((kind, name, text), svg)| RowView {
            kind,
            name,
            text,
            svg,
        })
        .collect()
}
