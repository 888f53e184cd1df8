//! The `config.json` of a model folder, in timm's form, or in that of Hugging Face transformers for ResNet and the transformers.

mod transformers;
pub(crate) mod value;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use self::value::{invalid, triple};
use crate::architectures::{Architecture, Naming, find};
use crate::files::read_text;
use crate::preprocess::{CropMode, Interpolation, Preprocess};
use crate::{LoadError, labels};

/// The description of a model in a folder.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The plan of the network.
    pub architecture: &'static Architecture,
    /// The number of classes.
    pub classes: usize,
    /// One name per class; empty if neither the folder nor the number of classes reveals them.
    pub labels: Vec<String>,
    /// The preprocessing of pictures.
    pub preprocess: Preprocess,
    /// Values that the files lack and the network's family supplied, one sentence each.
    pub assumed: Vec<String>,
    /// The licence named in the folder.
    pub license: Option<String>,
}

/// The fields that are read from either form.
#[derive(Debug, Deserialize)]
struct Fields {
    architecture: Option<String>,
    num_classes: Option<u64>,
    pretrained_cfg: Option<Pretrained>,
    label_names: Option<Vec<String>>,
    label_descriptions: Option<BTreeMap<String, String>>,
    license: Option<String>,
    // transformers
    #[serde(flatten)]
    transformers: transformers::Fields,
    id2label: Option<BTreeMap<String, String>>,
}

/// timm's `pretrained_cfg`.
#[derive(Debug, Default, Deserialize)]
struct Pretrained {
    input_size: Option<Vec<u32>>,
    interpolation: Option<String>,
    crop_pct: Option<f64>,
    crop_mode: Option<String>,
    mean: Option<Vec<f32>>,
    std: Option<Vec<f32>>,
    num_classes: Option<u64>,
    license: Option<String>,
    label_names: Option<Vec<String>>,
}

/// The most classes that a network may have, ten times more than the largest known classifiers.
pub(crate) const MAX_CLASSES: usize = 1_000_000;

impl Pretrained {
    /// Lists the missing preprocessing fields, except the crop mode, which is nearly always the usual one.
    fn unsaid(&self) -> Vec<&'static str> {
        [
            ("input_size", self.input_size.is_none()),
            ("interpolation", self.interpolation.is_none()),
            ("crop_pct", self.crop_pct.is_none()),
            ("mean", self.mean.is_none()),
            ("std", self.std.is_none()),
        ]
        .into_iter()
        .filter_map(|(name, missing)| missing.then_some(name))
        .collect()
    }
}

impl Config {
    /// Parses the text of `config.json`, and of `preprocessor_config.json` if there is one.
    ///
    /// Fields missing in `pretrained_cfg` get timm's values for the architecture's family ([`Architecture::preprocess`]), and
    /// [`Config::assumed`] lists them.
    ///
    /// # Errors
    /// If the text is not such a file, names an unknown architecture, or has a number out of range.
    ///
    /// ```
    /// use gradcam_models::Config;
    ///
    /// let config = Config::parse(r#"{"architecture": "resnet50", "num_classes": 10}"#, None)?;
    /// assert_eq!((config.architecture.name, config.classes), ("resnet50", 10));
    /// assert_eq!(config.preprocess.input_size, (224, 224));
    /// // The file does not state the preprocessing, so it was assumed.
    /// assert!(!config.assumed.is_empty());
    /// # Ok::<(), gradcam_models::LoadError>(())
    /// ```
    pub fn parse(text: &str, processor: Option<&str>) -> Result<Self, LoadError> {
        let fields: Fields = json("config.json", text)?;
        let architecture = architecture(&fields)?;
        let cfg = fields.pretrained_cfg.unwrap_or_default();
        let labels = fields
            .label_names
            .or(cfg.label_names.clone())
            .or_else(|| fields.id2label.map(by_index))
            .unwrap_or_default();
        let classes = fields
            .num_classes
            .or(cfg.num_classes)
            .or_else(|| Some(fields.transformers.projection()? as u64))
            .unwrap_or(match labels.len() as u64 {
                0 => 1000,
                count => count,
            });
        let classes = match usize::try_from(classes) {
            Ok(0) => {
                return Err(invalid(
                    "`num_classes` is 0: the network has no classifier to explain",
                ));
            }
            Ok(classes) if classes <= MAX_CLASSES => classes,
            _ => {
                return Err(invalid(&format!(
                    "`num_classes` is {classes}, expected 1 to {MAX_CLASSES}"
                )));
            }
        };
        if !labels.is_empty() && labels.len() != classes {
            return Err(invalid(&format!(
                "there are {} label names for {classes} classes",
                labels.len()
            )));
        }
        let labels = match fields.label_descriptions {
            _ if labels.is_empty() => labels::of_imagenet(classes),
            // timm names ImageNet's classes by WordNet id and describes them separately.
            Some(words) => labels
                .iter()
                .map(|l| words.get(l).unwrap_or(l).clone())
                .collect(),
            None => labels,
        };
        let mut preprocess = architecture.preprocess();
        let license = fields.license.or_else(|| cfg.license.clone());
        let unsaid = match processor {
            Some(_) => Vec::new(),
            None => cfg.unsaid(),
        };
        pretrained(&mut preprocess, cfg)?;
        if let Some(text) = processor {
            let processor = json("preprocessor_config.json", text)?;
            transformers::processor(&mut preprocess, processor, architecture.is_transformer())?;
        }
        preprocess
            .check()
            .map_err(|error| invalid(&error.to_string()))?;
        let assumed = if unsaid.is_empty() {
            Vec::new()
        } else {
            vec![format!(
                "`config.json` does not say `{}` under `pretrained_cfg`; {}",
                unsaid.join("`, `"),
                assumed(architecture, &preprocess)
            )]
        };
        Ok(Config {
            architecture,
            classes,
            labels,
            preprocess,
            assumed,
            license,
        })
    }

