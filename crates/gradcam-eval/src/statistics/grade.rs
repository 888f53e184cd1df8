//! The rule by which the saliency card turns a measurement into a grade.
//!
//! The card's template uses green for passed, red for failed and yellow for inconclusive, and gives no numbers. This rule is our own. It
//! has a name and a version, and anyone can apply it again to the numbers that a card prints.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::bootstrap::{ALPHA, Interval};
use crate::Direction;

/// The name and version of the current grading rule.
pub const RULE: &str = Rule::Corrected.id();
/// The minimum number of samples, unless a test declares another.
pub const MIN_SAMPLES: usize = 30;
/// The largest share of samples without a value.
pub const MAX_DEGENERATE: f64 = 0.2;

/// The rules that cards may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// The first rule: a pass follows from the test's own intervals, however many tests a card has.
    Intervals,
    /// The current rule, [`RULE`]: a pass also requires the p-value, corrected for the number of tests ([`corrected`]).
    Corrected,
}

impl Rule {
    /// All rules, the oldest first.
    pub const ALL: &[Rule] = &[Rule::Intervals, Rule::Corrected];

    /// Returns the rule's name and version.
    pub const fn id(self) -> &'static str {
        match self {
            Rule::Intervals => "measured-card/1",
            Rule::Corrected => "measured-card/2",
        }
    }

    /// Returns the rule of that name and version; `None` if there is no such rule.
    pub fn named(id: &str) -> Option<Rule> {
        Rule::ALL.iter().copied().find(|rule| rule.id() == id)
    }
}

/// The outcome of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Better than every null: green.
    Pass,
    /// Neither: yellow.
    Inconclusive,
    /// Not better than a null: red.
    Fail,
    /// A description without a better side.
    Info,
    /// Too little data: grey.
    NotRun,
    /// The test does not apply to the method: grey.
    NotApplicable,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Grade::Pass => "pass",
            Grade::Inconclusive => "inconclusive",
            Grade::Fail => "fail",
            Grade::Info => "info",
            Grade::NotRun => "not_run",
            Grade::NotApplicable => "not_applicable",
        })
    }
}

/// A grade with the sentence that explains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Graded {
    /// The grade.
    pub grade: Grade,
    /// The reason.
    pub reason: String,
}

impl Graded {
    fn new(grade: Grade, reason: impl Into<String>) -> Self {
        Graded {
            grade,
            reason: reason.into(),
        }
    }
}

/// The result of an uninformed map on the same images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Null {
    /// Its name, such as `centre`.
    pub name: String,
    /// Its mean with the interval, if there is one; otherwise all three values are equal.
    pub interval: Interval,
    /// The mean of the differences, method minus null, over the images for which both have a value: effects common to both cancel. If
    /// `None`, the two intervals are compared.
    pub difference: Option<Interval>,
    /// The number of images (or pairs of images) averaged: those of the difference, if there is one. `None` for a number that follows from
    /// the test itself.
    pub samples: Option<usize>,
    /// The one-sided p-value of the method being better; `None` if there are no values to test.
    pub p: Option<f64>,
}

/// A condition without which the test is meaningless, such as that a network has memorised its labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Its name.
    pub name: String,
    /// The requirement, in words.
    pub required: String,
    /// The observation, in words.
    pub observed: String,
    /// Whether the gate holds.
    pub ok: bool,
}

/// The numbers that are graded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding<'a> {
    /// Which way is better.
    pub direction: Direction,
    /// The mean over images with its interval.
    pub interval: Interval,
    /// The nulls that it has to beat, all of them.
    pub nulls: &'a [Null],
    /// The conditions of the test.
    pub gates: &'a [Gate],
    /// The number of samples with a value.
    pub samples: usize,
    /// The minimum number of samples, here and for each null; [`MIN_SAMPLES`] unless the test declares another.
    pub least_samples: usize,
    /// The share of all samples without a value, 0 to 1.
    pub degenerate: f64,
}

