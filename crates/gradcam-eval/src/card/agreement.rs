//! A measured grade beside a published one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::statistics::Grade;

/// A grade on a published saliency card: its green, yellow and red.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishedGrade {
    /// Green.
    Pass,
    /// Yellow.
    Inconclusive,
    /// Red.
    Fail,
}

impl From<PublishedGrade> for Grade {
    fn from(grade: PublishedGrade) -> Self {
        match grade {
            PublishedGrade::Pass => Grade::Pass,
            PublishedGrade::Inconclusive => Grade::Inconclusive,
            PublishedGrade::Fail => Grade::Fail,
        }
    }
}

impl fmt::Display for PublishedGrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Grade::from(*self).fmt(f)
    }
}

/// How a measured grade compares with a published one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// Both grades are the same.
    Agree,
    /// The grades differ.
    Disagree,
    /// They are not about the same question, or nothing was measured.
    NotComparable,
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Agreement::Agree => "agree",
            Agreement::Disagree => "disagree",
            Agreement::NotComparable => "not comparable",
        })
    }
}

/// Compares a measured grade with a published one. `comparable` is the caller's statement that method, kind of data and protocol are
/// similar enough. A measured grade other than pass, inconclusive and fail is never comparable.
///
/// The published card has no rule for its grades, so a disagreement may be between the two rules as much as between the measurements.
pub fn agreement(measured: Grade, published: PublishedGrade, comparable: bool) -> Agreement {
    let judged = matches!(measured, Grade::Pass | Grade::Inconclusive | Grade::Fail);
    match (comparable && judged, measured == published.into()) {
        (false, _) => Agreement::NotComparable,
        (true, true) => Agreement::Agree,
        (true, false) => Agreement::Disagree,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_judgements_are_compared() {
        use {Agreement as A, Grade as G, PublishedGrade as P};
        for (measured, published, comparable, expected) in [
            (G::Pass, P::Pass, true, A::Agree),
            (G::Fail, P::Fail, true, A::Agree),
            (G::Inconclusive, P::Inconclusive, true, A::Agree),
            (G::Pass, P::Fail, true, A::Disagree),
            (G::Inconclusive, P::Pass, true, A::Disagree),
            (G::Pass, P::Pass, false, A::NotComparable),
            (G::Info, P::Pass, true, A::NotComparable),
            (G::NotRun, P::Fail, true, A::NotComparable),
            (G::NotApplicable, P::Fail, true, A::NotComparable),
        ] {
            assert_eq!(agreement(measured, published, comparable), expected);
        }
    }
}
