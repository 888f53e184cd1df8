//! The properties of a metric as a test of a card.

use serde::Serialize;

use crate::card::Section;
use crate::evaluate::Null;

/// A metric as a test of a card.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CardTest {
    /// The id. The part before the first `.` is common to several readings of one published test.
    pub id: &'static str,
    /// Its heading on the card.
    pub section: Section,
    /// Its group within the section, from 1. Tests of one group are in the order of [`Metric::ALL`](crate::Metric::ALL).
    pub group: u8,
    /// The nulls or the bound that grade it, if any.
    pub against: Against,
    /// A description in one or two sentences.
    pub protocol: &'static str,
    /// The x axis of the curve beside the number; `None` if the metric is not the area of a curve.
    pub curve: Option<&'static str>,
    /// The number of the network's top classes that must include an image's class. The share of images that miss it is shown beside the
    /// number. `None` if the metric does not use the class.
    pub first: Option<usize>,
}

impl CardTest {
    pub(super) fn with_curve(self, along: &'static str) -> Self {
        CardTest {
            curve: Some(along),
            ..self
        }
    }

    pub(super) fn with_first(self, classes: usize) -> Self {
        CardTest {
            first: Some(classes),
            ..self
        }
    }
}

/// What a card compares a metric with. A match over it is exhaustive, so that each new case needs a decision on its grade.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Against {
    /// Uninformed maps; empty for a metric that only describes.
    Nulls(&'static [Null]),
    /// A bound that no image may exceed.
    Bound(f64),
    /// Nothing, for this reason.
    Nothing(&'static str),
}

impl Against {
    /// Returns the uninformed maps; empty for a bound or for nothing.
    pub fn nulls(self) -> &'static [Null] {
        match self {
            Against::Nulls(nulls) => nulls,
            Against::Bound(_) | Against::Nothing(_) => &[],
        }
    }
}
