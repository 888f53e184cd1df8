//! Checks that no field of a card contradicts another.

use std::collections::BTreeSet;

use super::{Agreement, Card, Invalid, SCHEMA_VERSION, Section, Test, agreement};
use crate::statistics::{ALPHA, Grade, Rule};

type Check = Result<(), Invalid>;

impl Card {
    /// Checks that the card is consistent: known version and rule, unique ids, tests or a reason in every section, finite numbers in their
    /// ranges, intervals in order, values or a reason for their absence, grades that fit their gates, agreements that follow from the
    /// grades, and files that are among the artifacts.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn validate(&self) -> Result<(), Invalid> {
        ensure(self.schema_version == SCHEMA_VERSION, || {
            Invalid::Version(self.schema_version.clone())
        })?;
        let rule = Rule::named(&self.rule_id).ok_or_else(|| Invalid::Rule(self.rule_id.clone()))?;
        unique("test", self.tests().map(|t| t.id.as_str()))?;
        unique("data", self.data.iter().map(|d| d.id.as_str()))?;
        unique("artifact", self.artifacts.iter().map(|a| a.path.as_str()))?;
        if let Some(published) = &self.published_card {
            unique(
                "published test",
                published.entries.iter().map(|e| e.test_id.as_str()),
            )?;
        }
        for section in Section::ALL {
            let reason = self.sections.without_tests.get(&section);
            let explained = reason.is_some_and(|reason| !reason.is_empty());
            let empty = self.sections.tests(section).is_empty();
            ensure(empty == explained && empty == reason.is_some(), || {
                Invalid::Section(section.key())
            })?;
        }
        self.numbers()?;
        for test in self.tests() {
            numbers(test)?;
            grade(test, rule)?;
            self.agreement(test)?;
        }
        self.files()
    }

    fn numbers(&self) -> Check {
        if let Some(accuracy) = &self.model.accuracy {
            share("model.accuracy", Some(accuracy.value))?;
        }
        for setting in &self.methodology.hyperparameters.sweep {
            let place = format!("{} {}", setting.layer, setting.interp);
            for value in [setting.spearman, setting.ssim] {
                within(&place, value, "in -1 to 1", |v| (-1.0..=1.0).contains(&v))?;
            }
            share(&place, setting.iou15)?;
            within(&place, setting.displacement, "0 or above", |v| v >= 0.0)?;
        }
        let cost = &self.methodology.efficiency;
        let times = [
            cost.median_s,
            cost.quartiles_s.map(|[low, _]| low),
            cost.quartiles_s.map(|[_, high]| high),
            cost.p95_s,
            cost.forward_s,
            cost.decade,
            self.environment.wall_s,
        ];
        for time in times {
            within("seconds", time, "finite and at least 0", |v| v >= 0.0)?;
        }
        ensure(cost.median_s.is_some() || cost.reason.is_some(), || {
            Invalid::Reason("methodology.efficiency".to_string())
        })?;
        share(
            "methodology.directness.relu_removed",
            self.methodology.directness.relu_removed,
        )
    }

    /// Checks that a stated agreement follows from the grades. Whether they are comparable is the card's own statement.
    fn agreement(&self, test: &Test) -> Check {
        let published = self.published_card.as_ref();
        let published = published.and_then(|card| card.entry(test.published_id()));
        let stated = test.agreement_with_published;
        let follows = match (published, stated) {
            (Some(entry), Some(Agreement::NotComparable)) => {
                agreement(test.grade, entry.grade, false) == Agreement::NotComparable
            }
            (Some(entry), Some(stated)) => agreement(test.grade, entry.grade, true) == stated,
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(_), None) => false,
        };
        ensure(follows, || Invalid::Agreement {
            id: test.id.clone(),
            stated: stated.unwrap_or(Agreement::NotComparable),
        })
    }

    fn files(&self) -> Check {
        let hash = |text: &str| {
            let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            ensure(text.len() == 64 && text.chars().all(hex), || {
                Invalid::Hash(text.to_string())
            })
        };
        hash(&self.model.sha256)?;
        for artifact in &self.artifacts {
            let path = artifact.path.as_str();
            let inside = !path.is_empty()
                && !path.contains(['\\', ':'])
                && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
            ensure(inside, || Invalid::Path(path.to_string()))?;
            hash(&artifact.sha256)?;
        }
        let known: BTreeSet<&str> = self.artifacts.iter().map(|a| a.path.as_str()).collect();
        let pictures = self
            .methodology
            .hyperparameters
            .sweep
            .iter()
            .filter_map(|s| s.picture.as_ref());
        let named = self.tests().filter_map(|test| test.per_item.as_ref());
        for path in pictures.chain(named) {
            ensure(known.contains(path.as_str()), || {
                Invalid::Artifact(path.clone())
            })?;
        }
        Ok(())
    }
}

