//! What both pages say of a card, in words: the templates only place it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::chart::{self, Dot};
use super::number::{address, grouped, number, percent, probability, with_interval};
use super::{
    Agreement, Artifact, Card, Data, Kind, Protocol, PublishedEntry, Section, Source, TargetPolicy,
    Test,
};
use crate::Direction;
use crate::statistics::{ALPHA, Grade, MAX_DEGENERATE};

/// A name and what belongs to it.
#[derive(Serialize)]
pub(super) struct Fact {
    name: String,
    text: String,
}

/// A grade as key and as word.
#[derive(Serialize)]
struct Mark {
    key: String,
    word: String,
}

impl From<Grade> for Mark {
    fn from(grade: Grade) -> Self {
        let key = grade.to_string();
        Mark {
            word: key.replace('_', " "),
            key,
        }
    }
}

/// All of a page.
#[derive(Serialize)]
pub(super) struct View<'a> {
    card: &'a Card,
    title: String,
    synthetic: bool,
    counts: Vec<Count>,
    agreements: Vec<Fact>,
    about: Vec<Group>,
    comparison: Vec<Compared>,
    determinism: TestView,
    gradient_check: Option<TestView>,
    sweep: Vec<SweepRow>,
    efficiency: Vec<Fact>,
    directness: Vec<Fact>,
    sections: Vec<SectionView>,
    sources: Vec<SourceView<'a>>,
    pictures: Vec<Picture>,
    rule: String,
}

#[derive(Serialize)]
struct Count {
    grade: Mark,
    n: usize,
}

#[derive(Serialize)]
struct Group {
    title: &'static str,
    facts: Vec<Fact>,
}

/// The tests of a section beside what is published.
#[derive(Serialize)]
struct Compared {
    section: &'static str,
    rows: Vec<ComparedRow>,
}

#[derive(Serialize)]
struct ComparedRow {
    /// The measured test; `None` where only a publication has it.
    id: Option<String>,
    title: String,
    value: String,
    measured: Option<Mark>,
    published: Option<Mark>,
    agreement: Option<String>,
    /// The agreement with `_` for spaces.
    agreement_key: Option<String>,
}

#[derive(Serialize)]
struct SectionView {
    key: &'static str,
    title: &'static str,
    question: &'static str,
    reason: Option<String>,
    tests: Vec<TestView>,
}

#[derive(Serialize)]
struct TestView {
    id: String,
    title: String,
    papers: Vec<Link>,
    grade: Mark,
    reason: String,
    metric: String,
    value: String,
    /// Why there is no value.
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
struct Link {
    text: String,
    address: Option<String>,
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
}

#[derive(Serialize)]
struct SweepRow {
    layer: String,
    interp: String,
    cells: Vec<Cell>,
    picture: Option<String>,
    /// Where its picture stands on the page.
    anchor: Option<String>,
}

#[derive(Serialize)]
struct Cell {
    text: String,
    svg: String,
}

#[derive(Serialize)]
struct SourceView<'a> {
    entry: &'a PublishedEntry,
    grade: Mark,
    papers: Vec<Link>,
}

#[derive(Serialize)]
struct Picture {
    anchor: String,
    path: String,
    caption: String,
    /// The picture as a data URI, for the page that holds everything.
    uri: Option<String>,
}

