//! What there is to know about a metric before it is measured.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::card_test::CardTest;
use super::range::Range;
use crate::Resolution;
use crate::evaluate::Null;

/// Which way is better. There is no fourth case, so that a match can be exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Higher.
    Up,
    /// Lower.
    Down,
    /// Neither: the metric describes.
    None,
}

/// What a metric needs beside the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Need {
    /// Where the object is.
    Mask,
    /// The network and its input.
    Network,
    /// The method, to explain other inputs.
    Explainer,
    /// Another map of the same image.
    OtherMap,
    /// The object's class, among those of the network.
    Class,
    /// A small object beside one of another class.
    Distractor,
    /// A threshold that was tuned on other images.
    Threshold,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Mask => "a mask of the object",
            Need::Network => "the network and its input",
            Need::Explainer => "the method, to explain other inputs",
            Need::OtherMap => "another map of the same image",
            Need::Class => "the object's class, among those of the network",
            Need::Distractor => "a small object beside one of another class",
            Need::Threshold => "a threshold that was tuned on other images",
        })
    }
}

/// What a metric takes of a map's places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Places {
    /// Their values.
    Values,
    /// Their order: it matters how many of them are tied.
    Order,
    /// The highest one: where several are, all of them count.
    Peak,
}

/// How often a metric asks the network an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cost {
    /// Never, or so seldom that a quick card has time for it.
    Quick,
    /// Hundreds of times.
    Slow,
}

/// What the mean of a metric is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mean {
    /// Images.
    Images,
    /// Classes, of each class's mean over its images.
    Classes,
}

/// What there is to know about a metric before it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct About {
    /// Its title, for a table.
    pub title: &'static str,
    /// Authors, year and title; empty for what is common practice.
    pub paper: &'static str,
    /// Which way is better.
    pub direction: Direction,
    /// What values it can have.
    pub range: Range,
    /// What it can at worst be, for samples without a value; none where it has no bound or no bad side.
    pub worst: Option<f64>,
    /// What it needs.
    pub needs: &'static [Need],
    /// Which of a map's resolutions it looks at.
    pub resolution: Resolution,
    /// What it takes of the map's places there.
    pub places: Places,
    /// How often it asks the network.
    pub cost: Cost,
    /// What its mean is over.
    pub mean: Mean,
    /// What it is as a test of a card; `None` if it is not one.
    pub test: Option<CardTest>,
}

impl About {
    /// The maps that know nothing which a card holds it against.
    pub fn nulls(&self) -> &'static [Null] {
        self.test.map_or(&[], |test| test.against.nulls())
    }
}
