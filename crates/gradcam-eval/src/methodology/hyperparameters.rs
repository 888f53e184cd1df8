//! How much a map depends on arbitrary choices: layer and interpolation.

use candle_core::Tensor;
use gradcam_map::{Grid, Interpolation, Size};
use serde::Serialize;

use crate::sanity::{Images, Likeness};
use crate::sanity::{compare, gathered};
use crate::{Metric, Result};

/// The metrics compared: ranks, structure, the highest 15 %, and the peak.
const METRICS: [Metric; 4] = [
    Metric::Spearman,
    Metric::Ssim,
    Metric::TopOverlap,
    Metric::Displacement,
];

/// The similarity of a choice's maps to those of the default.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Setting {
    /// The layer.
    pub layer: String,
    /// The interpolation's name.
    pub interpolation: String,
    /// Rank correlation, structural similarity, overlap of the highest 15 %, and the distance between the peaks in pixels.
    pub likeness: Vec<Likeness>,
}

/// Compares the maps of each layer and interpolation with those of the first layer and the bilinear interpolation, at the input's resolution.
///
/// `explain` returns the map of an image at a layer, at the layer's own resolution; it is called once per image and layer. If that map has
/// no negative value, negative values from a kernel's overshoot are cut off, as in [`gradcam::Explainer::upsample`].
///
/// # Errors
/// If the loading or an explanation fails.
pub fn sweep(
    images: &Images<'_>,
    layers: &[&str],
    interpolations: &[Interpolation],
    explain: &(dyn Fn(&Tensor, &str) -> Result<Grid> + Sync),
    seed: u64,
) -> Result<Vec<Setting>> {
    let rows = images.each(|_, image| {
        let (_, _, height, width) = image.dims4()?;
        let size = Size::new(height, width)?;
        let maps: Vec<Grid> = layers
            .iter()
            .map(|layer| explain(&image, layer))
            .collect::<Result<_>>()?;
        let large = |map: &Grid, interpolation: Interpolation| {
            let large = interpolation.resize(map, size);
            if map.min() < 0.0 { large } else { large.relu() }
        };
        let Some(default) = maps.first().map(|map| large(map, Interpolation::Bilinear)) else {
            return Ok(Vec::new());
        };
        let settings = maps
            .iter()
            .flat_map(|map| interpolations.iter().map(move |i| (map, *i)));
        let compared = settings.map(|(map, i)| compare(&METRICS, &default, &large(map, i)));
        Ok(compared.collect())
    })?;
    let mut rows: Vec<_> = rows.into_iter().map(Vec::into_iter).collect();
    let mut settings = Vec::new();
    for layer in layers {
        for interpolation in interpolations {
            let column = rows.iter_mut().filter_map(Iterator::next);
            settings.push(Setting {
                layer: layer.to_string(),
                interpolation: interpolation.to_string(),
                likeness: gathered(&METRICS, column, seed)?,
            });
        }
    }
    Ok(settings)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::sanity::named;
    use crate::testing::{grid, on_any_threads};

    #[test]
    fn the_default_is_like_itself_and_the_others_are_not() {
        let load = |_: usize| Ok(Tensor::zeros((1, 1, 24, 24), DType::F32, &Device::Cpu)?);
        let images = Images {
            count: 2,
            load: &load,
        };
        // The second layer has its peak in another position: 8 columns further after the resize.
        let explain = |_: &Tensor, layer: &str| {
            let mut map = grid(3, 3, &[0.0, 0.1, 0.2, 0.3, 0.0, 0.4, 0.3, 0.2, 0.1]);
            map.values_mut()[if layer == "last" { 3 } else { 4 }] = 1.0;
            Ok(map)
        };
        let kinds = [Interpolation::Bilinear, Interpolation::Nearest];
        let found =
            on_any_threads(|| sweep(&images, &["last", "early"], &kinds, &explain, 0).unwrap());
        let names: Vec<_> = found
            .iter()
            .map(|s| (s.layer.as_str(), s.interpolation.as_str()))
            .collect();
        assert_eq!(
            names,
            [
                ("last", "bilinear"),
                ("last", "nearest"),
                ("early", "bilinear"),
                ("early", "nearest")
            ]
        );
        let mean = |i: usize, metric: Metric| {
            named(&found[i].likeness, metric)
                .unwrap()
                .mean
                .unwrap()
                .value
        };
        assert!((mean(0, Metric::Spearman) - 1.0).abs() < 1e-9);
        assert!((mean(0, Metric::TopOverlap) - 1.0).abs() < 1e-9);
        assert_eq!(mean(0, Metric::Displacement), 0.0);
        assert!(mean(1, Metric::Spearman) < 1.0 && mean(1, Metric::Spearman) > 0.7);
        assert!(mean(2, Metric::Spearman) < 0.9 && mean(2, Metric::Ssim) < mean(1, Metric::Ssim));
        assert!(mean(2, Metric::Displacement) > 4.0);
    }
}