    /// Reads a folder's `config.json`, and the `preprocessor_config.json` beside it if there is one.
    ///
    /// # Errors
    /// If a file cannot be read, or as [`parse`](Config::parse).
    pub(crate) fn read(folder: &Path) -> Result<Self, LoadError> {
        let config = read_text(&folder.join("config.json"))?;
        let processor = folder.join("preprocessor_config.json");
        let processor = processor
            .exists()
            .then(|| read_text(&processor))
            .transpose()?;
        Config::parse(&config, processor.as_deref())
    }

    /// Makes the assumed description of weights that have none.
    pub(crate) fn of(architecture: &'static Architecture, classes: usize) -> Self {
        let preprocess = architecture.preprocess();
        Config {
            architecture,
            classes,
            labels: labels::of_imagenet(classes),
            assumed: vec![assumed(architecture, &preprocess)],
            preprocess,
            license: None,
        }
    }

    /// Detects whose names the parameters have.
    pub(crate) fn naming(&self, names: &[String]) -> Naming {
        self.architecture.naming(names.iter().map(String::as_str))
    }
}

/// What the files beside a network of another kind say about pictures and classes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beside {
    /// The preprocessing, ImageNet's where the files say nothing; `None` if they say nothing about colours.
    pub(crate) preprocess: Option<Preprocess>,
    /// One name per class.
    pub(crate) labels: Option<Vec<String>>,
    /// The licence.
    pub(crate) license: Option<String>,
}

impl Beside {
    /// Parses the text of `config.json`, of timm's form or transformers', and of `preprocessor_config.json` if there is one. Neither needs to
    /// name an architecture that is known here.
    ///
    /// # Errors
    /// If a text is not such a file, or has a number out of range.
    pub(crate) fn parse(text: &str, processor: Option<&str>) -> Result<Self, LoadError> {
        let fields: Fields = json("config.json", text)?;
        let cfg = fields.pretrained_cfg.unwrap_or_default();
        let labels = fields
            .label_names
            .or(cfg.label_names.clone())
            .or_else(|| fields.id2label.map(by_index));
        let labels = match (labels, fields.label_descriptions) {
            (Some(labels), Some(words)) => {
                let named = labels.iter().map(|l| words.get(l).unwrap_or(l).clone());
                Some(named.collect())
            }
            (labels, _) => labels,
        };
        let license = fields.license.or_else(|| cfg.license.clone());
        let mut preprocess = Preprocess::default();
        let says = cfg.mean.is_some() && cfg.std.is_some();
        pretrained(&mut preprocess, cfg)?;
        if let Some(text) = processor {
            let processor: transformers::Processor = json("preprocessor_config.json", text)?;
            let crops = processor.crops();
            transformers::processor(&mut preprocess, processor, crops)?;
        }
        Ok(Beside {
            preprocess: (says || processor.is_some()).then_some(preprocess),
            labels,
            license,
        })
    }
}

/// Describes the assumed preprocessing.
fn assumed(architecture: &Architecture, preprocess: &Preprocess) -> String {
    format!(
        "pictures are assumed to be prepared as usual for `{}`: {preprocess}",
        architecture.name
    )
}

