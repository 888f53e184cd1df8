//! What changed between two cards.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::number::with_interval;
use super::{Card, Test};
use crate::statistics::Grade;

/// What changed between two cards, [`diff`].
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Difference {
    /// Fields of the method, the model, the data, the environment (without times) and the rule.
    pub about: Vec<Change>,
    /// Tests that only the second card has.
    pub added: Vec<String>,
    /// Tests that only the first card has.
    pub removed: Vec<String>,
    /// Tests with another grade.
    pub grades: Vec<GradeChange>,
    /// Tests with another value or interval.
    pub values: Vec<ValueChange>,
}

/// A field that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Its path, such as `model.sha256`.
    pub field: String,
    /// The first card's; `None` where it has none.
    pub before: Option<String>,
    /// The second card's; `None` where it has none.
    pub after: Option<String>,
}

/// A grade that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// Whether the two intervals have a number in common; a value without an interval is one number. `None` where a value is missing.
    pub overlap: Option<bool>,
}

/// What changed from `a` to `b`. Tests are matched by their ids; all lists are in the order of the names.
///
/// Intervals that do not overlap say that more than the draw of images changed; intervals that do say little, the less when both cards
/// measured the same images.
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
    }
}

impl Difference {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == Difference::default()
    }
}

/// A line for each change; one sentence where there is none.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "no difference");
        }
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_string());
        for change in &self.about {
            writeln!(
                f,
                "{}: {} -> {}",
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
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| Change {
            field: name.clone(),
            before: before.get(name).cloned(),
            after: after.get(name).cloned(),
        })
        .collect()
}

/// The fields of what was measured on what and by what, each by its path; data by their ids.
fn fields(card: &Card) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::from([
        ("rule_id".to_string(), card.rule_id.clone()),
        ("schema_version".to_string(), card.schema_version.clone()),
    ]);
    let mut put = |name: &str, value: &dyn Fn() -> serde_json::Result<Value>| {
        if let Ok(value) = value() {
            flatten(name, &value, &mut fields);
        }
    };
    put("method", &|| serde_json::to_value(&card.method));
    put("model", &|| serde_json::to_value(&card.model));
    for data in &card.data {
        put(&format!("data.{}", data.id), &|| serde_json::to_value(data));
    }
    put("environment", &|| serde_json::to_value(&card.environment));
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
    use crate::card::example::example;

    #[test]
    fn a_card_does_not_differ_from_itself() {
        let mut later = example();
        later.environment.started = Some("2026-01-01T00:00:00Z".to_string());
        later.environment.wall_s = Some(9.0);
        let found = diff(&example(), &later);
        assert!(found.is_empty());
        assert_eq!(found.to_string(), "no difference\n");
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
        // The other way round what was added is removed.
        assert_eq!(diff(&b, &a).removed, found.added);
    }
}
