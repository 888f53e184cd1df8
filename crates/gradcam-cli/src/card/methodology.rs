//! The method's properties: the first part of the card.

use anyhow::Result;
use candle_core::{DType, Tensor};
use gradcam::{Explainer, Interpolation, Source, Target, audit_gradient_by};
use gradcam_eval::card::{
    Agnosticism, Directness, Efficiency, Hyperparameters, Methodology, Setting, Test,
};
use gradcam_eval::methodology::{Varied, determinism, directness, efficiency, sweep};
use gradcam_eval::sanity::{named, predicted};
use gradcam_eval::statistics::{Grade, Graded, grade_exact};
use gradcam_eval::{Metric, methodology as measured};

use super::entry::{Named, exact, without};
use super::subject::Subject;
use crate::console::{Console, Unit};
use crate::dataset::{Prepared, prepare};
use crate::gradient::{self, DEVIATION};

/// Measures the method's properties.
pub(super) fn methodology(subject: &Subject<'_>, console: &mut Console<'_>) -> Result<Methodology> {
    let bar = console.bar(5, Unit::Checks);
    let step = |message: &'static str| {
        bar.set_message(message);
        bar.inc(1);
    };
    step("the same bytes");
    let determinism = same_bytes(subject)?;
    step("layers and interpolations");
    let hyperparameters = hyperparameters(subject)?;
    step("finite differences");
    let agnosticism = agnosticism(subject)?;
    step("time");
    let efficiency = time(subject)?;
    step("what a map consists of");
    let directness = of_maps(subject)?;
    bar.finish_and_clear();
    Ok(Methodology {
        determinism,
        hyperparameters,
        agnosticism,
        efficiency,
        directness,
    })
}

fn same_bytes(subject: &Subject<'_>) -> Result<Test> {
    let samples = subject.samples.iter().take(6);
    let prepared = samples
        .map(|(_, sample)| prepare(sample, &subject.reading))
        .collect::<Result<Vec<_>>>()?;
    let count = prepared.len();
    let (images, views): (Vec<Tensor>, Vec<_>) = prepared.into_iter().map(Prepared::seen).unzip();
    let images = Tensor::cat(&images, 0)?;
    let explain = |batch: &Tensor| -> gradcam_eval::Result<Vec<gradcam::Grid>> {
        let targets = vec![vec![Target::Top(0)]; batch.dim(0)?];
        let found = subject
            .explainer
            .explain(&subject.model.network, batch, &targets)?;
        Ok(found
            .into_iter()
            .flatten()
            .map(|map| map.upsampled)
            .collect())
    };
    let elsewhere = |_: &Tensor| -> gradcam_eval::Result<Vec<gradcam::Grid>> {
        let found = subject.restart.as_ref().map_or(Ok(Vec::new()), |restart| {
            restart.maps(subject.explainer, &views)
        });
        Ok(found.map_err(|error| gradcam::Error::Candle(format!("{error:#}")))?)
    };
    let varied = Varied {
        repeats: 5,
        batches: &[1, 2, count],
        threads: &[1, 2, 3],
        restarts: subject.restart.is_some().then_some((2, &elsewhere)),
    };
    let found = determinism(&explain, &images, &varied)?;
    let named = Named {
        id: "determinism",
        title: "Determinism",
        paper: "",
        metric: "largest difference between runs",
        unit: "share of the map's largest value",
        protocol: match subject.restart {
            Some(_) => {
                "The same images five times, in batches of one, two and all, on one, two and three threads, and in two processes of their own; maps are compared bit by bit."
            }
            None => {
                "The same images five times, in batches of one, two and all, and on one, two and three threads; maps are compared bit by bit. Other processes were not asked."
            }
        },
    };
    let mut test = exact(named, found.largest(), count, found.graded());
    if found.bitwise() {
        test.grade_reason = format!("bitwise equal over {} variations", found.variations.len());
    }
    Ok(test)
}

/// Returns the layers of the sweep: the method's own and, for each map size from the output down, the last of the outermost modules, if the
/// method suits it.
fn swept_layers(subject: &Subject<'_>) -> Result<Vec<String>> {
    let layers = gradcam::layers(&subject.model.network, subject.input())?;
    let mut wanted = vec![layers.find(subject.layer())?.name.clone()];
    let spatial = || layers.layers.iter().rev().filter(|l| l.is_spatial());
    let suits = |layer: &gradcam::Layer| {
        let explainer = Explainer {
            layers: vec![layer.name.clone()],
            ..subject.explainer.clone()
        };
        let checked = explainer.check(&subject.model.network, subject.input());
        checked.is_ok()
    };
    let size = |layer: &gradcam::Layer| layer.shape.get(1..).unwrap_or_default().to_vec();
    let depth = |layer: &gradcam::Layer| layer.name.matches('.').count();
    let mut sizes: Vec<Vec<usize>> = Vec::new();
    for layer in spatial() {
        if sizes.contains(&size(layer)) {
            continue;
        }
        sizes.push(size(layer));
        let same = spatial().filter(|other| size(other) == size(layer));
        // The first of the shallowest: the last in the network.
        if let Some(outermost) = same.min_by_key(|other| depth(other))
            && !wanted.contains(&outermost.name)
            && suits(outermost)
        {
            wanted.push(outermost.name.clone());
        }
    }
    wanted.truncate(4);
    Ok(wanted)
}

