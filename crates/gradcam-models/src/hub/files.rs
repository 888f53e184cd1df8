//! The files of a model in a repository.

use std::path::{Path, PathBuf};

use super::error::{HubError, at};
use crate::bounded;
use crate::files::DESCRIPTION;

/// The file that describes the model.
pub(super) const CONFIG: &str = "config.json";
/// The file that holds the parameters.
pub(super) const WEIGHTS: &str = "model.safetensors";
/// The file that describes the preprocessing of pictures, in transformers.
const PROCESSOR: &str = "preprocessor_config.json";
/// The file that describes how a text becomes tokens.
const TOKENIZER: &str = "tokenizer.json";

/// A model's files in the cache; further files of the model lie beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// Path of `config.json`.
    pub config: PathBuf,
    /// Path of `model.safetensors`, in the same folder.
    pub weights: PathBuf,
    /// The commit that both belong to, 40 hexadecimal digits.
    pub commit: String,
}

impl Fetched {
    /// Returns the folder of all the files.
    pub(crate) fn folder(&self) -> &Path {
        self.config.parent().unwrap_or(Path::new(""))
    }
}

/// Lists the files that a model with this description may have beside its weights.
pub(super) fn companions(config: &Path) -> Result<&'static [&'static str], HubError> {
    #[derive(serde::Deserialize)]
    struct Kind {
        model_type: String,
    }
    let text = bounded::file(config, DESCRIPTION).map_err(|error| at(config)(error.into()))?;
    // A description that is not transformers' has none; loading reports invalid ones. Only the text tower reads a tokenizer.
    Ok(match serde_json::from_slice::<Kind>(&text) {
        Ok(kind) if cfg!(feature = "text") && kind.model_type == "clip" => &[PROCESSOR, TOKENIZER],
        Ok(_) => &[PROCESSOR],
        Err(_) => &[],
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_tokenizer_is_wanted_by_the_text_tower_alone() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.json");
        let wanted = |text: &str| {
            std::fs::write(&config, text).unwrap();
            companions(&config).unwrap().to_vec()
        };
        let with_text = [PROCESSOR, TOKENIZER];
        let clip = if cfg!(feature = "text") {
            &with_text[..]
        } else {
            &with_text[..1]
        };
        assert_eq!(wanted(r#"{"model_type": "clip"}"#), clip);
        assert_eq!(wanted(r#"{"model_type": "vit"}"#), [PROCESSOR]);
        assert_eq!(wanted(r#"{"architecture": "resnet50"}"#), [""; 0]);
    }
}