fn json<T: serde::de::DeserializeOwned>(file: &str, text: &str) -> Result<T, LoadError> {
    serde_json::from_str(text).map_err(|error| LoadError::Config {
        file: file.into(),
        reason: error.to_string(),
    })
}

fn architecture(fields: &Fields) -> Result<&'static Architecture, LoadError> {
    if let (None, Some(clip)) = (&fields.architecture, fields.transformers.nameless_clip()) {
        return Ok(clip);
    }
    let name = match (&fields.architecture, fields.transformers.architecture()?) {
        (Some(name), _) => name.clone(),
        (None, Some(name)) => name,
        (None, None) => return Err(invalid("the field `architecture` is missing")),
    };
    Ok(find(&name)?)
}

/// Sorts labels by class number.
fn by_index(map: BTreeMap<String, String>) -> Vec<String> {
    let mut labels: Vec<(usize, String)> = map
        .into_iter()
        .filter_map(|(index, label)| Some((index.parse().ok()?, label)))
        .collect();
    labels.sort();
    labels.into_iter().map(|(_, label)| label).collect()
}

fn pretrained(preprocess: &mut Preprocess, cfg: Pretrained) -> Result<(), LoadError> {
    if let Some(size) = cfg.input_size {
        let &[3, height, width] = size.as_slice() else {
            return Err(invalid(&format!(
                "`input_size` is {size:?}, expected [3, height, width]"
            )));
        };
        preprocess.input_size = (height, width);
    }
    if let Some(text) = cfg.interpolation {
        preprocess.interpolation = interpolation(&text)?;
    }
    if let Some(share) = cfg.crop_pct {
        preprocess.crop_pct = share;
    }
    if let Some(mode) = cfg.crop_mode {
        preprocess.crop_mode = match mode.as_str() {
            "center" => CropMode::Center,
            "squash" => CropMode::Squash,
            "border" => CropMode::Border,
            other => {
                return Err(invalid(&format!(
                    "unknown `crop_mode` `{other}`, expected `center`, `squash` or `border`"
                )));
            }
        };
    }
    if let Some(mean) = cfg.mean {
        preprocess.mean = triple("mean", mean)?;
    }
    if let Some(std) = cfg.std {
        preprocess.std = triple("std", std)?;
    }
    Ok(())
}

fn interpolation(name: &str) -> Result<Interpolation, LoadError> {
    Ok(match name {
        "bicubic" => Interpolation::Bicubic,
        "bilinear" => Interpolation::Bilinear,
        "nearest" => Interpolation::Nearest,
        other => {
            return Err(invalid(&format!(
                "unknown `interpolation` `{other}`, expected `bicubic`, `bilinear` or `nearest`"
            )));
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        Config::parse(text, None).unwrap_err().to_string()
    }

    #[test]
    fn the_default_model_is_described() {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../models/efficientnet-lite0"
        );
        let config = Config::read(folder.as_ref()).unwrap();
        assert_eq!(config.architecture.name, "tf_efficientnet_lite0");
        assert_eq!(
            (config.classes, config.labels[281].as_str()),
            (1000, "tabby")
        );
        assert_eq!(config.labels, labels::of_imagenet(1000));
        assert_eq!(config.license.as_deref(), Some("apache-2.0"));
    }

    #[test]
    fn a_hub_config_of_timm_has_imagenets_labels() {
        let config = Config::parse(
            r#"{"architecture": "resnet50", "num_classes": 1000, "num_features": 2048,
                "pretrained_cfg": {"input_size": [3, 160, 200], "interpolation": "bilinear", "crop_pct": 0.95}}"#,
            None,
        )
        .unwrap();
        assert_eq!(config.preprocess.input_size, (160, 200));
        assert_eq!(config.labels[967], "espresso");
    }

    #[test]
    fn a_bad_config_is_named() {
        assert!(message("{").starts_with("`config.json` cannot be read: EOF"));
        assert_eq!(
            message("{}"),
            "`config.json` cannot be read: the field `architecture` is missing"
        );
        assert_eq!(
            message(r#"{"architecture": "resnet51"}"#),
            "unknown architecture `resnet51`; the nearest are `resnet50`, `resnet101`, `resnet152`"
        );
        assert!(
            message(r#"{"architecture": "resnet50", "label_names": ["a"], "num_classes": 2}"#)
                .contains("1 label names for 2 classes")
        );
    }
}
