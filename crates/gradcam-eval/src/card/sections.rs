//! The headings under which a card's tests stand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Test;

/// A heading of the saliency card's template with tests under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Does the map follow what the input changes in the output?
    InputSensitivity,
    /// Does the map follow the labels that the network learnt?
    LabelSensitivity,
    /// Does the map follow the network's parameters?
    ModelSensitivity,
    /// Does the map show no more than needed?
    Minimality,
    /// Does the map agree with what people see?
    PerceptualCorrespondence,
}

impl Section {
    /// All of them, in the template's order.
    pub const ALL: [Section; 5] = [
        Section::InputSensitivity,
        Section::LabelSensitivity,
        Section::ModelSensitivity,
        Section::Minimality,
        Section::PerceptualCorrespondence,
    ];

    /// Its key in the JSON.
    pub fn key(self) -> &'static str {
        match self {
            Section::InputSensitivity => "input_sensitivity",
            Section::LabelSensitivity => "label_sensitivity",
            Section::ModelSensitivity => "model_sensitivity",
            Section::Minimality => "minimality",
            Section::PerceptualCorrespondence => "perceptual_correspondence",
        }
    }

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Section::InputSensitivity => "Input sensitivity",
            Section::LabelSensitivity => "Label sensitivity",
            Section::ModelSensitivity => "Model sensitivity",
            Section::Minimality => "Minimality",
            Section::PerceptualCorrespondence => "Perceptual correspondence",
        }
    }

    /// What its tests ask, as a question.
    pub fn question(self) -> &'static str {
        match self {
            Section::InputSensitivity => "Does the score follow when what the map shows changes?",
            Section::LabelSensitivity => "Does the map follow the labels that were learnt?",
            Section::ModelSensitivity => "Does the map follow the network's parameters?",
            Section::Minimality => "Does the map show no more than is needed?",
            Section::PerceptualCorrespondence => "Does the map agree with what people see?",
        }
    }
}

/// The tests under their headings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sections {
    /// Of [`Section::InputSensitivity`].
    pub input_sensitivity: Vec<Test>,
    /// Of [`Section::LabelSensitivity`].
    pub label_sensitivity: Vec<Test>,
    /// Of [`Section::ModelSensitivity`].
    pub model_sensitivity: Vec<Test>,
    /// Of [`Section::Minimality`].
    pub minimality: Vec<Test>,
    /// Of [`Section::PerceptualCorrespondence`].
    pub perceptual_correspondence: Vec<Test>,
    /// Why a section has no tests, by section; for those without any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub without_tests: BTreeMap<Section, String>,
}

impl Sections {
    /// The tests of a section.
    pub fn tests(&self, section: Section) -> &[Test] {
        match section {
            Section::InputSensitivity => &self.input_sensitivity,
            Section::LabelSensitivity => &self.label_sensitivity,
            Section::ModelSensitivity => &self.model_sensitivity,
            Section::Minimality => &self.minimality,
            Section::PerceptualCorrespondence => &self.perceptual_correspondence,
        }
    }

    /// All tests, section by section in the template's order.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Test> {
        let lists = [
            &mut self.input_sensitivity,
            &mut self.label_sensitivity,
            &mut self.model_sensitivity,
            &mut self.minimality,
            &mut self.perceptual_correspondence,
        ];
        lists.into_iter().flatten()
    }

    /// Adds the tests of `other` behind those of each section.
    pub fn append(&mut self, other: Sections) {
        let Sections {
            input_sensitivity,
            label_sensitivity,
            model_sensitivity,
            minimality,
            perceptual_correspondence,
            without_tests,
        } = other;
        self.input_sensitivity.extend(input_sensitivity);
        self.label_sensitivity.extend(label_sensitivity);
        self.model_sensitivity.extend(model_sensitivity);
        self.minimality.extend(minimality);
        self.perceptual_correspondence
            .extend(perceptual_correspondence);
        self.without_tests.extend(without_tests);
    }
}
