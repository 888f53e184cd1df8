//! Maps the names of vision transformers' parts in Hugging Face transformers 4 and 5 to timm's.
//!
//! Hugging Face has separate matrices for query, key and value. All three get the name of timm's joint matrix, in this order ([`part`]).

/// Maps a parameter of transformers' `ViTForImageClassification`, `DeiTForImageClassification` (`WithTeacher` too),
/// `Dinov2ForImageClassification` (`WithRegisters` too) or `CLIPVisionModelWithProjection` to the tree's name.
pub(super) fn vit(name: &str) -> Option<String> {
    let own = match name {
        "classifier.weight" | "cls_classifier.weight" | "visual_projection.weight" => "head.weight",
        "classifier.bias" | "cls_classifier.bias" => "head.bias",
        "distillation_classifier.weight" => "head_dist.weight",
        "distillation_classifier.bias" => "head_dist.bias",
        _ => return vit_body(name.split_once('.')?.1),
    };
    Some(own.to_string())
}

fn vit_body(name: &str) -> Option<String> {
    let own = match name {
        "embeddings.cls_token" | "embeddings.class_embedding" => "cls_token",
        "embeddings.distillation_token" => "dist_token",
        "embeddings.register_tokens" => "reg_token",
        "embeddings.position_embeddings" | "embeddings.position_embedding.weight" => "pos_embed",
        _ => "",
    };
    if !own.is_empty() {
        return Some(own.to_string());
    }
    let (module, last) = name.rsplit_once('.')?;
    let module = match module {
        "embeddings.patch_embeddings.projection" | "embeddings.patch_embedding" => {
            "patch_embed.proj"
        }
        // transformers' spelling.
        "pre_layrnorm" => "norm_pre",
        "layernorm" | "post_layernorm" => "norm",
        _ => {
            let path = name.strip_prefix("encoder.").unwrap_or(name);
            let path = path
                .strip_prefix("layer.")
                .or_else(|| path.strip_prefix("layers."))?;
            let (index, inner) = path.split_once('.')?;
            return Some(format!("blocks.{index}.{}", block(inner)?));
        }
    };
    Some(format!("{module}.{last}"))
}

/// Maps a parameter of transformers' `SwinForImageClassification` to the tree's name.
pub(super) fn swin(name: &str) -> Option<String> {
    let (module, last) = name.rsplit_once('.')?;
    let module = match module {
        "classifier" => "head.fc",
        "swin.layernorm" => "norm",
        "swin.embeddings.norm" => "patch_embed.norm",
        "swin.embeddings.patch_embeddings.projection" => "patch_embed.proj",
        _ => {
            let path = name.strip_prefix("swin.encoder.layers.")?;
            let (stage, path) = path.split_once('.')?;
            if let Some(inner) = path.strip_prefix("downsample.") {
                // A stage ends with it in transformers; in timm the next stage begins with it.
                let next = stage.parse::<usize>().ok()? + 1;
                return Some(format!("layers.{next}.downsample.{inner}"));
            }
            let (index, inner) = path.strip_prefix("blocks.")?.split_once('.')?;
            return Some(format!("layers.{stage}.blocks.{index}.{}", block(inner)?));
        }
    };
    Some(format!("{module}.{last}"))
}

/// Maps a parameter inside a block.
fn block(name: &str) -> Option<String> {
    let (module, last) = name.rsplit_once('.')?;
    let (module, last) = match (module, last) {
        ("layer_scale1", "lambda1") => ("ls1", "gamma"),
        ("layer_scale2", "lambda1") => ("ls2", "gamma"),
        ("layernorm_before" | "layer_norm1" | "norm1", _) => ("norm1", last),
        ("layernorm_after" | "layer_norm2" | "norm2", _) => ("norm2", last),
        ("intermediate.dense" | "mlp.fc1", _) => ("mlp.fc1", last),
        ("output.dense" | "mlp.fc2", _) => ("mlp.fc2", last),
        ("attention.output.dense" | "attention.o_proj" | "self_attn.out_proj", _) => {
            ("attn.proj", last)
        }
        (_, "relative_position_bias_table") => ("attn", last),
        _ => {
            part(name)?;
            ("attn.qkv", last)
        }
    };
    Some(format!("{module}.{last}"))
}

/// Tells which part of timm's joint projection a parameter is: query (0), key (1) or value (2).
pub(crate) fn part(name: &str) -> Option<usize> {
    let (module, _) = name.rsplit_once('.')?;
    let (_, last) = module.rsplit_once('.')?;
    match last {
        "query" | "q_proj" => Some(0),
        "key" | "k_proj" => Some(1),
        "value" | "v_proj" => Some(2),
        _ => None,
    }
}

/// Checks whether a parameter does not belong to the image classifier: CLIP's text tower, the mask token, tables that follow from the
/// sizes.
pub(super) fn beside(name: &str) -> bool {
    name.starts_with("text_model.")
        || ["logit_scale", "text_projection.weight"].contains(&name)
        || [
            "position_ids",
            "mask_token",
            "relative_position_index",
            "attn_mask",
        ]
        .iter()
        .any(|end| name.ends_with(end))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_have_timms_names() {
        for (name, own) in [
            (
                "vit.encoder.layer.3.attention.attention.query.weight",
                "blocks.3.attn.qkv.weight",
            ),
            (
                "vit.layers.3.attention.q_proj.weight",
                "blocks.3.attn.qkv.weight",
            ),
            (
                "vit.encoder.layer.3.attention.output.dense.bias",
                "blocks.3.attn.proj.bias",
            ),
            (
                "vit.encoder.layer.3.intermediate.dense.bias",
                "blocks.3.mlp.fc1.bias",
            ),
            (
                "vit.encoder.layer.3.output.dense.bias",
                "blocks.3.mlp.fc2.bias",
            ),
            (
                "vision_model.encoder.layers.3.self_attn.v_proj.bias",
                "blocks.3.attn.qkv.bias",
            ),
            (
                "dinov2.encoder.layer.0.layer_scale2.lambda1",
                "blocks.0.ls2.gamma",
            ),
            ("vision_model.pre_layrnorm.weight", "norm_pre.weight"),
        ] {
            assert_eq!(vit(name).as_deref(), Some(own), "{name}");
        }
        for (name, own) in [
            (
                "swin.encoder.layers.1.blocks.0.attention.self.key.bias",
                "layers.1.blocks.0.attn.qkv.bias",
            ),
            (
                "swin.encoder.layers.1.blocks.0.attention.self.relative_position_bias_table",
                "layers.1.blocks.0.attn.relative_position_bias_table",
            ),
            (
                "swin.encoder.layers.1.downsample.norm.bias",
                "layers.2.downsample.norm.bias",
            ),
        ] {
            assert_eq!(swin(name).as_deref(), Some(own), "{name}");
        }
        assert_eq!(vit("vit.pooler.dense.weight"), None);
        assert!(beside(
            "swin.encoder.layers.0.blocks.0.attention.self.relative_position_index"
        ));
    }
}