/// The view of a card; `uris` has the pictures' data URIs by path.
pub(super) fn view<'a>(card: &'a Card, uris: &BTreeMap<String, String>) -> View<'a> {
    let published = card.published_card.as_ref();
    View {
        card,
        title: format!("{} on {}", card.method.name, card.model.name),
        synthetic: card.data.iter().any(|data| data.kind == Kind::Synthetic),
        counts: counts(card),
        agreements: agreements(card),
        about: about(card),
        comparison: Section::ALL
            .into_iter()
            .map(|section| compared(card, section))
            .collect(),
        determinism: test(card, &card.methodology.determinism),
        gradient_check: card
            .methodology
            .agnosticism
            .gradient_check
            .as_ref()
            .map(|t| test(card, t)),
        sweep: sweep(card),
        efficiency: efficiency(card),
        directness: directness(card),
        sections: Section::ALL
            .into_iter()
            .map(|section| SectionView {
                key: section.key(),
                title: section.title(),
                question: section.question(),
                reason: card.sections.without_tests.get(&section).cloned(),
                tests: card
                    .sections
                    .tests(section)
                    .iter()
                    .map(|t| test(card, t))
                    .collect(),
            })
            .collect(),
        sources: published
            .into_iter()
            .flat_map(|published| &published.entries)
            .map(|entry| SourceView {
                entry,
                grade: Grade::from(entry.grade).into(),
                papers: papers(&entry.doi_or_arxiv),
            })
            .collect(),
        pictures: pictures(card)
            .enumerate()
            .map(|(i, artifact)| Picture {
                anchor: format!("picture-{}", i + 1),
                path: artifact.path.clone(),
                caption: artifact
                    .caption
                    .clone()
                    .unwrap_or_else(|| artifact.path.clone()),
                uri: uris.get(&artifact.path).cloned(),
            })
            .collect(),
        rule: format!(
            "pass: the {:.0} % interval lies beyond every null on the same images, and is not worse than the reference, if there is one; \
             fail: it does not reach beyond some null; inconclusive: neither, or a gate does not hold; not run: too few images, more than \
             {:.0} % of the maps have nothing to measure, or nothing to compare with. Exact tests pass or fail. A description has no grade \
             and is marked info.",
            100.0 * (1.0 - ALPHA),
            100.0 * MAX_DEGENERATE
        ),
    }
}

fn fact(name: &str, text: impl Into<String>) -> Fact {
    Fact {
        name: name.to_string(),
        text: text.into(),
    }
}

fn counts(card: &Card) -> Vec<Count> {
    let grades = [
        Grade::Pass,
        Grade::Inconclusive,
        Grade::Fail,
        Grade::Info,
        Grade::NotRun,
        Grade::NotApplicable,
    ];
    let count = |grade: Grade| card.tests().filter(|test| test.grade == grade).count();
    let always = [Grade::Pass, Grade::Inconclusive, Grade::Fail, Grade::NotRun];
    grades
        .into_iter()
        .map(|grade| (grade, count(grade)))
        .filter(|(grade, n)| *n > 0 || always.contains(grade))
        .map(|(grade, n)| Count {
            grade: grade.into(),
            n,
        })
        .collect()
}

fn agreements(card: &Card) -> Vec<Fact> {
    [
        Agreement::Agree,
        Agreement::Disagree,
        Agreement::NotComparable,
    ]
    .into_iter()
    .map(|kind| {
        let n = card
            .tests()
            .filter(|test| test.agreement_with_published == Some(kind))
            .count();
        fact(&kind.to_string(), n.to_string())
    })
    .collect()
}

fn shape(sides: &[usize]) -> String {
    sides
        .iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join(" × ")
}

