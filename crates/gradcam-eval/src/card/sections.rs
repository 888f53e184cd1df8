//! The headings of a card's tests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Section, Test};

/// The tests under their headings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sections {
    /// The tests of [`Section::InputSensitivity`].
    pub input_sensitivity: Vec<Test>,
    /// The tests of [`Section::LabelSensitivity`].
    pub label_sensitivity: Vec<Test>,
    /// The tests of [`Section::ModelSensitivity`].
    pub model_sensitivity: Vec<Test>,
    /// The tests of [`Section::Minimality`].
    pub minimality: Vec<Test>,
    /// The tests of [`Section::PerceptualCorrespondence`].
    pub perceptual_correspondence: Vec<Test>,
    /// The reason why a section has no tests, for each section without tests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub without_tests: BTreeMap<Section, String>,
}

impl Sections {
    /// Returns the tests of a section.
    pub fn tests(&self, section: Section) -> &[Test] {
        match section {
            Section::InputSensitivity => &self.input_sensitivity,
            Section::LabelSensitivity => &self.label_sensitivity,
            Section::ModelSensitivity => &self.model_sensitivity,
            Section::Minimality => &self.minimality,
            Section::PerceptualCorrespondence => &self.perceptual_correspondence,
        }
    }

    /// Returns the tests of a section, to add to them.
    pub fn tests_mut(&mut self, section: Section) -> &mut Vec<Test> {
        match section {
            Section::InputSensitivity => &mut self.input_sensitivity,
            Section::LabelSensitivity => &mut self.label_sensitivity,
            Section::ModelSensitivity => &mut self.model_sensitivity,
            Section::Minimality => &mut self.minimality,
            Section::PerceptualCorrespondence => &mut self.perceptual_correspondence,
        }
    }

    /// Returns all tests, section by section in the template's order.
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

    /// Appends the tests of `other` to those of each section.
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
