//! Published material about Grad-CAM and others: the grades of its saliency card, contradictions, and figures.

use serde::{Deserialize, Serialize};

use super::{PublishedGrade, Reference, Result, Section, Source};

/// Published material, from [`published`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The saliency card of Grad-CAM.
    pub card: PublishedCard,
    /// Contradictions within the card or with its sources.
    pub errata: Vec<Erratum>,
    /// Figures from papers and code, each with its provenance.
    pub figures: Vec<Figure>,
}

impl Published {
    /// Returns the figures of a method for a test, by [`Test::published_id`](super::Test::published_id), as references. They come from
    /// other data and other networks, so none is comparable. The case of the method's name is ignored.
    pub fn references(&self, method: &str, test_id: &str) -> Vec<Reference> {
        let own = |figure: &&Figure| {
            figure.test_id == test_id && figure.method.eq_ignore_ascii_case(method)
        };
        let reference = |figure: &Figure| {
            let of = [&figure.method, &figure.model, &figure.data].map(String::as_str);
            let of: Vec<&str> = of.into_iter().filter(|name| !name.is_empty()).collect();
            Reference {
                name: format!("{}: {} ({})", of.join(", "), figure.metric, figure.source),
                value: Some(figure.value),
                ci: None,
                source: Source::Published,
                comparable: false,
            }
        };
        self.figures.iter().filter(own).map(reference).collect()
    }
}

/// A published saliency card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedCard {
    /// The method of the card.
    pub method: String,
    /// The repository that contains it.
    pub source_repo: String,
    /// The commit that was read.
    pub commit: String,
    /// Its tests.
    pub entries: Vec<PublishedEntry>,
}

impl PublishedCard {
    /// Returns the entry of a test, by [`Test::published_id`](super::Test::published_id).
    pub fn entry(&self, test_id: &str) -> Option<&PublishedEntry> {
        self.entries.iter().find(|entry| entry.test_id == test_id)
    }
}

/// A test on a published card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedEntry {
    /// Its id.
    pub test_id: String,
    /// Its title.
    pub title: String,
    /// The section of the test.
    pub section: Section,
    /// Its grade.
    pub grade: PublishedGrade,
    /// The card's statement, in our words.
    pub claim: String,
    /// Its source: `arXiv:` or `doi:` with the number, several separated by commas.
    pub doi_or_arxiv: String,
}

/// A contradiction within or between publications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erratum {
    /// The test concerned; `None` for the card as a whole.
    pub test_id: Option<String>,
    /// The problem, and the action taken.
    pub note: String,
    /// The evidence.
    pub evidence: String,
}

/// A published number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// The test concerned.
    pub test_id: String,
    /// The method or the baseline.
    pub method: String,
    /// The network; empty if it was not looked up.
    pub model: String,
    /// The data; empty if they were not looked up.
    pub data: String,
    /// The measured quantity, with its unit.
    pub metric: String,
    /// The number.
    pub value: f64,
    /// How the number was read.
    pub provenance: Provenance,
    /// The source.
    pub source: String,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How a published number was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// In the source code or text of a repository.
    Source,
    /// From a published figure, to 0.01 or 0.02.
    Figure,
    /// In an abstract, a caption or a text that reprints it.
    Secondary,
}

/// Returns the published material about Grad-CAM and others, from `published.json` beside this file. Figures that could not be looked up
/// are left out.
///
/// # Errors
/// [`Error::Json`](super::Error::Json), if the built-in file is damaged.
pub fn published() -> Result<Published> {
    Ok(serde_json::from_str(include_str!("published.json"))?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The published card has these tests with these grades: 5 green, 7 yellow, 2 red.
    #[test]
    fn the_card_of_grad_cam() {
        let card = published().unwrap().card;
        let count =
            |grade: PublishedGrade| card.entries.iter().filter(|e| e.grade == grade).count();
        assert_eq!(
            (
                count(PublishedGrade::Pass),
                count(PublishedGrade::Inconclusive),
                count(PublishedGrade::Fail)
            ),
            (5, 7, 2)
        );
        let ids: BTreeSet<&str> = card.entries.iter().map(|e| e.test_id.as_str()).collect();
        assert_eq!(ids.len(), card.entries.len());
        let sections: BTreeSet<Section> = card.entries.iter().map(|e| e.section).collect();
        assert_eq!(sections, BTreeSet::from(Section::ALL));
        for entry in &card.entries {
            let sourced = |s: &str| s.starts_with("arXiv:") || s.starts_with("doi:10.");
            assert!(entry.doi_or_arxiv.split(", ").all(sourced), "{entry:?}");
        }
    }

    #[test]
    fn figures_have_sources() {
        let published = published().unwrap();
        let value = |test: &str, method: &str, data: &str| {
            let mut of = published.figures.iter();
            of.find(|f| {
                (f.test_id.as_str(), f.method.as_str(), f.data.as_str()) == (test, method, data)
            })
            .map(|f| f.value)
        };
        assert_eq!(value("sparsity", "Grad-CAM", "CUB-200-2011"), Some(5.28));
        assert_eq!(value("pointing_game", "centre", "VOC07"), Some(69.6));
        assert_eq!(
            value("localization_utility", "mean mask", "RSNA"),
            Some(0.465)
        );
        for figure in &published.figures {
            assert!(figure.value.is_finite() && !figure.source.is_empty());
            // These figures were only remembered.
            let remembered = figure.test_id == "deletion" && figure.model == "VGG-16";
            assert!(!remembered && figure.value != 0.254 && figure.value != 59.65);
        }
        assert!(published.errata.iter().all(|e| !e.evidence.is_empty()));
        let references = published.references("grad-cam", "sparsity");
        assert_eq!(references.len(), 1);
        assert_eq!(
            (references[0].value, references[0].comparable),
            (Some(5.28), false)
        );
        assert!(
            references[0]
                .name
                .starts_with("Grad-CAM, ResNet-50, CUB-200-2011: ")
        );
        assert!(published.references("rise", "sparsity").is_empty());
        assert_eq!(published.references("rise", "deletion").len(), 2);
    }
}
