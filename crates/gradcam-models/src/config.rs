//! The `config.json` of a model folder: timm's form, and that of Hugging Face transformers for ResNet.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::architectures::{Architecture, Naming, find};
use crate::preprocess::{CropMode, Interpolation, Preprocess};
use crate::{LoadError, labels};

/// What a folder says of its model.
#[derive(Debug, Clone)]
pub struct Config {
    /// The plan of the network.
    pub architecture: &'static Architecture,
    /// The number of classes.
    pub classes: usize,
    /// One name a class; empty where neither the folder nor its number of classes tells.
    pub labels: Vec<String>,
    /// How pictures are prepared.
    pub preprocess: Preprocess,
    /// The licence that the folder names.
    pub license: Option<String>,
}

/// The fields that are read of either form.
#[derive(Debug, Deserialize)]
struct Fields {
    architecture: Option<String>,
    num_classes: Option<usize>,
    pretrained_cfg: Option<Pretrained>,
    label_names: Option<Vec<String>>,
    label_descriptions: Option<BTreeMap<String, String>>,
    license: Option<String>,
    // transformers
    model_type: Option<String>,
    depths: Option<Vec<usize>>,
    layer_type: Option<String>,
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
    num_classes: Option<usize>,
    license: Option<String>,
    label_names: Option<Vec<String>>,
}

/// transformers' `preprocessor_config.json`.
#[derive(Debug, Default, Deserialize)]
struct Processor {
    image_mean: Option<Vec<f32>>,
    image_std: Option<Vec<f32>>,
    crop_pct: Option<f64>,
    resample: Option<u32>,
    size: Option<Value>,
}

impl Config {
    /// Reads the text of `config.json`, and of `preprocessor_config.json` where there is one.
    ///
    /// Without a `pretrained_cfg` the architecture's input size and the usual ImageNet preprocessing hold.
    ///
    /// # Errors
    /// When the text is not such a file, or names an unknown architecture.
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
            .unwrap_or(if labels.is_empty() {
                1000
            } else {
                labels.len()
            });
        if classes == 0 {
            return Err(invalid(
                "`num_classes` is 0: the network has no classifier to explain",
            ));
        }
        if !labels.is_empty() && labels.len() != classes {
            return Err(invalid(&format!(
                "there are {} label names for {classes} classes",
                labels.len()
            )));
        }
        let labels = match fields.label_descriptions {
            _ if labels.is_empty() => labels::for_classes(classes),
            // timm names ImageNet's classes by their WordNet id and describes them apart.
            Some(words) => labels
                .iter()
                .map(|l| words.get(l).unwrap_or(l).clone())
                .collect(),
            None => labels,
        };
        let mut preprocess = Preprocess {
            input_size: (architecture.input_size, architecture.input_size),
            ..Preprocess::default()
        };
        if architecture.transforms_input() && cfg.mean.is_none() {
            (preprocess.mean, preprocess.std) = ([0.5; 3], [0.5; 3]);
        }
        let license = fields.license.or_else(|| cfg.license.clone());
        pretrained(&mut preprocess, cfg)?;
        if let Some(text) = processor {
            self::processor(&mut preprocess, json("preprocessor_config.json", text)?)?;
        }
        Ok(Config {
            architecture,
            classes,
            labels,
            preprocess,
            license,
        })
    }

    /// Whose names the parameters have.
    pub(crate) fn naming(&self, names: &[String]) -> Naming {
        self.architecture.naming(names.iter().map(String::as_str))
    }
}

fn invalid(reason: &str) -> LoadError {
    LoadError::Config {
        file: "config.json".into(),
        reason: reason.to_string(),
    }
}

fn json<T: serde::de::DeserializeOwned>(file: &str, text: &str) -> Result<T, LoadError> {
    serde_json::from_str(text).map_err(|error| LoadError::Config {
        file: file.into(),
        reason: error.to_string(),
    })
}

