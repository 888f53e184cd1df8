//! `gradcam check`.

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use gradcam::{Explainer, Grid, Heatmap, Interpolation, Method, Target, audit_gradient};
use gradcam_models::Model;
use gradcam_models::picture::Limits;
use gradcam_models::preprocess::Fit;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::Serialize;

use super::explain;
use crate::args::Check;
use crate::console::{Console, Unit};
use crate::stream::{self, Reading};
use crate::{Exit, inputs, model};

/// One check.
#[derive(Serialize)]
struct Row {
    check: String,
    /// What was measured: a deviation as a share, or how many maps differ.
    found: f64,
    /// What is allowed.
    limit: f64,
    passes: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
}

impl Row {
    fn new(check: impl Into<String>, found: f64, limit: f64, note: impl Into<String>) -> Self {
        Row {
            check: check.into(),
            found,
            limit,
            // Not `found > limit`: NaN fails.
            passes: found <= limit,
            note: note.into(),
        }
    }
}

pub(crate) fn run(args: &Check, console: &mut Console<'_>) -> Result<Exit> {
    let model = model::load(&args.model, args.arch.as_deref(), &Device::Cpu, console)?;
    let layers = explain::layers(args.layer.as_slice(), &args.model, &model)?;
    let image = image(args, &model, console)?;
    let bar = console.bar(CHECKS, Unit::Checks);
    let mut rows = Vec::new();
    for layer in &layers {
        bar.set_message("finite differences");
        rows.push(gradient(args, &model, &image, layer)?);
        bar.inc(1);
        bar.set_message("the same bytes");
        rows.extend(determinism(&model, &image, layer)?);
        bar.inc(1);
    }
    for (name, measure, limit) in SUMS {
        bar.set_message(name);
        rows.push(sum(&model, &image, name, measure, limit));
        bar.inc(1);
    }
    bar.finish_and_clear();
    if !args.json {
        console.line(format!("{:<44} {:>10} {:>10}", "check", "found", "limit"))?;
    }
    for row in &rows {
        if args.json {
            console.line(serde_json::to_string(row)?)?;
            continue;
        }
        let verdict = if row.passes { "ok" } else { "FAILS" };
        let line = format!(
            "{:<44} {:>10.2e} {:>10.0e}  {verdict:<5}  {}",
            row.check, row.found, row.limit, row.note
        );
        console.line(line.trim_end())?;
    }
    match rows.iter().all(|row| row.passes) {
        true => Ok(Exit::Done),
        false => Ok(Exit::Failed),
    }
}

/// Methods whose parts add up to the score, what they call the error, and how large it may be.
const SUMS: [(&str, &str, f64); 4] = [
    ("fullgrad", "completeness-error", 1e-3),
    // The integral of a function with kinks converges slowly.
    ("integrated-gradients", "completeness-error", 0.05),
    ("deeplift", "completeness-error", 0.01),
    ("lrp", "conservation-error", 0.01),
];
const CHECKS: u64 = 2 + SUMS.len() as u64;

/// The picture that is named, or a smooth one of random colours: of pure noise even the integral of the gradient would converge slowly.
fn image(args: &Check, model: &Model, console: &mut Console<'_>) -> Result<Tensor> {
    if let Some(name) = &args.image {
        let found = inputs::resolve(std::slice::from_ref(name))?;
        let input = found.first().context("there is no such picture")?;
        let reading = Reading {
            preprocess: &model.preprocess,
            fit: Fit::Crop,
            limits: Limits::default(),
            pictures: args.pictures,
            device: &Device::Cpu,
            dtype: DType::F32,
        };
        return Ok(stream::load(input, &reading, console)?
            .tensor
            .unsqueeze(0)?);
    }
    let inputs = model::inputs(&model.preprocess);
    let (height, width) = model.preprocess.input_size;
    let (height, width) = (usize::try_from(height)?, usize::try_from(width)?);
    // A colour for each of eight by eight squares, and mixtures between them.
    let mut random = ChaCha8Rng::seed_from_u64(args.seed);
    let mut values = Vec::with_capacity(3 * height * width);
    for (&black, &white) in inputs.black.iter().zip(&inputs.white) {
        let squares = Grid {
            height: 8,
            width: 8,
            values: (0..64)
                .map(|_| black + (white - black) * random.next_u32() as f32 / u32::MAX as f32)
                .collect(),
        };
        values.extend(
            Interpolation::Bilinear
                .resize(&squares, height, width)
                .values,
        );
    }
    Ok(Tensor::from_vec(
        values,
        (1, 3, height, width),
        &Device::Cpu,
    )?)
}

