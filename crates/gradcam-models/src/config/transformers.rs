//! The `config.json` and `preprocessor_config.json` of Hugging Face transformers.

use gradcam_nn::ops::Activation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::value::{activation, invalid, triple};
use crate::LoadError;
use crate::architectures::{Architecture, Size};
use crate::preprocess::{CropMode, Interpolation, Preprocess};

/// The fields of `config.json` that identify a network.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Fields {
    model_type: Option<String>,
    architectures: Option<Vec<String>>,
    depths: Option<Vec<usize>>,
    layer_type: Option<String>,
    hidden_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    patch_size: Option<Value>,
    embed_dim: Option<usize>,
    window_size: Option<usize>,
    hidden_act: Option<String>,
    projection_dim: Option<usize>,
    intermediate_size: Option<Value>,
    num_attention_heads: Option<Value>,
    image_size: Option<Value>,
    layer_norm_eps: Option<f64>,
    /// The image tower of a complete CLIP.
    vision_config: Option<Box<Fields>>,
}

impl Fields {
    /// Finds the architecture's name; for an unknown model type, the type's name.
    pub(super) fn architecture(&self) -> Result<Option<String>, LoadError> {
        let Some(kind) = self.model_type.as_deref() else {
            return Ok(None);
        };
        let name = match kind {
            "resnet" => self.resnet(),
            "vit" => self.vit("vit", ""),
            "deit" => {
                if self.is("WithTeacher") {
                    self.vit("deit", "_distilled")
                } else {
                    self.vit("deit", "")
                }
            }
            "dinov2" => self.dinov2(""),
            "dinov2_with_registers" => self.dinov2("_reg"),
            "swin" => self.swin(),
            "clip" | "clip_vision_model" => self.tower().clip(),
            other => return Ok(Some(other.to_string())),
        };
        match name {
            Some(name) => Ok(Some(name)),
            None => Err(invalid(&format!(
                "no architecture of the model type `{kind}` has these sizes: {}",
                self.given()
            ))),
        }
    }

    /// Lists the fields that the file has, as JSON.
    fn given(&self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::Object(mut fields)) => {
                fields.retain(|_, value| !value.is_null());
                Value::Object(fields).to_string()
            }
            _ => String::new(),
        }
    }

    /// Returns the length of CLIP's image embedding, which takes the place of the classes.
    pub(super) fn projection(&self) -> Option<usize> {
        let own = self.projection_dim.or(self.tower().projection_dim);
        self.is_clip().then(|| own.unwrap_or(512))
    }

    /// Makes the plan of a CLIP image tower whose sizes have no name.
    pub(super) fn nameless_clip(&self) -> Option<&'static Architecture> {
        let tower = self.tower();
        if !self.is_clip() || tower.clip().is_some() {
            return None;
        }
        Architecture::clip(
            tower.clip_size(),
            tower.patch(32) as usize,
            whole(&tower.image_size, 224),
            tower.activation()?,
            tower.layer_norm_eps.unwrap_or(1e-5),
        )
    }

    /// Returns the part that describes the image tower.
    fn tower(&self) -> &Self {
        self.vision_config.as_deref().unwrap_or(self)
    }

    fn is_clip(&self) -> bool {
        let kind = self.model_type.as_deref();
        kind.is_some_and(|kind| matches!(kind, "clip" | "clip_vision_model"))
    }

    fn clip_size(&self) -> Size {
        Size {
            channels: self.hidden_size.unwrap_or(768),
            hidden: whole(&self.intermediate_size, 3072),
            blocks: self.num_hidden_layers.unwrap_or(12),
            heads: whole(&self.num_attention_heads, 12),
        }
    }

    fn activation(&self) -> Option<Activation> {
        activation(self.hidden_act.as_deref().unwrap_or("quick_gelu"))
    }

    fn is(&self, part: &str) -> bool {
        let names = self.architectures.as_deref().unwrap_or_default();
        names.iter().any(|name| name.contains(part))
    }

    fn resnet(&self) -> Option<String> {
        let bottleneck = self.layer_type.as_deref() != Some("basic");
        let name = match (self.depths.as_deref().unwrap_or_default(), bottleneck) {
            ([2, 2, 2, 2], false) => "resnet18",
            ([2, 2, 2, 2], true) => "resnet26",
            ([3, 4, 6, 3], false) => "resnet34",
            ([3, 4, 6, 3], true) => "resnet50",
            ([3, 4, 23, 3], true) => "resnet101",
            ([3, 8, 36, 3], true) => "resnet152",
            _ => return None,
        };
        Some(name.to_string())
    }

    /// Names the size; missing fields have transformers' defaults, which are the base model's.
    fn size(&self) -> Option<&'static str> {
        match (
            self.hidden_size.unwrap_or(768),
            self.num_hidden_layers.unwrap_or(12),
        ) {
            (192, 12) => Some("tiny"),
            (384, 12) => Some("small"),
            (768, 12) => Some("base"),
            _ => None,
        }
    }

    fn patch(&self, default: u64) -> u64 {
        let patch = self.patch_size.as_ref().and_then(Value::as_u64);
        patch.unwrap_or(default)
    }

    fn vit(&self, family: &str, kind: &str) -> Option<String> {
        Some(format!(
            "{family}_{}{kind}_patch{}_224",
            self.size()?,
            self.patch(16)
        ))
    }

    fn dinov2(&self, registers: &str) -> Option<String> {
        let size = match self.size()? {
            "small" => "s",
            "base" => "b",
            _ => return None,
        };
        Some(format!("dinov2_vit{size}14{registers}_lc"))
    }

    fn swin(&self) -> Option<String> {
        let default = [2, 2, 6, 2];
        let depths = self.depths.as_deref().unwrap_or(&default);
        let name = match (self.embed_dim.unwrap_or(96), depths) {
            (96, [2, 2, 6, 2]) => "tiny",
            (96, [2, 2, 18, 2]) => "small",
            (128, [2, 2, 18, 2]) => "base",
            _ => return None,
        };
        let fits = self.window_size.unwrap_or(7) == 7 && self.patch(4) == 4;
        fits.then(|| format!("swin_{name}_patch4_window7_224"))
    }

    fn clip(&self) -> Option<String> {
        let gelu = match self.activation()? {
            Activation::QuickGelu => "_quickgelu",
            _ => "",
        };
        let patch = self.patch(32);
        let named = self.clip_size() == Size::BASE
            && matches!(patch, 16 | 32)
            && whole(&self.image_size, 224) == 224
            && self.layer_norm_eps.unwrap_or(1e-5) == 1e-5;
        named.then(|| format!("vit_base_patch{patch}_clip{gelu}_224"))
    }
}