fn about(card: &Card) -> Vec<Group> {
    let method = &card.method;
    let mut of_method = vec![fact("name", &method.name)];
    of_method.extend(
        method
            .variant
            .iter()
            .map(|variant| fact("variant", variant)),
    );
    of_method.extend(method.layer.iter().map(|layer| fact("layer", layer)));
    let corners = if method.align_corners {
        "corners aligned"
    } else {
        "corners not aligned"
    };
    of_method.extend([
        fact("explains", key(&method.target)),
        fact("ReLU", if method.relu { "yes" } else { "no, signed" }),
    ]);
    of_method.extend(
        method
            .weights
            .iter()
            .map(|w| fact("weights", format!("{} of the gradients", key(w)))),
    );
    of_method.extend([
        fact(
            "enlarged by",
            format!("{}, {corners}", method.interpolation),
        ),
        fact("scaled by", &method.normalisation),
    ]);
    let model = &card.model;
    let mut of_model = vec![
        fact("name", &model.name),
        fact("parameters", grouped(model.params as f64)),
        fact("input", shape(&model.input_shape)),
        fact("classes", grouped(model.classes as f64)),
    ];
    of_model.extend(
        model
            .cam_layer_shape
            .iter()
            .map(|s| fact("layer's shape", shape(s))),
    );
    of_model.extend(model.accuracy.iter().map(|a| {
        fact(
            "accuracy",
            format!(
                "{} on {} images of {}",
                percent(a.value),
                grouped(a.n as f64),
                a.split
            ),
        )
    }));
    of_model.extend([fact("format", &model.format), fact("sha256", &model.sha256)]);
    let of_data = card
        .data
        .iter()
        .map(|data| fact(&data.id, describe(data)))
        .collect();
    let environment = &card.environment;
    let mut by = vec![fact("toolkit", &environment.toolkit_version)];
    by.extend(
        environment
            .git_commit
            .iter()
            .map(|commit| fact("commit", commit)),
    );
    by.extend([
        fact("compiler", &environment.rustc),
        fact("processor", &environment.cpu),
        fact("threads", environment.threads.to_string()),
        fact("system", &environment.os),
        fact("seed", environment.seed.to_string()),
    ]);
    by.extend(
        environment
            .started
            .iter()
            .map(|started| fact("started", started)),
    );
    by.extend(
        environment
            .wall_s
            .iter()
            .map(|s| fact("took", format!("{} s", number(Some(*s))))),
    );
    vec![
        Group {
            title: "Method",
            facts: of_method,
        },
        Group {
            title: "Model",
            facts: of_model,
        },
        Group {
            title: "Data",
            facts: of_data,
        },
        Group {
            title: "Environment",
            facts: by,
        },
    ]
}

fn describe(data: &Data) -> String {
    let mut text = format!(
        "{} {} images of {} classes, for {}, annotated with {}, read by {}",
        grouped(data.n as f64),
        key(&data.kind),
        grouped(data.classes as f64),
        match key(&data.role).as_str() {
            "eval" => "measuring".to_string(),
            "train" => "training".to_string(),
            _ => "choosing settings".to_string(),
        },
        match key(&data.annotation).as_str() {
            "none" => "nothing".to_string(),
            "box" => "boxes".to_string(),
            _ => "masks".to_string(),
        },
        data.loader
    );
    if let Some(generator) = &data.generator {
        let params: Vec<String> = generator
            .params
            .iter()
            .map(|(k, v)| format!("{k} {v}"))
            .collect();
        let params = if params.is_empty() {
            String::new()
        } else {
            format!(", {}", params.join(", "))
        };
        text += &format!(
            "; made by {}, seed {}{params}",
            generator.name, generator.seed
        );
    }
    if let Some(hash) = &data.path_hash {
        text += &format!("; hash {hash}");
    }
    text
}

/// A plain enum's key in the JSON.
fn key(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(key)) => key,
        _ => String::new(),
    }
}

fn compared(card: &Card, section: Section) -> Compared {
    let entries = || {
        card.published_card
            .iter()
            .flat_map(|published| &published.entries)
    };
    let tests = card.sections.tests(section);
    let measured = tests.iter().map(|test| {
        let entry = entries().find(|entry| entry.test_id == test.published_id());
        ComparedRow {
            id: Some(test.id.clone()),
            title: test.title.clone(),
            value: with_interval(test.metric.value, test.metric.ci),
            measured: Some(test.grade.into()),
            published: entry.map(|entry| Grade::from(entry.grade).into()),
            agreement: test.agreement_with_published.map(|a| a.to_string()),
            agreement_key: test
                .agreement_with_published
                .map(|a| a.to_string().replace(' ', "_")),
        }
    });
    let there = |entry: &PublishedEntry| {
        card.tests()
            .any(|test| test.published_id() == entry.test_id)
    };
    let others = entries()
        .filter(|entry| entry.section == section && !there(entry))
        .map(|entry| ComparedRow {
            id: None,
            title: entry.title.clone(),
            value: String::new(),
            measured: None,
            published: Some(Grade::from(entry.grade).into()),
            agreement: None,
            agreement_key: None,
        });
    Compared {
        section: section.title(),
        rows: measured.chain(others).collect(),
    }
}

