//! The map files of `explain --save-maps`: safetensors with a note on how they were made.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use gradcam::{Grid, Heatmap, Size};
use gradcam_models::bounded;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::digest::little_endian;

/// The metadata entry that holds the note.
const NOTE: &str = "gradcam";
/// The largest header to read for its note, in bytes.
const HEADER: u64 = 1 << 20;

/// Serialises the numbers of one image and target, all of them `f32`.
pub(crate) fn bytes(heatmap: &Heatmap, note: String) -> Result<Vec<u8>> {
    let several = heatmap.layers.len() > 1;
    let logits = little_endian(&heatmap.logits);
    let mut tensors = vec![("logits".to_string(), vec![heatmap.logits.len()], logits)];
    let mut add = |name: String, grid: &Grid| {
        tensors.push((
            name,
            vec![grid.height(), grid.width()],
            little_endian(grid.values()),
        ));
    };
    for layer in &heatmap.layers {
        let suffix = if several {
            format!(".{}", layer.layer)
        } else {
            String::new()
        };
        add(format!("raw{suffix}"), &layer.raw);
        add(format!("map{suffix}"), &layer.map);
        if let Some(error) = &layer.error {
            add(format!("error{suffix}"), error);
        }
    }
    add("upsampled".to_string(), &heatmap.upsampled);
    let metadata = Some([(NOTE.to_string(), note)].into());
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| {
            Ok((
                name.as_str(),
                TensorView::new(Dtype::F32, shape.clone(), bytes)?,
            ))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(safetensors::serialize(views, metadata)?)
}

/// Reads the note of a file; `None` if it has none that can be read.
pub(crate) fn note(mut file: impl Read) -> Option<String> {
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    let mut header = Vec::new();
    file.take(length.min(HEADER))
        .read_to_end(&mut header)
        .ok()?;
    let header: serde_json::Value = serde_json::from_slice(&header).ok()?;
    Some(header["__metadata__"][NOTE].as_str()?.to_string())
}

/// Reads the map at the input's resolution.
pub(crate) fn upsampled(path: &Path) -> Result<Grid> {
    // A map with the longest sides that a network takes.
    let bytes = bounded::file(path, 1 << 30)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let map = tensors.tensor("upsampled")?;
    let &[height, width] = map.shape() else {
        bail!("`{}` has no map", path.display());
    };
    let values = map.data().chunks_exact(4);
    let values = values.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    Ok(Grid::new(Size::new(height, width)?, values.collect())?)
}
