//! What a card says of a metric that is one of its tests.

use serde::Serialize;

use crate::card::Section;
use crate::evaluate::Null;

/// A metric as a test of a card.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CardTest {
    /// The id. What several readings of one published test have in common stands before the first `.`.
    pub id: &'static str,
    /// The heading that it stands under.
    pub section: Section,
    /// Its group among those of the section, from 1 on. Tests of one group stand in the order of [`Metric::ALL`](crate::Metric::ALL).
    pub group: u8,
    /// What it is graded by.
    pub against: Against,
    /// What is done, in a sentence or two.
    pub protocol: &'static str,
    /// What the curve beside the number goes along; `None` if the metric is not the area of a curve.
    pub curve: Option<&'static str>,
    /// Among how many of the network's first classes an image's must be, so that the share of images where it is not stands beside the number;
    /// `None` if the metric does not ask for the class.
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

/// What a card holds a metric against. A match over it is exhaustive, so that a case more is a grade to decide on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Against {
    /// Maps that know nothing; none for a metric that describes.
    Nulls(&'static [Null]),
    /// A bound that no image may exceed.
    Bound(f64),
    /// Nothing, for this reason.
    Nothing(&'static str),
}

impl Against {
    /// The maps that know nothing among it.
    pub fn nulls(self) -> &'static [Null] {
        match self {
            Against::Nulls(nulls) => nulls,
            Against::Bound(_) | Against::Nothing(_) => &[],
        }
    }
}
