//! One image under every method and metric.

use std::collections::BTreeSet;

use gradcam::ranking;
use gradcam_map::Size;

use super::look::{Look, localises};
use super::record::{ImageRecord, MapRecord};
use super::study::{Item, Study};
use crate::faithfulness::logits;
use crate::{Error, Metric, Need, Result, Undefined};

/// Measures one image.
///
/// A metric that needs a mask has no entry for an image without one. The same holds for metrics that need an annotated class or a difficult
/// image. A null has no entry for metrics that explain other inputs.
///
/// **The nulls of a method** depend on the method alone, not on the others in the study. Nulls that no method makes have the resolution
/// that the metric uses: the input's, or the method's own. Methods of one resolution share them. The mean mask is averaged over the pixels
/// of each position. The other nulls are made from the method's own map, or by the method.
///
/// The crate's example `measure_methods` compares two methods with uninformed maps.
///
/// # Errors
/// If a method does not suit the network, a metric compares two maps, or an input of a null is missing.
pub fn measure(study: &Study<'_>, item: &Item<'_>) -> Result<ImageRecord> {
    if let Some(metric) = study.metrics.iter().find(|m| compares(**m)) {
        return Err(Error::Missing {
            metric: metric.name(),
            need: Need::OtherMap,
        });
    }
    let classes = ranking(&logits(study.network, item.image)?);
    let predicted = *classes.first().ok_or(Undefined::Empty)?;
    let rank = |annotated: usize| classes.iter().position(|&class| class == annotated);
    let rank = item.annotated.and_then(rank);
    let possible = |metric: &Metric| {
        metric.about().needs.iter().all(|need| match need {
            Need::Mask => item.mask.is_some(),
            Need::Class => rank.is_some(),
            Need::Distractor => item.difficult,
            _ => true,
        })
    };
    let metrics: Vec<Metric> = study.metrics.iter().copied().filter(possible).collect();
    let annotated = item.annotated.filter(|_| metrics.iter().any(localises));
    let annotated = annotated.unwrap_or(predicted);
    let (_, _, height, width) = item.image.dims4()?;
    let look = Look {
        study,
        item,
        // No map is made that no metric uses.
        seen: if metrics.iter().all(localises) {
            annotated
        } else {
            predicted
        },
        named: annotated,
        rank,
        metrics,
        input: Size::new(height, width)?,
    };
    let explained = look.explained(study.network, study.explainers)?;
    let untrained = look.untrained()?;
    let cells: Vec<Size> = explained.iter().map(|pair| pair.cells()).collect();
    let sizes: BTreeSet<Size> = cells.iter().copied().chain([look.input]).collect();
    let mut maps = Vec::with_capacity(explained.len());
    let mut nulls: Vec<Vec<MapRecord>> = vec![Vec::new(); study.nulls.len()];
    for (method, (pair, explainer)) in explained.iter().zip(study.explainers).enumerate() {
        let (record, beside) = look.method(explainer, pair)?;
        for (&null, found) in study.nulls.iter().zip(&mut nulls) {
            let untrained = untrained.get(&method);
            found.extend(look.own_null(null, method, (pair, &beside), untrained)?);
        }
        maps.push(record);
    }
    for (&null, found) in study.nulls.iter().zip(&mut nulls) {
        for &size in &sizes {
            found.extend(look.shared_null(null, size, &cells)?);
        }
    }
    Ok(ImageRecord {
        index: item.index,
        id: item.id.to_string(),
        annotated: item.annotated,
        predicted,
        rank,
        maps,
        nulls: nulls.concat(),
    })
}

/// Returns whether a metric compares two maps of an image.
fn compares(metric: Metric) -> bool {
    metric.about().needs.contains(&Need::OtherMap)
}
