//! The differences between two cards, times excluded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::number::with_interval;
use super::{Card, Section, Test};
use crate::statistics::Grade;

/// The field with the grading rule.
const RULE_ID: &str = "rule_id";

/// The differences between two cards, from [`diff`].
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// Fields of the method, the model, the data, the environment and the rule.
    pub about: Vec<Change>,
    /// Tests that only the second card has.
    pub added: Vec<String>,
    /// Tests that only the first card has.
    pub removed: Vec<String>,
    /// Tests with another grade.
    pub grades: Vec<GradeChange>,
    /// Tests with another value or interval.
    pub values: Vec<ValueChange>,
    /// All other differences, by path: parts of the tests that both cards have, such as `deletion.rise.nulls`, and parts of the card.
    pub others: Vec<String>,
}

/// A field that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// Its path, such as `model.sha256`.
    pub field: String,
    /// The first card's value; `None` if it has none.
    pub before: Option<String>,
    /// The second card's value; `None` if it has none.
    pub after: Option<String>,
}

/// A grade that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GradeChange {
    /// The test.
    pub id: String,
    /// The first card's grade.
    pub before: Grade,
    /// The second card's grade.
    pub after: Grade,
}

/// A value or an interval that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ValueChange {
    /// The test.
    pub id: String,
    /// The first card's value.
    pub before: Option<f64>,
    /// The first card's interval.
    pub before_ci: Option<[f64; 2]>,
    /// The second card's value.
    pub after: Option<f64>,
    /// The second card's interval.
    pub after_ci: Option<[f64; 2]>,
    /// Whether the two intervals overlap; a value without an interval is one number. `None` if a value is missing.
    pub overlap: Option<bool>,
}

/// Lists the changes from `a` to `b`. Tests are matched by their ids; all lists are sorted by name. Everything is compared except times:
/// when a card was measured, how long it took, and the cost of a map.
///
/// If intervals do not overlap, more than the draw of images changed. If they overlap, little follows, even less if both cards measured the
/// same images.
pub fn diff(a: &Card, b: &Card) -> Difference {
    let tests = |card| {
        Card::tests(card)
            .map(|test| (test.id.as_str(), test))
            .collect()
    };
    let (before, after): (BTreeMap<&str, &Test>, BTreeMap<&str, &Test>) = (tests(a), tests(b));
    let only = |these: &BTreeMap<&str, &Test>, those: &BTreeMap<&str, &Test>| {
        let missing = these.keys().filter(|id| !those.contains_key(*id));
        missing.map(|id| id.to_string()).collect()
    };
    let both = || {
        before
            .iter()
            .filter_map(|(id, test)| Some((id.to_string(), *test, *after.get(id)?)))
    };
    let grades = both().filter(|(_, x, y)| x.grade != y.grade);
    let values =
        both().filter(|(_, x, y)| (x.metric.value, x.metric.ci) != (y.metric.value, y.metric.ci));
    Difference {
        about: about(a, b),
        added: only(&after, &before),
        removed: only(&before, &after),
        grades: grades
            .map(|(id, x, y)| GradeChange {
                id,
                before: x.grade,
                after: y.grade,
            })
            .collect(),
        values: values.map(|(id, x, y)| value(id, x, y)).collect(),
        others: others(a, b),
    }
}

impl Difference {
    /// Returns whether nothing changed except times.
    pub fn is_empty(&self) -> bool {
        *self == Difference::default()
    }
}

/// Writes a line for each change, or one sentence if there is none.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "no differences apart from times");
        }
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_string());
        for change in &self.about {
            let rules = if change.field == RULE_ID {
                ": the rules differ, so grades may differ although numbers do not"
            } else {
                ""
            };
            writeln!(
                f,
                "{}: {} -> {}{rules}",
                change.field,
                text(&change.before),
                text(&change.after)
            )?;
        }
        for id in &self.added {
            writeln!(f, "+ {id}")?;
        }
        for id in &self.removed {
            writeln!(f, "- {id}")?;
        }
        for change in &self.grades {
            writeln!(f, "{}: {} -> {}", change.id, change.before, change.after)?;
        }
        for change in &self.values {
            let overlap = match change.overlap {
                Some(true) => ", the intervals overlap",
                Some(false) => ", the intervals do not overlap",
                None => "",
            };
            writeln!(
                f,
                "{}: {} -> {}{overlap}",
                change.id,
                with_interval(change.before, change.before_ci),
                with_interval(change.after, change.after_ci)
            )?;
        }
        for path in &self.others {
            writeln!(f, "{path} differs")?;
        }
        Ok(())
    }
}