fn numbers(test: &Test) -> Check {
    let id = test.id.as_str();
    let id_ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
    ensure(!id.is_empty() && id.chars().all(id_ok), || {
        Invalid::Id(id.to_string())
    })?;
    let metric = &test.metric;
    known(id, metric.value, metric.reason.as_deref())?;
    interval(id, metric.ci)?;
    share(id, metric.tie_fraction)?;
    share(id, test.p_value)?;
    share(id, test.p_holm)?;
    within(id, test.protocol.data_range, "finite and above 0", |v| {
        v > 0.0
    })?;
    within(
        id,
        test.protocol.blur.as_ref().and_then(|b| b.sigma),
        "finite and above 0",
        |v| v > 0.0,
    )?;
    for null in &test.nulls {
        let place = format!("{id}, {}", null.name);
        known(&place, null.value, null.reason.as_deref())?;
        interval(&place, null.ci)?;
    }
    for reference in &test.references {
        within(id, reference.value, "finite", |_| true)?;
        interval(&format!("{id}, {}", reference.name), reference.ci)?;
    }
    for curve in &test.curves {
        let place = format!("{id}, {}", curve.name);
        let n = curve.x.len();
        let band = (curve.lo.len(), curve.hi.len());
        ensure(
            curve.y.len() == n && (band == (0, 0) || band == (n, n)),
            || Invalid::Curve(place.clone()),
        )?;
        for &x in &curve.x {
            within(&place, Some(x), "finite", |_| true)?;
        }
        for &y in &curve.y {
            known(&place, y, curve.reason.as_deref())?;
        }
        for (lo, hi) in curve.lo.iter().zip(&curve.hi) {
            match (lo, hi) {
                (Some(lo), Some(hi)) => interval(&place, Some([*lo, *hi]))?,
                (None, None) => {}
                _ => return Err(Invalid::Curve(place)),
            }
        }
    }
    Ok(())
}

fn grade(test: &Test, rule: Rule) -> Check {
    let judged = matches!(test.grade, Grade::Pass | Grade::Inconclusive | Grade::Fail);
    let gates = test.gates.iter().all(|gate| gate.ok);
    // Exact tests have no nulls and no p-value.
    let sure = match rule {
        Rule::Intervals => true,
        Rule::Corrected => test.nulls.is_empty() || test.p_holm.is_some_and(|p| p <= ALPHA),
    };
    let why = match test.grade {
        _ if test.grade_reason.is_empty() => "has no reason",
        _ if judged && test.metric.value.is_none() => "is of a test without a value",
        Grade::Pass | Grade::Fail if !gates => "stands although a gate does not hold",
        Grade::Pass if !sure => "stands although the corrected p-value does not bear it out",
        _ => return Ok(()),
    };
    Err(Invalid::Grade {
        id: test.id.clone(),
        grade: test.grade,
        why,
    })
}

fn ensure(holds: bool, invalid: impl FnOnce() -> Invalid) -> Check {
    if holds { Ok(()) } else { Err(invalid()) }
}