/// Grades a finding by the rule [`RULE`]. The first of these that applies:
///
/// 1. `Info` for a measure without a better side;
/// 2. `NotRun` for too few samples, more than a fifth of them without a value, no null to compare with, a null of too few samples, or
///    numbers that are not finite;
/// 3. `Inconclusive` if a gate does not hold;
/// 4. `Fail` if the good end of the difference from some null is not on the good side of 0;
/// 5. `Pass` if the bad end of the difference from every null is on the good side of 0, and every null's p-value is at most [`ALPHA`];
/// 6. `Inconclusive` otherwise.
///
/// One of several tests passes only if its corrected p-value is also at most [`ALPHA`]: [`corrected`]. A fail depends on its interval
/// alone: it is a warning, and claims nothing that more tests could weaken.
///
/// The results of other methods, people or publications count only if a test makes a gate of them; a card shows them beside the grade.
pub fn grade(finding: &Finding<'_>) -> Graded {
    let interval = finding.interval;
    // Flips the sign if needed, so that higher is always better.
    let up = |interval: Interval| match finding.direction {
        Direction::Down => Interval {
            value: -interval.value,
            low: -interval.high,
            high: -interval.low,
        },
        _ => interval,
    };
    if finding.direction == Direction::None {
        return Graded::new(Grade::Info, "the measure describes and does not judge");
    }
    if finding.samples < finding.least_samples {
        let (found, least) = (finding.samples, finding.least_samples);
        return Graded::new(
            Grade::NotRun,
            format!("{found} samples are fewer than {least}"),
        );
    }
    if finding.degenerate.is_nan() || finding.degenerate > MAX_DEGENERATE {
        let percent = 100.0 * finding.degenerate;
        let reason = format!(
            "{percent:.0} % of the samples have no value, more than {:.0} %",
            100.0 * MAX_DEGENERATE
        );
        return Graded::new(Grade::NotRun, reason);
    }
    if finding.nulls.is_empty() {
        return Graded::new(Grade::NotRun, "no null was measured");
    }
    let few = |null: &&Null| null.samples.is_some_and(|n| n < finding.least_samples);
    if let Some(null) = finding.nulls.iter().find(few) {
        let (name, found, least) = (&null.name, null.samples.unwrap_or(0), finding.least_samples);
        return Graded::new(
            Grade::NotRun,
            format!("the {found} samples of the null `{name}` are fewer than {least}"),
        );
    }
    let paired = finding
        .nulls
        .iter()
        .filter_map(|null| null.difference.as_ref());
    let compared = finding.nulls.iter().map(|null| &null.interval);
    let compared = compared.chain(paired);
    let mut numbers = compared
        .chain([&interval])
        .flat_map(|i| [i.value, i.low, i.high]);
    if !numbers.all(f64::is_finite) {
        return Graded::new(Grade::NotRun, "a number is not finite");
    }
    if let Some(gate) = finding.gates.iter().find(|gate| !gate.ok) {
        let Gate {
            name,
            required,
            observed,
            ..
        } = gate;
        let reason = format!("the gate `{name}` does not hold: {observed}, required {required}");
        return Graded::new(Grade::Inconclusive, reason);
    }
    let own = up(interval);
    let shown = |i: Interval| format!("{:.4} ({:.4} to {:.4})", i.value, i.low, i.high);
    let against = |name: &str, other: Interval| {
        format!("{} against {} of `{name}`", shown(interval), shown(other))
    };
    let lead = |null: &Null| match (null.difference, up(null.interval)) {
        (Some(difference), _) => up(difference),
        (None, other) => Interval {
            value: own.value - other.value,
            low: own.low - other.high,
            high: own.high - other.value,
        },
    };
    if let Some(null) = finding.nulls.iter().find(|null| lead(null).high <= 0.0) {
        let reason = format!(
            "no better than a null: {}",
            against(&null.name, null.interval)
        );
        return Graded::new(Grade::Fail, reason);
    }
    if let Some(null) = finding.nulls.iter().find(|null| lead(null).low <= 0.0) {
        let reason = format!(
            "not surely better than a null: {}",
            against(&null.name, null.interval)
        );
        return Graded::new(Grade::Inconclusive, reason);
    }
    let sure = |null: &&Null| null.p.is_some_and(|p| p <= ALPHA);
    if let Some(null) = finding.nulls.iter().find(|null| !sure(null)) {
        let p = null
            .p
            .map_or("no p-value".to_string(), |p| format!("p {p:.4}"));
        let reason = format!(
            "not surely better than a null: {}, {p}",
            against(&null.name, null.interval)
        );
        return Graded::new(Grade::Inconclusive, reason);
    }
    Graded::new(
        Grade::Pass,
        format!("better than every null: {}", shown(interval)),
    )
}

