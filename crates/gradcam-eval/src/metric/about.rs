//! A metric's properties, known before it is measured.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::card_test::CardTest;
use super::range::Range;
use crate::Resolution;
use crate::evaluate::Null;

/// Which direction is better. There is no fourth case, so that a match can be exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Higher.
    Up,
    /// Lower.
    Down,
    /// Neither: the metric only describes.
    None,
}

/// An input that a metric needs besides the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Need {
    /// A mask of the object.
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

/// The property of a map's positions that a metric uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Places {
    /// Their values.
    Values,
    /// Their order: the number of ties matters.
    Order,
    /// The peak: if several positions tie for it, all of them count.
    Peak,
}

/// How often a metric runs the network for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cost {
    /// Never, or so rarely that a quick card has time for it.
    Quick,
    /// Hundreds of times.
    Slow,
}

/// The items that the mean of a metric is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mean {
    /// Images.
    Images,
    /// Classes, after averaging each class over its images.
    Classes,
}

/// A metric's properties, known before it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct About {
    /// The title, for a table.
    pub title: &'static str,
    /// Authors, year and title; empty for what is common practice.
    pub paper: &'static str,
    /// Which way is better.
    pub direction: Direction,
    /// Its possible values.
    pub range: Range,
    /// The worst possible value, used for samples without a value; `None` if the metric has no bound or no worse side.
    pub worst: Option<f64>,
    /// The inputs that it needs.
    pub needs: &'static [Need],
    /// The resolution of the map that it uses.
    pub resolution: Resolution,
    /// The property of the map's positions that it uses.
    pub places: Places,
    /// How often it runs the network.
    pub cost: Cost,
    /// The items that its mean is taken over.
    pub mean: Mean,
    /// Its test on a card; `None` if it is not one.
    pub test: Option<CardTest>,
}

impl About {
    /// Returns the uninformed maps that a card compares it with.
    pub fn nulls(&self) -> &'static [Null] {
        self.test.map_or(&[], |test| test.against.nulls())
    }
}
