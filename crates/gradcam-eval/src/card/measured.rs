//! One test of a card: its protocol, its numbers, its grade.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Agreement;
use crate::Direction;
use crate::statistics::{self, Gate, Grade, Interval};

/// One test: what was done, what came out, what it was held against, and the grade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Unique on the card: lower-case letters, digits, `_`, `-` and `.`. What stands before the first `.` is the published card's id of the
    /// test, so that `deletion.rise` and `deletion.gomez` are two readings of `deletion`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Where it comes from: `arXiv:` or `doi:` with the number, or words.
    pub paper: String,
    /// How it was done.
    pub protocol: Protocol,
    /// What came out.
    pub metric: Measurement,
    /// What maps that know nothing achieve on the same images.
    pub nulls: Vec<Null>,
    /// What others achieve.
    pub references: Vec<Reference>,
    /// What must hold for the test to mean anything.
    pub gates: Vec<Gate>,
    /// The p-value against the nulls, 0 to 1.
    pub p_value: Option<f64>,
    /// The same, adjusted for the card's number of tests ([`crate::statistics::holm`]).
    pub p_holm: Option<f64>,
    /// The grade.
    pub grade: Grade,
    /// Why, as a sentence.
    pub grade_reason: String,
    /// How the grade stands to the published card's; `None` where that has no such test.
    pub agreement_with_published: Option<Agreement>,
    /// Curves behind the value, on one pair of axes.
    pub curves: Vec<Curve>,
    /// What the curves' `x` and `y` are, such as `share of pixels` and `probability`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axes: Option<[String; 2]>,
    /// The artifact that has each image's value.
    pub per_item: Option<String>,
}

impl Test {
    /// The id of the test on a published card: what stands before the first `.`.
    pub fn published_id(&self) -> &str {
        self.id.split('.').next().unwrap_or(&self.id)
    }
}

/// How a test was done. What a test does not have is `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// In one or two sentences.
    pub description: String,
    /// Pixels, or positions of the map, that change at a time.
    pub step: Option<usize>,
    /// What takes the place of what is hidden, such as `mean`.
    pub substrate: Option<String>,
    /// The blur that an insertion begins with.
    pub blur: Option<Blur>,
    /// Which class is explained.
    pub target_policy: Option<TargetPolicy>,
    /// The order of equal values, such as `seeded random`.
    pub tie_policy: Option<String>,
    /// The range of values that SSIM assumes.
    pub data_range: Option<f64>,
    /// The window of SSIM, such as `uniform 7`.
    pub window: Option<String>,
    /// Where a map becomes a mask, such as `otsu` or `0.15 of the maximum`.
    pub threshold: Option<String>,
    /// Whose reading of the test it is.
    pub compat: Option<Compatibility>,
    /// What else was set, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// A blur.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blur {
    /// Such as `gaussian` or `box`.
    pub kind: String,
    /// The kernel's side in pixels.
    pub k: usize,
    /// The standard deviation in pixels.
    pub sigma: Option<f64>,
}

/// Which class is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetPolicy {
    /// The most likely class of the untouched network for the untouched image.
    OrigArgmax,
    /// The image's label.
    Label,
    /// The most likely class of each network or input anew.
    RerunArgmax,
}

/// Whose reading of a test it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compatibility {
    /// The paper's.
    Paper,
    /// The code's that came with the paper.
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
    /// The value; `None` where there is none, and `reason` says why.
    pub value: Option<f64>,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The interval's two ends.
    pub ci: Option<[f64; 2]>,
    /// How the interval was made, such as `paired bootstrap, 1000 resamples, 95 %`.
    pub ci_method: Option<String>,
    /// Samples with a value.
    pub n: usize,
    /// Samples that were left out by the protocol.
    pub n_excluded: usize,
    /// Samples whose map has nothing to measure, such as a map of zeros.
    pub n_degenerate: usize,
    /// The mean share of pixels whose value another pixel of the map has too, 0 to 1.
    pub tie_fraction: Option<f64>,
}

/// What a map that knows nothing achieves on the same images.
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
    /// The interval's two ends.
    pub ci: Option<[f64; 2]>,
}

impl From<&statistics::Null> for Null {
    /// Numbers that are not finite become `None` with a reason.
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

/// What another method, a network made for the task, or a person achieves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Option<f64>,
    /// The interval's two ends; `None` where none is known. References stand beside the method and do not enter its grade.
    pub ci: Option<[f64; 2]>,
    /// Where it comes from.
    pub source: Source,
    /// Whether it is of the same data and protocol.
    pub comparable: bool,
}

/// Where a reference comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Measured along with the test.
    Measured,
    /// Taken from a publication.
    Published,
}

/// A curve; `None` where it has no value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// Its name.
    pub name: String,
    /// Where.
    pub x: Vec<f64>,
    /// The values, one for each of `x`.
    pub y: Vec<Option<f64>>,
    /// The band's lower side; empty without a band.
    pub lo: Vec<Option<f64>>,
    /// The band's upper side; empty without a band.
    pub hi: Vec<Option<f64>>,
    /// Why values are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