fn value(id: String, a: &Test, b: &Test) -> ValueChange {
    let ends = |test: &Test| {
        let value = test.metric.value?;
        Some(test.metric.ci.unwrap_or([value, value]))
    };
    let overlap = ends(a)
        .zip(ends(b))
        .map(|(x, y)| x[0] <= y[1] && y[0] <= x[1]);
    ValueChange {
        id,
        before: a.metric.value,
        before_ci: a.metric.ci,
        after: b.metric.value,
        after_ci: b.metric.ci,
        overlap,
    }
}

fn about(a: &Card, b: &Card) -> Vec<Change> {
    let (before, after) = (fields(a), fields(b));
    let changed = changed(&before, &after).into_iter();
    let change = |name: String| Change {
        before: before.get(&name).cloned(),
        after: after.get(&name).cloned(),
        field: name,
    };
    changed.map(change).collect()
}

/// Returns the names under which two tables differ.
fn changed<T: PartialEq>(a: &BTreeMap<String, T>, b: &BTreeMap<String, T>) -> Vec<String> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let differs = |name: &&&String| a.get(**name) != b.get(**name);
    let names = names.iter().filter(differs);
    names.map(|name| name.to_string()).collect()
}

fn others(a: &Card, b: &Card) -> Vec<String> {
    let before: BTreeSet<&str> = a.tests().map(|test| test.id.as_str()).collect();
    let after = b.tests().map(|test| test.id.as_str());
    let both: BTreeSet<&str> = after.filter(|id| before.contains(id)).collect();
    changed(&parts(a, &both), &parts(b, &both))
}

/// Returns the parts that the other lists leave out, by path: parts of the tests with the given ids, and of the card as a whole.
fn parts(card: &Card, ids: &BTreeSet<&str>) -> BTreeMap<String, Value> {
    let mut parts = BTreeMap::new();
    let mut put = |path: &str, value: Value, elsewhere: &[&str]| {
        let Value::Object(map) = value else { return };
        let own = map.into_iter();
        let own = own.filter(|(key, _)| !elsewhere.contains(&key.as_str()));
        parts.extend(own.map(|(key, value)| (format!("{path}{key}"), value)));
    };
    for test in card.tests().filter(|test| ids.contains(test.id.as_str())) {
        let mut rest = test.clone();
        (rest.metric.value, rest.metric.ci) = (None, None);
        put(&format!("{}.", test.id), json(&rest), &["grade"]);
    }
    let mut rest = card.methodology.clone();
    rest.agnosticism.gradient_check = None;
    let elsewhere = ["determinism", "efficiency"];
    put("methodology.", json(&rest), &elsewhere);
    let elsewhere = [
        RULE_ID,
        "schema_version",
        "method",
        "model",
        "data",
        "environment",
        "methodology",
        "sections",
    ];
    put("", json(card), &elsewhere);
    let without = json(&card.sections.without_tests);
    parts.insert("sections.without_tests".to_string(), without);
    for section in Section::ALL {
        let tests = card.sections.tests(section).iter();
        let tests = tests.map(|test| test.id.as_str());
        let tests: Vec<&str> = tests.filter(|id| ids.contains(id)).collect();
        parts.insert(format!("sections.{}", section.key()), json(&tests));
    }
    parts
}

/// Converts a part of a card to JSON, which does not fail.
fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Returns the fields of rule, method, model, data and environment, each by its path; data by their ids.
fn fields(card: &Card) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::from([
        (RULE_ID.to_string(), card.rule_id.clone()),
        ("schema_version".to_string(), card.schema_version.clone()),
    ]);
    flatten("method", &json(&card.method), &mut fields);
    flatten("model", &json(&card.model), &mut fields);
    for data in &card.data {
        flatten(&format!("data.{}", data.id), &json(data), &mut fields);
    }
    flatten("environment", &json(&card.environment), &mut fields);
    fields.retain(|name, _| !matches!(name.as_str(), "environment.started" | "environment.wall_s"));
    fields
}

