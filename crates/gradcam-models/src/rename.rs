//! Maps a checkpoint's names to the tree's.

use std::collections::BTreeMap;

use candle_core::Tensor;
use gradcam_nn::{Weights, WeightsError};

use crate::architectures::transformers_names::part;
use crate::architectures::{Architecture, Naming};

/// Renames a store's tensors to the tree's own names, and reshapes each to the tree's shape if the number of elements matches.
///
/// torchvision stores some 1×1 convolutions as fully connected layers, and ConvNeXt's scales with unit dimensions. transformers stores
/// query, key and value separately, and has no bias in CLIP's projection. It adds the class token's position at run time, even if registers
/// follow the token.
///
/// # Errors
/// If tensors that belong together do not fit each other.
pub fn rename(
    stored: &Weights,
    architecture: &Architecture,
    naming: Naming,
    classes: usize,
) -> Result<Weights, WeightsError> {
    if naming == Naming::Own {
        return Ok(stored.clone());
    }
    let skeleton = Weights::skeleton();
    architecture.build(&skeleton, classes)?;
    let shapes: BTreeMap<String, Vec<usize>> = skeleton.requested().into_iter().collect();
    let mut found: BTreeMap<String, Vec<(usize, &Tensor)>> = BTreeMap::new();
    for name in stored.names() {
        if architecture.training_only(&name) {
            continue;
        }
        let own = architecture.parameter(naming, &name);
        if let Some(tensor) = stored.tensor(&name) {
            let part = part(&name).unwrap_or(0);
            let own = own.unwrap_or(name);
            found.entry(own).or_default().push((part, tensor));
        }
    }
    let mut tensors = BTreeMap::new();
    for (own, mut parts) in found {
        parts.sort_by_key(|(part, _)| *part);
        let parts: Vec<&Tensor> = parts.into_iter().map(|(_, tensor)| tensor).collect();
        let tensor = Tensor::cat(&parts, 0)?;
        let tensor = match shapes.get(&own) {
            Some(shape) if shape.iter().product::<usize>() == tensor.elem_count() => {
                tensor.reshape(shape.as_slice())?
            }
            _ => tensor,
        };
        tensors.insert(own, tensor);
    }
    if naming == Naming::Transformers {
        if architecture.is_clip() {
            bare_projection(&mut tensors, &shapes)?;
        }
        own_class_token(&mut tensors, &shapes)?;
    }
    Ok(Weights::from_tensors(tensors))
}

/// Adds the bias of timm's head, which is zero for CLIP's projection.
fn bare_projection(
    tensors: &mut BTreeMap<String, Tensor>,
    shapes: &BTreeMap<String, Vec<usize>>,
) -> candle_core::Result<()> {
    if let (Some(weight), Some(shape)) = (tensors.get("head.weight"), shapes.get("head.bias"))
        && !tensors.contains_key("head.bias")
    {
        let bias = Tensor::zeros(shape.as_slice(), weight.dtype(), weight.device())?;
        tensors.insert("head.bias".into(), bias);
    }
    Ok(())
}

/// Adds the class token's position to the token, as timm does if registers, which have no position, follow.
fn own_class_token(
    tensors: &mut BTreeMap<String, Tensor>,
    shapes: &BTreeMap<String, Vec<usize>>,
) -> candle_core::Result<()> {
    if let (Some(class), Some(positions), Some(&[1, patches, _])) = (
        tensors.get("cls_token"),
        tensors.get("pos_embed"),
        shapes.get("pos_embed").map(Vec::as_slice),
    ) && positions.rank() == 3
        && positions.dim(1)? == patches + 1
    {
        let class = (class + positions.narrow(1, 0, 1)?)?;
        let positions = positions.narrow(1, 1, patches)?;
        tensors.insert("cls_token".into(), class);
        tensors.insert("pos_embed".into(), positions);
    }
    Ok(())
}
