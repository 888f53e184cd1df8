//! One test of a card: its protocol, its numbers, its grade.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Agreement;
use crate::Direction;
use crate::statistics::{self, Gate, Grade, Interval};

/// One test: its protocol, its result, its nulls and references, and the grade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// The id, unique on the card: lower-case letters, digits, `_`, `-` and `.`. The part before the first `.` is the published card's id
    /// of the test, so `deletion.rise` and `deletion.gomez` are two readings of `deletion`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The source: `arXiv:` or `doi:` with the number, or words.
    pub paper: String,
    /// The protocol.
    pub protocol: Protocol,
    /// The result.
    pub metric: Measurement,
    /// The results of uninformed maps on the same images.
    pub nulls: Vec<Null>,
    /// The results of others.
    pub references: Vec<Reference>,
    /// Conditions without which the test is meaningless.
    pub gates: Vec<Gate>,
    /// The p-value against the nulls, 0 to 1.
    pub p_value: Option<f64>,
    /// The p-value adjusted for the card's number of tests ([`crate::statistics::holm`]).
    pub p_holm: Option<f64>,
    /// The grade.
    pub grade: Grade,
    /// The reason, as a sentence.
    pub grade_reason: String,
    /// How the grade compares with the published card's; `None` if that has no such test.
    pub agreement_with_published: Option<Agreement>,
    /// Curves behind the value, on one pair of axes.
    pub curves: Vec<Curve>,
    /// The meaning of the curves' `x` and `y`, such as `share of pixels` and `probability`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axes: Option<[String; 2]>,
    /// The artifact with each image's value.
    pub per_item: Option<String>,
}

impl Test {
    /// Returns the id of the test on a published card: the part before the first `.`.
    pub fn published_id(&self) -> &str {
        self.id.split('.').next().unwrap_or(&self.id)
    }
}

/// How a test was done. `None` if a setting does not apply.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// A description in one or two sentences.
    pub description: String,
    /// Pixels, or positions of the map, that change at a time.
    pub step: Option<usize>,
    /// The replacement of hidden pixels, such as `mean`.
    pub substrate: Option<String>,
    /// The blur that an insertion starts from.
    pub blur: Option<Blur>,
    /// The class that is explained.
    pub target_policy: Option<TargetPolicy>,
    /// The order of equal values, such as `seeded random`.
    pub tie_policy: Option<String>,
    /// The range of values that SSIM assumes.
    pub data_range: Option<f64>,
    /// The window of SSIM, such as `uniform 7`.
    pub window: Option<String>,
    /// The threshold that makes a mask of a map, such as `otsu` or `0.15 of the maximum`.
    pub threshold: Option<String>,
    /// Whose reading of the test it is.
    pub compat: Option<Compatibility>,
    /// Other settings, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// A blur.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blur {
    /// The kind, such as `gaussian` or `box`.
    pub kind: String,
    /// The kernel's side in pixels.
    pub k: usize,
    /// The standard deviation in pixels.
    pub sigma: Option<f64>,
}

/// The class that is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetPolicy {
    /// The most likely class of the original network for the original image.
    OrigArgmax,
    /// The image's label.
    Label,
    /// The most likely class, determined again for each network or input.
    RerunArgmax,
}

/// Whose reading of a test it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compatibility {
    /// The paper's.
    Paper,
    /// That of the code published with the paper.
    Repo,
    /// Our own.
    Toolkit,
}

/// A value over images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// The metric, such as `deletion auc`.
    pub name: String,
    /// Its unit; empty for a pure number.
    pub unit: String,
    /// Which way is better.
    pub direction: Direction,
    /// The value; `None` if there is none, with the reason in `reason`.
    pub value: Option<f64>,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The interval's ends.
    pub ci: Option<[f64; 2]>,
    /// How the interval was computed, such as `paired bootstrap, 1000 resamples, 95 %`.
    pub ci_method: Option<String>,
    /// The number of samples with a value.
    pub n: usize,
    /// The number of samples that the protocol leaves out.
    pub n_excluded: usize,
    /// The number of samples whose map has nothing to measure, such as a map of zeros.
    pub n_degenerate: usize,
    /// The mean share of pixels that tie with another pixel of the map, 0 to 1.
    pub tie_fraction: Option<f64>,
}

/// The result of an uninformed map on the same images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Null {
    /// Its name, such as `random_order` or `centre`.
    pub name: String,
    /// Its value.
    pub value: Option<f64>,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The interval's ends.
    pub ci: Option<[f64; 2]>,
}

impl From<&statistics::Null> for Null {
    /// Converts numbers that are not finite to `None` with a reason.
    fn from(null: &statistics::Null) -> Self {
        let Interval { value, low, high } = null.interval;
        let finite = [value, low, high].iter().all(|v| v.is_finite());
        Null {
            name: null.name.clone(),
            value: finite.then_some(value),
            reason: (!finite).then(|| "not finite".to_string()),
            ci: (finite && low < high).then_some([low, high]),
        }
    }
}

/// The result of another method, a network made for the task, or a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Option<f64>,
    /// The interval's ends; `None` if unknown. References are shown beside the method and do not affect its grade.
    pub ci: Option<[f64; 2]>,
    /// The source.
    pub source: Source,
    /// Whether it has the same data and protocol.
    pub comparable: bool,
}

/// The source of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Measured along with the test.
    Measured,
    /// Taken from a publication.
    Published,
}

/// A curve; missing values are `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// Its name.
    pub name: String,
    /// The positions on the x axis.
    pub x: Vec<f64>,
    /// The values, one per `x`.
    pub y: Vec<Option<f64>>,
    /// The band's lower side; empty without a band.
    pub lo: Vec<Option<f64>>,
    /// The band's upper side; empty without a band.
    pub hi: Vec<Option<f64>>,
    /// Why values are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
