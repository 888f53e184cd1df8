//! The wording of both pages; the templates only arrange it.

mod about;
mod measured;
mod parts;

use std::collections::BTreeMap;

use serde::Serialize;

use self::about::{about, directness, efficiency};
use self::measured::{TestView, test};
use self::parts::{Fact, Group, Link, Mark, fact, papers};
use super::chart;
use super::number::with_interval;
use super::{Agreement, Card, Kind, PublishedEntry, Section};
use crate::statistics::{ALPHA, Grade, MAX_DEGENERATE, Rule};

/// Everything on a page.
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

/// The tests of a section beside the published ones.
#[derive(Serialize)]
struct Compared {
    section: &'static str,
    rows: Vec<ComparedRow>,
}

#[derive(Serialize)]
struct ComparedRow {
    /// The measured test; `None` if only a publication has it.
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
struct SweepRow {
    layer: String,
    interp: String,
    cells: Vec<Cell>,
    displacement: String,
    picture: Option<String>,
    /// The anchor of its picture on the page.
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
    /// The picture as a data URI, for the self-contained page.
    uri: Option<String>,
}

/// Makes the view of a card; `uris` has the pictures' data URIs by path.
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
        pictures: card
            .pictures()
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
        rule: rule(card),
    }
}

/// Returns the card's rule in words; empty for an unknown rule, which no valid card has.
fn rule(card: &Card) -> String {
    let sure = match Rule::named(&card.rule_id) {
        None => return String::new(),
        Some(Rule::Intervals) => String::new(),
        Some(Rule::Corrected) => format!(
            ", and the p-value against the hardest null, corrected for all tests of the card that are graded (Holm), is at most {ALPHA}"
        ),
    };
    format!(
        "pass: the {:.0} % interval of the difference from every null, image by image, lies on its good side{sure}; fail: that of some null \
         does not reach its good side; inconclusive: neither, or a gate does not hold; not run: too few images, or too \
         few of a null; more than {:.0} % of the maps have nothing to measure; or nothing to compare with. References stand beside the \
         grade and enter it only as a gate. Exact tests pass or fail. A description has no grade and is marked info.",
        100.0 * (1.0 - ALPHA),
        100.0 * MAX_DEGENERATE
    )
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
            value: match test.metric.value {
                Some(_) => with_interval(test.metric.value, test.metric.ci),
                None => String::new(),
            },
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
            displacement: setting
                .displacement
                .map_or("none".to_string(), |v| format!("{v:.0}")),
            picture: setting.picture.clone(),
            anchor: setting.picture.as_ref().and_then(|path| {
                let place = card
                    .pictures()
                    .position(|artifact| artifact.path == *path)?;
                Some(format!("picture-{}", place + 1))
            }),
        })
        .collect()
}