fn sweep(card: &Card) -> Vec<SweepRow> {
    let settings = card.methodology.hyperparameters.sweep.iter();
    settings
        .map(|setting| SweepRow {
            layer: setting.layer.clone(),
            interp: setting.interp.clone(),
            cells: [setting.spearman, setting.ssim, setting.iou15]
                .into_iter()
                .map(|value| Cell {
                    text: value.map_or("none".to_string(), |v| format!("{v:.2}")),
                    svg: chart::bar(value),
                })
                .collect(),
            picture: setting.picture.clone(),
            anchor: setting.picture.as_ref().and_then(|path| {
                let place = pictures(card).position(|artifact| artifact.path == *path)?;
                Some(format!("picture-{}", place + 1))
            }),
        })
        .collect()
}

fn efficiency(card: &Card) -> Vec<Fact> {
    let cost = &card.methodology.efficiency;
    let time = |name: &str, seconds: Option<f64>| {
        seconds.map(|s| fact(name, format!("{} s", number(Some(s)))))
    };
    let ratio = cost
        .median_s
        .zip(cost.forward_s)
        .filter(|(_, forward)| *forward > 0.0);
    let mut facts: Vec<Fact> = [
        time("median", cost.median_s),
        time("95 % below", cost.p95_s),
        time("forward pass alone", cost.forward_s),
        ratio.map(|(all, forward)| fact("times a forward pass", number(Some(all / forward)))),
        cost.decade
            .map(|decade| fact("order of magnitude", format!("{decade:e} s"))),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !facts.is_empty() {
        facts.push(fact("runs", cost.n.to_string()));
        facts.push(fact("on", &card.environment.cpu));
    }
    facts.extend(cost.reason.iter().map(|reason| fact("not timed", reason)));
    facts
}

fn directness(card: &Card) -> Vec<Fact> {
    let direct = &card.methodology.directness;
    let mut facts = vec![fact(
        "map before enlarging",
        format!("{} positions", shape(&direct.resolution)),
    )];
    facts.extend(
        direct
            .receptive_field
            .iter()
            .map(|f| fact("a position sees", format!("{} pixels", shape(f)))),
    );
    facts.push(fact(
        "negative values",
        if direct.signed { "shown" } else { "dropped" },
    ));
    facts.extend(
        direct
            .relu_removed
            .map(|share| fact("taken away by ReLU", percent(share))),
    );
    facts
}

fn papers(text: &str) -> Vec<Link> {
    // `doi:…, figure 2` is one source, `arXiv:…, arXiv:…` are two.
    let mut links: Vec<Link> = Vec::new();
    for part in text.split(", ") {
        match (address(part), links.last_mut()) {
            (None, Some(last)) => last.text += &format!(", {part}"),
            (address, _) => links.push(Link {
                text: part.to_string(),
                address,
            }),
        }
    }
    links
}

/// The artifacts that are shown.
pub(super) fn pictures(card: &Card) -> impl Iterator<Item = &Artifact> {
    card.artifacts
        .iter()
        .filter(|artifact| artifact.kind == "picture")
}

fn test(card: &Card, test: &Test) -> TestView {
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
        chart: chart::lines(&test.title, &test.curves),
        curves: test
            .curves
            .iter()
            .map(|curve| CurveView {
                name: curve.name.clone(),
                text: {
                    let first = number(curve.y.first().copied().flatten());
                    let last = number(curve.y.last().copied().flatten());
                    let why = curve
                        .reason
                        .iter()
                        .map(|reason| format!("; gaps: {reason}"))
                        .collect::<String>();
                    format!("{} points, from {first} to {last}{why}", curve.x.len())
                },
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
        let sigma = blur.sigma.map_or(String::new(), |s| {
            format!(", deviation {}", number(Some(s)))
        });
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
            protocol.data_range.map(|range| number(Some(range))),
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
        // What is not comparable has no place on the same scale.
        let value = reference.value.filter(|_| reference.comparable);
        dots.push(Dot {
            value,
            ends: None,
            own: false,
        });
        let kind = match reference.source {
            Source::Measured => "reference",
            Source::Published => "published reference",
        };
        let note = if reference.comparable {
            ""
        } else {
            ", not comparable"
        };
        rows.push((kind, reference.name.clone(), number(reference.value) + note));
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