fn unique<'a>(what: &'static str, ids: impl Iterator<Item = &'a str>) -> Check {
    let mut seen = BTreeSet::new();
    for id in ids {
        ensure(seen.insert(id), || Invalid::Twice {
            what,
            id: id.to_string(),
        })?;
    }
    Ok(())
}

/// Checks that there is a value or a reason, and that a value is finite.
fn known(place: &str, value: Option<f64>, reason: Option<&str>) -> Check {
    ensure(
        value.is_some() || reason.is_some_and(|r| !r.is_empty()),
        || Invalid::Reason(place.to_string()),
    )?;
    within(place, value, "finite", |_| true)
}

fn within(
    place: &str,
    value: Option<f64>,
    expected: &'static str,
    holds: impl Fn(f64) -> bool,
) -> Check {
    match value {
        Some(found) if !found.is_finite() || !holds(found) => Err(Invalid::Number {
            place: place.to_string(),
            expected,
            found,
        }),
        _ => Ok(()),
    }
}

fn share(place: &str, value: Option<f64>) -> Check {
    within(place, value, "in 0 to 1", |v| (0.0..=1.0).contains(&v))
}

fn interval(place: &str, ends: Option<[f64; 2]>) -> Check {
    match ends {
        Some([low, high]) if !(low.is_finite() && high.is_finite() && low <= high) => {
            Err(Invalid::Interval {
                place: place.to_string(),
                low,
                high,
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::card::tests::example::example;

    /// Returns the error after a change to the example, which is valid.
    fn after(change: impl FnOnce(&mut Card)) -> String {
        let mut card = example();
        assert_eq!(card.validate(), Ok(()));
        change(&mut card);
        card.validate().unwrap_err().to_string()
    }

    #[test]
    fn versions_ids_and_sections() {
        assert_eq!(
            after(|c| c.schema_version = "2".into()),
            "expected the schema version `1.0.0`, found `2`"
        );
        assert_eq!(
            after(|c| c.rule_id = "mine/1".into()),
            "expected grades by the rule `measured-card/2` or an earlier one, found `mine/1`"
        );
        assert_eq!(
            after(|c| c.methodology.determinism.id = "sparsity".into()),
            "the test `sparsity` occurs twice"
        );
        assert_eq!(
            after(|c| c.data[1].id = "photos".into()),
            "the data `photos` occurs twice"
        );
        assert_eq!(
            after(|c| c.sections.minimality[0].id = "Sparsity \"x\"".into()),
            "the id `Sparsity \"x\"` must be of lower-case letters, digits, `_`, `-` and `.`"
        );
        let section = "the section `minimality` needs either tests or a reason why it has none";
        assert_eq!(after(|c| c.sections.minimality.clear()), section);
        let reason = |c: &mut Card| {
            c.sections
                .without_tests
                .insert(Section::Minimality, "none fit".into())
        };
        assert_eq!(after(|c| drop(reason(c))), section);
        let mut card = example();
        card.sections.minimality.clear();
        reason(&mut card);
        assert_eq!(card.validate(), Ok(()));
    }

    #[test]
    fn numbers_and_intervals() {
        assert_eq!(
            after(|c| c.sections.input_sensitivity[0].metric.value = Some(f64::NAN)),
            "`deletion.rise` must be finite, found NaN"
        );
        assert_eq!(
            after(|c| c.sections.input_sensitivity[0].metric.value = None),
            "`deletion.rise` has no value and no reason for it"
        );
        assert_eq!(
            after(|c| c.sections.input_sensitivity[0].metric.ci = Some([0.2, 0.1])),
            "the interval of `deletion.rise` must be finite and in order, found 0.2 to 0.1"
        );
        assert_eq!(
            after(|c| c.sections.input_sensitivity[0].nulls[1].ci = Some([0.2, f64::INFINITY])),
            "the interval of `deletion.rise, centre` must be finite and in order, found 0.2 to inf"
        );
        assert_eq!(
            after(|c| c.sections.input_sensitivity[0].p_holm = Some(1.5)),
            "`deletion.rise` must be in 0 to 1, found 1.5"
        );
        let curve = "the curve `deletion.rise, Grad-CAM` has lists of different lengths";
        assert_eq!(
            after(|c| c.sections.input_sensitivity[0].curves[0].x.truncate(9)),
            curve
        );
        assert_eq!(
            after(|c| c.sections.input_sensitivity[0].curves[0].lo.clear()),
            curve
        );
        assert_eq!(
            after(|c| c.sections.input_sensitivity[0].curves[0].lo[3] = None),
            curve
        );
        assert_eq!(
            after(|c| c.sections.input_sensitivity[0].curves[0].y[3] = None),
            "`deletion.rise, Grad-CAM` has no value and no reason for it"
        );
        assert_eq!(
            after(|c| c.methodology.efficiency.median_s = None),
            "`methodology.efficiency` has no value and no reason for it"
        );
        assert_eq!(
            after(|c| c.methodology.hyperparameters.sweep[4].ssim = Some(1.1)),
            "`layer2 bilinear` must be in -1 to 1, found 1.1"
        );
    }

    #[test]
    fn grades_and_agreements() {
        assert_eq!(
            after(|c| c.sections.label_sensitivity[0].grade = Grade::Pass),
            "the grade `pass` of `data_randomization` stands although a gate does not hold"
        );
        let uncorrected = "the grade `pass` of `deletion.rise` stands although the corrected p-value does not bear it out";
        for p in [Some(0.051), None] {
            let found = after(|c| c.sections.input_sensitivity[0].p_holm = p);
            assert_eq!(found, uncorrected);
            // An earlier rule did not require it.
            let mut card = example();
            card.rule_id = "measured-card/1".into();
            card.sections.input_sensitivity[0].p_holm = p;
            assert_eq!(card.validate(), Ok(()));
        }
        assert_eq!(
            after(|c| c.sections.input_sensitivity[2].grade = Grade::Fail),
            "the grade `fail` of `infidelity.square_removal_with_an_optimal_scale` is of a test without a value"
        );
        assert_eq!(
            after(|c| c.sections.minimality[0].grade_reason.clear()),
            "the grade `info` of `sparsity` has no reason"
        );
        // The published grade of deletion is inconclusive, the measured one is pass.
        let stated = |agreement: Option<Agreement>| {
            after(|c| c.sections.input_sensitivity[0].agreement_with_published = agreement)
        };
        assert_eq!(
            stated(Some(Agreement::Agree)),
            "`deletion.rise` states `agree`, which the published card does not bear out"
        );
        stated(None);
        after(|c| {
            c.methodology.determinism.agreement_with_published = Some(Agreement::NotComparable)
        });
        after(|c| c.sections.minimality[0].agreement_with_published = Some(Agreement::Disagree));
        let mut card = example();
        card.sections.input_sensitivity[0].agreement_with_published =
            Some(Agreement::NotComparable);
        assert_eq!(card.validate(), Ok(()));
    }

    #[test]
    fn files() {
        for path in [
            "../x.png",
            "/etc/x.png",
            "a//b.png",
            "javascript:x",
            "a\\b.png",
            "",
        ] {
            let found = after(|c| c.artifacts[0].path = path.into());
            assert_eq!(
                found,
                format!("the path `{path}` must be relative and stay in the card's folder")
            );
        }
        assert_eq!(
            after(|c| drop(c.artifacts.pop())),
            "`deletion.csv` is not among the artifacts"
        );
        assert_eq!(
            after(|c| c.artifacts[0].sha256 = "ABC".into()),
            "`ABC` is not a SHA-256 of 64 lower-case hexadecimal digits"
        );
    }
}