fn hyperparameters(subject: &Subject<'_>) -> Result<Hyperparameters> {
    if subject.explainer.method.about().source == Source::Pixels {
        return Ok(Hyperparameters {
            note: "the method looks at the pixels: there is neither a layer nor an enlargement to choose"
                .to_string(),
            sweep: Vec::new(),
        });
    }
    let layers = swept_layers(subject)?;
    let names: Vec<&str> = layers.iter().map(String::as_str).collect();
    let load = |i: usize| subject.load(i);
    let explain = |image: &Tensor, layer: &str| -> gradcam_eval::Result<gradcam::Grid> {
        let explainer = Explainer {
            layers: vec![layer.to_string()],
            ..subject.explainer.clone()
        };
        let found = explainer.explain_one(&subject.model.network, image, Target::Top(0))?;
        Ok(found.map().clone())
    };
    let kinds = [
        Interpolation::Bilinear,
        Interpolation::Nearest,
        Interpolation::Bicubic,
    ];
    let found = sweep(&subject.few(&load), &names, &kinds, &explain, subject.seed)?;
    let value = |setting: &measured::Setting, metric: Metric| {
        let measured = named(&setting.likeness, metric).ok()?;
        measured.mean.map(|mean| mean.value)
    };
    Ok(Hyperparameters {
        note: format!(
            "Mean likeness to the map at `{}` with bilinear enlargement, over {} images; layers are the last ones of their size.",
            names[0],
            subject.few(&load).count
        ),
        sweep: found
            .iter()
            .map(|setting| Setting {
                layer: setting.layer.clone(),
                interp: setting.interpolation.clone(),
                spearman: value(setting, Metric::Spearman),
                ssim: value(setting, Metric::Ssim),
                iou15: value(setting, Metric::TopOverlap),
                displacement: value(setting, Metric::Displacement),
                picture: None,
            })
            .collect(),
    })
}

fn agnosticism(subject: &Subject<'_>) -> Result<Agnosticism> {
    let about = subject.explainer.method.about();
    let label = Named {
        id: "gradient_check",
        title: "Gradient against finite differences",
        paper: "",
        metric: "largest deviation",
        unit: "share of the largest gradient",
        protocol: "The score's derivative at 32 random units of the layer against central differences.",
    };
    let check = if about.gradient {
        let image = subject.load(0)?;
        let target = Target::Top(0);
        let doubled = gradient::exact(subject.model)?;
        let audit = audit_gradient_by(
            (&subject.model.network, &image),
            (&doubled.network, &image.to_dtype(DType::F64)?),
            subject.layer(),
            &target,
            32,
            subject.seed,
        )?;
        let graded = match audit.units {
            0 => Graded {
                grade: Grade::NotRun,
                reason: "no unit has a derivative that can be told".to_string(),
            },
            _ => grade_exact(audit.deviation, DEVIATION),
        };
        exact(label, audit.deviation, audit.units, graded)
    } else {
        without(label, Grade::NotApplicable, "the method takes no gradient")
    };
    Ok(Agnosticism {
        applicable: true,
        requires: about.needs.to_string(),
        operations: Vec::new(),
        gradient_check: Some(check),
    })
}

fn time(subject: &Subject<'_>) -> Result<Efficiency> {
    let image = subject.load(0)?;
    let network = &subject.model.network;
    let mut explain = || -> gradcam_eval::Result<()> {
        subject
            .explainer
            .explain_one(network, &image, Target::Top(0))?;
        Ok(())
    };
    let mut forward = || -> gradcam_eval::Result<()> {
        predicted(network, &image)?;
        Ok(())
    };
    let found = efficiency(subject.effort.runs, &mut explain, &mut forward)?;
    Ok(Efficiency {
        median_s: Some(found.median),
        quartiles_s: Some([found.quartile_1, found.quartile_3]),
        p95_s: Some(found.p95),
        n: found.runs,
        forward_s: Some(found.forward),
        decade: Some(10_f64.powf(found.median.log10().floor())),
        reason: None,
    })
}

fn of_maps(subject: &Subject<'_>) -> Result<Directness> {
    let load = |i: usize| subject.load(i);
    let images = subject.few(&load);
    let mut signed = Vec::with_capacity(images.count);
    for i in 0..images.count {
        let image = subject.load(i)?;
        let found =
            subject
                .explainer
                .explain_one(&subject.model.network, &image, Target::Top(0))?;
        signed.push(found.raw().clone());
    }
    let layer = subject.layer();
    let found = directness(
        &subject.model.network,
        subject.input(),
        layer,
        &signed,
        subject.seed,
    )?;
    let (height, width) = signed
        .first()
        .map_or((0, 0), |map| map.size().height_width());
    Ok(Directness {
        note: match subject.explainer.method.about().resolution {
            Source::Layer => format!(
                "The map is made of the {} channels of `{layer}`; one of its positions stands for {} pixels of the input.",
                found.shape.first().copied().unwrap_or_default(),
                found
                    .stride
                    .map_or("all".to_string(), |(rows, columns)| format!(
                        "{rows} x {columns}"
                    )),
            ),
            Source::Pixels => "The map has a value for each pixel of the input.".to_string(),
        },
        resolution: [height, width],
        receptive_field: found.field.map(|(rows, columns)| [rows, columns]),
        signed: !subject.explainer.relu,
        relu_removed: found.removed.mean.map(|mean| mean.value),
    })
}