/// Corrects the grade of one of several tests, given its p-value adjusted for all of them ([`super::holm`]): a `Pass` with a p-value above
/// [`ALPHA`], or without one, becomes `Inconclusive`. Any other grade stays. Not for exact tests, which have no p-value.
pub fn corrected(graded: Graded, p: Option<f64>, tests: usize) -> Graded {
    let sure = p.is_some_and(|p| p <= ALPHA);
    if graded.grade != Grade::Pass || sure {
        return graded;
    }
    let p = match p {
        None => "has no p-value".to_string(),
        Some(p) => format!("has p {p:.4} (Holm), above {ALPHA}"),
    };
    let reason = format!("{}; among {tests} tests it {p}", graded.reason);
    Graded::new(Grade::Inconclusive, reason)
}

/// Grades an exact test (determinism, invariances): `Pass` if the largest error is at most the tolerance, otherwise `Fail`; never in
/// between.
pub fn grade_exact(error: f64, tolerance: f64) -> Graded {
    if error <= tolerance {
        Graded::new(
            Grade::Pass,
            format!("the largest error {error:e} is at most {tolerance:e}"),
        )
    } else {
        Graded::new(
            Grade::Fail,
            format!("the largest error {error:e} is above {tolerance:e}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(low: f64, value: f64, high: f64) -> Interval {
        Interval { value, low, high }
    }

    fn null(low: f64, value: f64, high: f64) -> Null {
        Null {
            name: "centre".to_string(),
            interval: interval(low, value, high),
            difference: None,
            samples: Some(30),
            p: Some(0.001),
        }
    }

    /// A small difference that is the same on every image is certain, however much the images differ.
    #[test]
    fn pairs_decide_where_there_are_any() {
        let paired = |low: f64, value: f64, high: f64| Null {
            difference: Some(interval(low, value, high)),
            ..null(0.1, 0.5, 0.9)
        };
        let of = |null: Null, direction: Direction| {
            let nulls = [null];
            let finding = Finding {
                interval: interval(0.2, 0.6, 1.0),
                direction,
                ..finding(&nulls)
            };
            grade(&finding).grade
        };
        assert_eq!(of(paired(0.08, 0.1, 0.12), Direction::Up), Grade::Pass);
        assert_eq!(of(paired(0.08, 0.1, 0.12), Direction::Down), Grade::Fail);
        assert_eq!(
            of(paired(-0.1, 0.1, 0.3), Direction::Up),
            Grade::Inconclusive
        );
        assert_eq!(of(null(0.1, 0.5, 0.9), Direction::Up), Grade::Inconclusive);
    }

    fn finding(nulls: &[Null]) -> Finding<'_> {
        Finding {
            direction: Direction::Up,
            interval: interval(0.5, 0.6, 0.7),
            nulls,
            gates: &[],
            samples: 30,
            least_samples: MIN_SAMPLES,
            degenerate: 0.2,
        }
    }

    #[test]
    fn nulls_decide() {
        let (clear, touching, level, above) = (
            null(0.3, 0.4, 0.49),
            null(0.3, 0.4, 0.5),
            null(0.6, 0.7, 0.8),
            null(0.7, 0.75, 0.8),
        );
        let of = |nulls: &[Null]| grade(&finding(nulls)).grade;
        assert_eq!(of(std::slice::from_ref(&clear)), Grade::Pass);
        assert_eq!(of(&[clear.clone(), touching.clone()]), Grade::Inconclusive);
        assert_eq!(of(std::slice::from_ref(&level)), Grade::Fail);
        assert_eq!(of(&[clear.clone(), touching, above]), Grade::Fail);
        assert_eq!(of(&[]), Grade::NotRun);
        // In the other direction every grade flips.
        let down = |nulls: &[Null]| {
            let finding = Finding {
                direction: Direction::Down,
                ..finding(nulls)
            };
            grade(&finding).grade
        };
        assert_eq!(down(&[clear]), Grade::Fail);
        assert_eq!(down(&[null(0.71, 0.75, 0.8)]), Grade::Pass);
        assert_eq!(down(&[level]), Grade::Inconclusive);
    }

    /// An interval on the good side is not enough.
    #[test]
    fn the_p_value_holds_a_pass_back() {
        let of = |p: Option<f64>| {
            let nulls = [
                null(0.1, 0.1, 0.1),
                Null {
                    p,
                    ..null(0.3, 0.4, 0.49)
                },
            ];
            grade(&finding(&nulls))
        };
        assert_eq!(of(Some(ALPHA)).grade, Grade::Pass);
        assert_eq!(of(None).grade, Grade::Inconclusive);
        let found = of(Some(0.0647));
        assert_eq!(found.grade, Grade::Inconclusive);
        assert_eq!(
            found.reason,
            "not surely better than a null: 0.6000 (0.5000 to 0.7000) against 0.4000 (0.3000 to 0.4900) of `centre`, p 0.0647"
        );
    }

    #[test]
    fn one_of_several_tests_passes_by_its_corrected_p() {
        let pass = of_nulls(&[null(0.1, 0.1, 0.1)]);
        assert_eq!(corrected(pass.clone(), Some(ALPHA), 14), pass);
        let held = corrected(pass.clone(), Some(0.125), 14);
        assert_eq!(held.grade, Grade::Inconclusive);
        assert_eq!(
            held.reason,
            "better than every null: 0.6000 (0.5000 to 0.7000); among 14 tests it has p 0.1250 (Holm), above 0.05"
        );
        assert_eq!(corrected(held.clone(), Some(0.125), 14), held);
        assert_eq!(corrected(pass, None, 14).grade, Grade::Inconclusive);
        let fail = of_nulls(&[null(0.7, 0.75, 0.8)]);
        assert_eq!(corrected(fail.clone(), Some(1.0), 14), fail);
    }

    fn of_nulls(nulls: &[Null]) -> Graded {
        grade(&finding(nulls))
    }

    #[test]
    fn rules_have_names() {
        for &rule in Rule::ALL {
            assert_eq!(Rule::named(rule.id()), Some(rule));
        }
        assert_eq!((RULE, Rule::named("mine/1")), ("measured-card/2", None));
    }

    #[test]
    fn gates_hold_a_pass_back() {
        let nulls = [null(0.1, 0.1, 0.1)];
        let gates = [Gate {
            name: "memorised".to_string(),
            required: "a training accuracy of 0.95".to_string(),
            observed: "0.71".to_string(),
            ok: false,
        }];
        let found = grade(&Finding {
            gates: &gates,
            ..finding(&nulls)
        });
        assert_eq!(found.grade, Grade::Inconclusive);
        assert_eq!(
            found.reason,
            "the gate `memorised` does not hold: 0.71, required a training accuracy of 0.95"
        );
    }

    #[test]
    fn too_little_is_grey() {
        let nulls = [null(0.1, 0.1, 0.1)];
        let plain = finding(&nulls);
        for (finding, expected) in [
            (plain, Grade::Pass),
            (
                Finding {
                    samples: 29,
                    ..plain
                },
                Grade::NotRun,
            ),
            (
                Finding {
                    degenerate: 0.21,
                    ..plain
                },
                Grade::NotRun,
            ),
            (
                Finding {
                    degenerate: f64::NAN,
                    ..plain
                },
                Grade::NotRun,
            ),
            (
                Finding {
                    interval: interval(0.5, f64::NAN, 0.7),
                    ..plain
                },
                Grade::NotRun,
            ),
            (
                Finding {
                    direction: Direction::None,
                    samples: 0,
                    ..plain
                },
                Grade::Info,
            ),
        ] {
            assert_eq!(grade(&finding).grade, expected);
        }
    }

    /// A null measured on two images is uninformative; one that was not measured is exact.
    #[test]
    fn nulls_need_samples_too() {
        let of = |samples: Option<usize>, difference: Option<Interval>| {
            let nulls = [
                null(0.1, 0.1, 0.1),
                Null {
                    samples,
                    difference,
                    ..null(0.3, 0.4, 0.49)
                },
            ];
            grade(&finding(&nulls))
        };
        let paired = Some(interval(0.1, 0.2, 0.3));
        for difference in [None, paired] {
            assert_eq!(of(Some(30), difference).grade, Grade::Pass);
            assert_eq!(of(None, difference).grade, Grade::Pass);
            let few = of(Some(29), difference);
            assert_eq!(few.grade, Grade::NotRun);
            assert_eq!(
                few.reason,
                "the 29 samples of the null `centre` are fewer than 30"
            );
        }
    }

    #[test]
    fn exact_tests_pass_or_fail() {
        assert_eq!(grade_exact(1e-6, 1e-6).grade, Grade::Pass);
        assert_eq!(grade_exact(1.1e-6, 1e-6).grade, Grade::Fail);
        assert_eq!(grade_exact(f64::NAN, 1e-6).grade, Grade::Fail);
    }
}
