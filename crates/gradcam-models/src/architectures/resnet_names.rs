//! Names of a ResNet's parts in torchvision and Hugging Face transformers.

/// Maps torchvision's `module` to the tree's path; only modules without parameters differ.
pub(super) fn from_torchvision(bottleneck: bool, module: &str) -> Option<String> {
    let last = if bottleneck { 3 } else { 2 };
    Some(match module {
        "relu" => "act1".to_string(),
        "avgpool" => "global_pool.pool".to_string(),
        // torchvision runs one module several times; a hook last sees the block's final activation.
        _ => match module.strip_suffix(".relu") {
            Some(block) => format!("{block}.act{last}"),
            None => module.to_string(),
        },
    })
}

/// Maps a parameter of transformers' `ResNetForImageClassification` to the tree's name.
pub(super) fn from_transformers(name: &str) -> Option<String> {
    let (module, last) = name.rsplit_once('.')?;
    let module = match module {
        "resnet.embedder.embedder.convolution" => "conv1".to_string(),
        "resnet.embedder.embedder.normalization" => "bn1".to_string(),
        "classifier.1" => "fc".to_string(),
        _ => {
            let path: Vec<&str> = module
                .strip_prefix("resnet.encoder.stages.")?
                .split('.')
                .collect();
            let stage = path.first()?.parse::<usize>().ok()? + 1;
            match path[1..] {
                ["layers", block, "shortcut", part] => {
                    let part = usize::from(part == "normalization");
                    format!("layer{stage}.{block}.downsample.{part}")
                }
                ["layers", block, "layer", index, part] => {
                    let kind = if part == "normalization" {
                        "bn"
                    } else {
                        "conv"
                    };
                    let number = index.parse::<usize>().ok()? + 1;
                    format!("layer{stage}.{block}.{kind}{number}")
                }
                _ => return None,
            }
        }
    };
    Some(format!("{module}.{last}"))
}