fn gradient(args: &Check, model: &Model, image: &Tensor, layer: &str) -> Result<Row> {
    let units = usize::try_from(args.units)?;
    let audit = audit_gradient(
        &model.network,
        image,
        layer,
        &Target::Top(0),
        units,
        args.seed,
    )?;
    let note = format!(
        "{} units of {layer}, {} more at kinks",
        audit.units, audit.kinks
    );
    // Without a unit that could be compared nothing was checked.
    let found = if audit.units == 0 {
        f64::NAN
    } else {
        audit.deviation
    };
    Ok(Row::new(
        "gradient against finite differences",
        found,
        0.02,
        note,
    ))
}

/// Grad-CAM's map again, on one thread, and in a batch.
fn determinism(model: &Model, image: &Tensor, layer: &str) -> Result<Vec<Row>> {
    let explainer = Explainer::at(layer);
    let targets = vec![vec![Target::Top(0)]];
    let first = explainer.explain(&model.network, image, &targets)?;
    let again = explainer.explain(&model.network, image, &targets)?;
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()?
        .install(|| explainer.explain(&model.network, image, &targets))?;
    let batch = Tensor::cat(&[image, image, image], 0)?;
    let many = explainer.explain(&model.network, &batch, &vec![vec![Target::Top(0)]; 3])?;
    let bits = |maps: &[Vec<Heatmap>]| -> Vec<Vec<u32>> {
        let maps = maps.iter().flatten();
        maps.map(|map| map.raw().values.iter().map(|v| v.to_bits()).collect())
            .collect()
    };
    let expected = bits(&first);
    let differ = |found: Vec<Vec<Heatmap>>| {
        bits(&found)
            .iter()
            .filter(|map| **map != expected[0])
            .count() as f64
    };
    Ok(vec![
        Row::new("maps that differ when repeated", differ(again), 0.0, ""),
        Row::new("maps that differ on one thread", differ(one), 0.0, ""),
        Row::new("maps that differ in a batch", differ(many), 0.0, ""),
    ])
}

/// Whether what a method hands out adds up to the score.
fn sum(model: &Model, image: &Tensor, name: &str, measure: &str, limit: f64) -> Row {
    let check = format!("{name}: {}", measure.replace('-', " "));
    let options: &[(String, String)] = &match name {
        // A small stabiliser takes less.
        "lrp" => vec![("epsilon".to_string(), "1e-9".to_string())],
        _ => Vec::new(),
    };
    let found = Method::with_options(name, options)
        .map_err(anyhow::Error::from)
        .and_then(|method| {
            Ok(Explainer::of(method).explain_one(&model.network, image, Target::Top(0))?)
        });
    match found {
        Err(error) => Row::new(check, f64::NAN, limit, error.to_string()),
        Ok(map) => {
            let measured = |name: &str| {
                let mut measures = map.layers[0].measures.iter();
                measures.find(|(n, _)| *n == name).map(|(_, v)| *v)
            };
            // What biases keep counts as conserved, and does not reach the pixels.
            let note = match measured("bias-share") {
                Some(share) => format!("biases keep {:.1} % of it", 100.0 * share),
                None => String::new(),
            };
            Row::new(check, measured(measure).unwrap_or(f64::NAN), limit, note)
        }
    }
}