fn flatten(name: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (key, value) in map {
                flatten(&format!("{name}.{key}"), value, fields);
            }
        }
        Value::String(text) => {
            fields.insert(name.to_string(), text.clone());
        }
        other => {
            fields.insert(name.to_string(), other.to_string());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::card::tests::example::example;

    #[test]
    fn a_card_does_not_differ_from_itself() {
        let mut later = example();
        later.environment.started = Some("2026-01-01T00:00:00Z".to_string());
        later.environment.wall_s = Some(9.0);
        later.methodology.efficiency.median_s = Some(9.0);
        let found = diff(&example(), &later);
        assert!(found.is_empty());
        assert_eq!(found.to_string(), "no differences apart from times\n");
    }

    #[test]
    fn two_rules_are_said() {
        let mut earlier = example();
        earlier.rule_id = "measured-card/1".to_string();
        let found = diff(&earlier, &example()).to_string();
        assert_eq!(
            found,
            "rule_id: measured-card/1 -> measured-card/2: the rules differ, so grades may differ although numbers do not\n"
        );
    }

    #[test]
    fn nothing_else_may_differ_either() {
        type Edit = fn(&mut Card);
        let edits: [(&str, Edit); 9] = [
            ("sections.input_sensitivity", |c| {
                c.sections.input_sensitivity.swap(0, 1);
            }),
            ("deletion.rise.nulls", |c| drop(test(c).nulls.pop())),
            ("deletion.rise.p_value", |c| test(c).p_value = Some(0.5)),
            ("deletion.rise.metric", |c| test(c).metric.n += 1),
            ("deletion.rise.protocol", |c| {
                test(c).protocol.step = Some(1)
            }),
            ("methodology.directness", |c| {
                c.methodology.directness.signed ^= true;
            }),
            ("methodology.agnosticism", |c| {
                c.methodology.agnosticism.requires.clear();
            }),
            ("limitations", |c| c.limitations.clear()),
            ("artifacts", |c| c.artifacts[0].sha256 = "0".repeat(64)),
        ];
        for (path, edit) in edits {
            let mut card = example();
            edit(&mut card);
            let found = diff(&example(), &card);
            assert_eq!(found.others, [path]);
            assert_eq!(found.to_string(), format!("{path} differs\n"));
        }
    }

    fn test(card: &mut Card) -> &mut Test {
        &mut card.sections.input_sensitivity[0]
    }

    #[test]
    fn each_change_has_its_line() {
        let (a, mut b) = (example(), example());
        b.model.sha256 = "0".repeat(64);
        b.model.accuracy = None;
        let gone = b.sections.minimality.remove(0);
        let tests = &mut b.sections.input_sensitivity;
        let mut added = tests[0].clone();
        added.id = "deletion.other".to_string();
        tests[0].metric.value = Some(0.4);
        tests[0].metric.ci = Some([0.39, 0.41]);
        tests[1].metric.ci = Some([0.59, 0.61]);
        tests[1].grade = Grade::Fail;
        tests.push(added);
        let found = diff(&a, &b);
        assert_eq!(found.added, ["deletion.other"]);
        assert_eq!(found.removed, [gone.id.as_str()]);
        let fields: Vec<&str> = found
            .about
            .iter()
            .map(|change| change.field.as_str())
            .collect();
        assert_eq!(
            fields,
            [
                "model.accuracy.n",
                "model.accuracy.split",
                "model.accuracy.value",
                "model.sha256"
            ]
        );
        let overlaps: Vec<Option<bool>> =
            found.values.iter().map(|change| change.overlap).collect();
        assert_eq!(overlaps, [Some(false), Some(true)]);
        let text = found.to_string();
        for line in [
            "+ deletion.other\n",
            "deletion.rise: 0.123 (0.118 to 0.129) -> 0.400 (0.390 to 0.410), the intervals do not overlap\n",
            "insertion.rise: inconclusive -> fail\n",
            "model.accuracy.n: 50000 -> nothing\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert_eq!(text.lines().count(), 4 + 2 + 1 + 2);
        // In reverse, an added test is removed.
        assert_eq!(diff(&b, &a).removed, found.added);
    }
}