fn architecture(fields: &Fields) -> Result<&'static Architecture, LoadError> {
    let name = match (&fields.architecture, fields.model_type.as_deref()) {
        (Some(name), _) => name.clone(),
        (None, Some("resnet")) => {
            let bottleneck = fields.layer_type.as_deref() != Some("basic");
            match (fields.depths.as_deref().unwrap_or_default(), bottleneck) {
                ([2, 2, 2, 2], false) => "resnet18",
                ([3, 4, 6, 3], false) => "resnet34",
                ([3, 4, 6, 3], true) => "resnet50",
                ([3, 4, 23, 3], true) => "resnet101",
                ([3, 8, 36, 3], true) => "resnet152",
                (depths, _) => {
                    return Err(invalid(&format!(
                        "no ResNet has the depths {depths:?} with these blocks"
                    )));
                }
            }
            .to_string()
        }
        (None, Some(kind)) => kind.to_string(),
        (None, None) => return Err(invalid("the field `architecture` is missing")),
    };
    find(&name).map_err(|nearest| LoadError::UnknownArchitecture { name, nearest })
}

/// The values of a map from class numbers to labels, in the order of the numbers.
fn by_index(map: BTreeMap<String, String>) -> Vec<String> {
    let mut labels: Vec<(usize, String)> = map
        .into_iter()
        .filter_map(|(index, label)| Some((index.parse().ok()?, label)))
        .collect();
    labels.sort();
    labels.into_iter().map(|(_, label)| label).collect()
}

fn triple(field: &str, values: Vec<f32>) -> Result<[f32; 3], LoadError> {
    <[f32; 3]>::try_from(values.as_slice()).map_err(|_| {
        invalid(&format!(
            "`{field}` has {} numbers, expected 3 (red, green, blue)",
            values.len()
        ))
    })
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

/// transformers' `ConvNextImageProcessor`, which its ResNets use: the shorter side goes to `shortest_edge / crop_pct`, then the centre is
/// cut out; from 384 pixels on the picture is squashed.
fn processor(preprocess: &mut Preprocess, processor: Processor) -> Result<(), LoadError> {
    if let Some(mean) = processor.image_mean {
        preprocess.mean = triple("image_mean", mean)?;
    }
    if let Some(std) = processor.image_std {
        preprocess.std = triple("image_std", std)?;
    }
    if let Some(filter) = processor.resample {
        // Pillow's numbers.
        preprocess.interpolation = match filter {
            0 => Interpolation::Nearest,
            2 => Interpolation::Bilinear,
            3 => Interpolation::Bicubic,
            other => return Err(invalid(&format!("unknown `resample` filter {other}"))),
        };
    }
    let edge = match &processor.size {
        Some(Value::Number(n)) => n.as_u64(),
        Some(Value::Object(map)) => map
            .get("shortest_edge")
            .or_else(|| map.get("height"))
            .and_then(Value::as_u64),
        _ => None,
    };
    if let Some(edge) = edge.and_then(|edge| u32::try_from(edge).ok()) {
        preprocess.input_size = (edge, edge);
    }
    preprocess.crop_pct = processor.crop_pct.unwrap_or(224.0 / 256.0);
    if preprocess.input_size.0 >= 384 {
        (preprocess.crop_pct, preprocess.crop_mode) = (1.0, CropMode::Squash);
    }
    Ok(())
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
        let config = Config::parse(crate::embedded::CONFIG, None).unwrap();
        assert_eq!(config.architecture.name, "tf_efficientnet_lite0");
        assert_eq!(
            (config.classes, config.labels[281].as_str()),
            (1000, "tabby")
        );
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
    fn transformers_resnet_is_recognised() {
        let config = Config::parse(
            r#"{"model_type": "resnet", "depths": [3, 4, 6, 3], "layer_type": "bottleneck",
                "id2label": {"10": "k", "0": "a", "1": "b", "2": "c", "3": "d", "4": "e", "5": "f", "6": "g", "7": "h", "8": "i", "9": "j"}}"#,
            Some(r#"{"size": {"shortest_edge": 224}, "crop_pct": 0.9, "resample": 2}"#),
        )
        .unwrap();
        assert_eq!(config.architecture.name, "resnet50");
        assert_eq!(config.labels.join(""), "abcdefghijk");
        assert!((config.preprocess.crop_pct - 0.9).abs() < 1e-12);
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