/// Reads a whole number, or the default, since some networks have a list under the same name.
fn whole(value: &Option<Value>, default: usize) -> usize {
    let number = value.as_ref().and_then(Value::as_u64);
    number
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or(default)
}

/// The fields of `preprocessor_config.json`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Processor {
    image_mean: Option<Vec<f32>>,
    image_std: Option<Vec<f32>>,
    crop_pct: Option<f64>,
    resample: Option<u32>,
    size: Option<Value>,
    crop_size: Option<Value>,
    do_center_crop: Option<bool>,
}

impl Processor {
    /// Returns whether the sizes are those of transformers' usual processors, which crop or squash; ConvNeXt's states a share.
    pub(super) fn crops(&self) -> bool {
        self.crop_pct.is_none()
    }
}

/// Reads a length that is a number, or is under one of these keys.
fn length(value: Option<&Value>, keys: [&str; 2]) -> Option<u32> {
    let number = match value? {
        Value::Object(map) => keys.iter().find_map(|key| map.get(*key)?.as_u64()),
        number => number.as_u64(),
    };
    u32::try_from(number?).ok()
}

/// Applies the settings of transformers' image processors.
///
/// For ResNets (`ConvNextImageProcessor`), the shorter side is resized to `shortest_edge / crop_pct` and the centre is kept; from 384
/// pixels up the picture is squashed. For transformers with a crop, the shorter side is resized to `shortest_edge` and the centre is kept;
/// without a crop, the picture is squashed.
pub(super) fn processor(
    preprocess: &mut Preprocess,
    processor: Processor,
    transformer: bool,
) -> Result<(), LoadError> {
    if let Some(mean) = processor.image_mean {
        preprocess.mean = triple("image_mean", mean)?;
    }
    if let Some(std) = processor.image_std {
        preprocess.std = triple("image_std", std)?;
    }
    if let Some(filter) = processor.resample {
        // Pillow's numbering.
        preprocess.interpolation = match filter {
            0 => Interpolation::Nearest,
            2 => Interpolation::Bilinear,
            3 => Interpolation::Bicubic,
            other => return Err(invalid(&format!("unknown `resample` filter {other}"))),
        };
    }
    let edge = length(processor.size.as_ref(), ["shortest_edge", "height"]);
    if let Some(edge) = edge {
        preprocess.input_size = (edge, edge);
    }
    if transformer {
        let crop = length(processor.crop_size.as_ref(), ["height", "shortest_edge"])
            .filter(|_| processor.do_center_crop != Some(false));
        match (crop, edge) {
            (Some(crop), Some(edge)) => {
                preprocess.input_size = (crop, crop);
                preprocess.crop_pct = f64::from(crop) / f64::from(edge.max(1));
            }
            _ => (preprocess.crop_pct, preprocess.crop_mode) = (1.0, CropMode::Squash),
        }
        return Ok(());
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
    use super::super::Config;
    use super::*;

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
        // The same blocks in each stage, of two kinds.
        for (kind, name) in [("basic", "resnet18"), ("bottleneck", "resnet26")] {
            let text = format!(
                r#"{{"model_type": "resnet", "depths": [2, 2, 2, 2], "layer_type": "{kind}"}}"#
            );
            assert_eq!(Config::parse(&text, None).unwrap().architecture.name, name);
        }
    }

    #[test]
    fn transformers_of_transformers_are_recognised() {
        for (text, name) in [
            (
                r#"{"model_type": "vit", "hidden_size": 768, "patch_size": 32}"#,
                "vit_base_patch32_224",
            ),
            (
                r#"{"model_type": "deit", "hidden_size": 192, "architectures": ["DeiTForImageClassificationWithTeacher"]}"#,
                "deit_tiny_distilled_patch16_224",
            ),
            (
                r#"{"model_type": "dinov2", "hidden_size": 384, "patch_size": 14}"#,
                "dinov2_vits14_lc",
            ),
            (
                r#"{"model_type": "dinov2_with_registers"}"#,
                "dinov2_vitb14_reg_lc",
            ),
            (
                r#"{"model_type": "swin", "depths": [2, 2, 18, 2]}"#,
                "swin_small_patch4_window7_224",
            ),
            (
                r#"{"model_type": "clip", "projection_dim": 512, "vision_config": {"patch_size": 16}}"#,
                "vit_base_patch16_clip_quickgelu_224",
            ),
            (
                r#"{"model_type": "clip_vision_model", "hidden_act": "gelu", "patch_size": 32}"#,
                "vit_base_patch32_clip_224",
            ),
        ] {
            let config = Config::parse(text, None).unwrap();
            assert_eq!(config.architecture.name, name);
            let classes = if name.contains("clip") { 512 } else { 1000 };
            assert_eq!(config.classes, classes, "{name}");
        }
        let large = r#"{"model_type": "clip", "projection_dim": 768, "vision_config": {"hidden_size": 1024, "intermediate_size": 4096,
            "num_hidden_layers": 24, "num_attention_heads": 16, "patch_size": 14, "image_size": 336}}"#;
        let large = Config::parse(large, None).unwrap();
        assert_eq!(large.architecture.name, "clip_vision_model");
        assert_eq!(large.architecture.default_layer, "blocks.23.norm1");
        assert_eq!((large.classes, large.preprocess.input_size.0), (768, 336));
        let none = r#"{"model_type": "clip_vision_model", "num_attention_heads": 7}"#;
        let error = Config::parse(none, None).unwrap_err().to_string();
        assert!(error.contains("these sizes"), "{error}");
        let error = Config::parse(r#"{"model_type": "swin", "window_size": 12}"#, None);
        assert!(error.unwrap_err().to_string().contains("model type `swin`"));
    }

    #[test]
    fn their_pictures_are_squashed_or_cropped() {
        let parse = |text, processor| Config::parse(text, processor).unwrap().preprocess;
        let vit = r#"{"model_type": "vit"}"#;
        assert_eq!(parse(vit, None).mean, [0.5; 3]);
        let size = r#"{"size": {"height": 224, "width": 224}, "image_mean": [0.4, 0.5, 0.6]}"#;
        let squashed = parse(vit, Some(size));
        assert_eq!(
            (squashed.crop_mode, squashed.crop_pct),
            (CropMode::Squash, 1.0)
        );
        assert_eq!(squashed.mean, [0.4, 0.5, 0.6]);
        let crop =
            r#"{"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}"#;
        let cropped = parse(r#"{"model_type": "dinov2"}"#, Some(crop));
        assert_eq!((cropped.input_size, cropped.crop_pct), ((224, 224), 0.875));
        assert!(parse(r#"{"model_type": "clip"}"#, None).mean[0] < 0.4815);
    }
}
