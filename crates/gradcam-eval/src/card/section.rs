//! The headings of a card.

use serde::{Deserialize, Serialize};

/// A heading of the saliency card's template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Does the map follow changes of the input that change the output?
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
    /// All sections, in the template's order.
    pub const ALL: [Section; 5] = [
        Section::InputSensitivity,
        Section::LabelSensitivity,
        Section::ModelSensitivity,
        Section::Minimality,
        Section::PerceptualCorrespondence,
    ];

    /// Returns its key in the JSON.
    pub fn key(self) -> &'static str {
        match self {
            Section::InputSensitivity => "input_sensitivity",
            Section::LabelSensitivity => "label_sensitivity",
            Section::ModelSensitivity => "model_sensitivity",
            Section::Minimality => "minimality",
            Section::PerceptualCorrespondence => "perceptual_correspondence",
        }
    }

    /// Returns its heading.
    pub fn title(self) -> &'static str {
        match self {
            Section::InputSensitivity => "Input sensitivity",
            Section::LabelSensitivity => "Label sensitivity",
            Section::ModelSensitivity => "Model sensitivity",
            Section::Minimality => "Minimality",
            Section::PerceptualCorrespondence => "Perceptual correspondence",
        }
    }

    /// Returns the question that its tests answer.
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
