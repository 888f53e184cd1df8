//! `gradcam evaluate`.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use gradcam::{Explainer, Source};
use gradcam_data::{Dataset, Sample};
use gradcam_eval::evaluate::{
    FORMAT, Header, ImageRecord, Item, Journal, JournalError, Masks, Null, Study, Summary, measure,
    merge, read, summarise,
};
use gradcam_eval::{Metric, Need};
use gradcam_models::Model;
use gradcam_models::preprocess::Fit;
use gradcam_nn::ops::Precision;
use gradcam_nn::{ModuleTree, Weights};

use super::explain;
use crate::args::{Evaluate, EvaluateCommand};
use crate::console::{Console, Unit};
use crate::dataset::{class_of, count_masks, fingerprint, prepare};
use crate::digest::sha256;
use crate::outputs::refuse_existing;
use crate::stream::{Reading, Workers};
use crate::{Exit, dataset, model, table, unsuited};

/// The hint where a new run finds a file of records.
const RECORDS_EXIST: &str =
    "`--resume` goes on with a file of records; a new run needs another name";

pub(crate) fn run(
    args: &Evaluate,
    console: &mut Console<'_>,
    interrupted: &AtomicBool,
) -> Result<Exit> {
    if let Some(EvaluateCommand::Merge(args)) = &args.command {
        let (header, records) = merge(&args.records).map_err(another_study)?;
        report(&summarise(&header, &records)?, args.json, console)?;
        return Ok(Exit::Done);
    }
    let folder = args.data.as_deref().context("there is no data set")?;
    let data = gradcam_data::open(folder)?;
    let shard = shard(args.shard.as_deref())?;
    if !args.resume {
        refuse_existing(args.records.clone(), RECORDS_EXIST)?;
    }
    let device = model::device(&args.network.device)?;
    let mut model = args.network.load(&device, console)?;
    model::set_precision(&mut model, args.network.precision)?;
    let reading = Reading::of(&model, &args.network);
    let explainers = explainers(args, &model, &reading, console)?;
    let metrics = metrics(&args.metrics, &data, console)?;
    check_nulls(&args.nulls, &data)?;
    let workers = Workers::new(args.network.threads)?;
    let header = header(
        (&model, &reading),
        &data,
        &explainers,
        (args.nulls.clone(), metrics),
        args.seed,
    )?;
    let mut journal = match (&args.records, args.resume) {
        (None, _) => None,
        (Some(path), true) => Some(Journal::resume(path, &header).map_err(another_study)?),
        (Some(path), false) => Some(Journal::create(path, &header).context(RECORDS_EXIST)?),
    };
    let untrained = match args.nulls.contains(&Null::Untrained) {
        true => Some(untrained(&model, args.seed)?),
        false => None,
    };
    let masks = match args.nulls.contains(&Null::MeanMask) {
        true => Some(mean_mask(&data, &reading, console)?),
        false => None,
    };
    let mut samples: Vec<(usize, &Sample)> = data.samples.iter().enumerate().collect();
    samples.retain(|(index, _)| index % shard.1 == shard.0);
    samples.retain(|(index, _)| !journal.as_ref().is_some_and(|j| j.has(*index)));
    let study = Study {
        network: &model.network,
        untrained: untrained.as_ref().map(|n| n as &dyn gradcam_nn::Network),
        masks: masks.as_ref(),
        explainers: &explainers,
        nulls: &args.nulls,
        metrics: &header.metrics,
        compared: &|_, _, _| true,
        seed: args.seed,
    };
    let mut kept: Vec<ImageRecord> = Vec::new();
    let (mut failed, mut unknown, mut lying) = (0, 0, 0);
    let bar = console.bar(samples.len() as u64, Unit::Images);
    for (done, (index, sample)) in samples.iter().enumerate() {
        if interrupted.load(Ordering::SeqCst) {
            bar.abandon();
            bail!(
                "interrupted after {done} of {} images; `--records FILE` and `--resume` go on from there",
                samples.len()
            );
        }
        let annotated = sample
            .class
            .as_ref()
            .and_then(|c| class_of(c, &model.labels));
        unknown += usize::from(annotated.is_none() && sample.class.is_some());
        let prepared = match prepare(sample, &reading) {
            Ok(prepared) => prepared,
            Err(error) => {
                bar.suspend(|| console.warn(format!("{error:#}")));
                failed += 1;
                continue;
            }
        };
        lying += usize::from(prepared.lies);
        if let Some(remark) = &prepared.remark {
            bar.suspend(|| console.warn(format!("`{}`: {remark}", sample.id)));
        }
        let item = Item {
            index: *index,
            id: &sample.id,
            image: &prepared.image,
            mask: prepared.mask.as_deref(),
            annotated,
            difficult: difficult(sample, prepared.mask.as_deref()),
        };
        let record = match workers.run(|| measure(&study, &item)) {
            Ok(record) => record,
            Err(error) => {
                bar.suspend(|| console.warn(format!("`{}`: {error}", sample.id)));
                failed += 1;
                continue;
            }
        };
        match &mut journal {
            Some(journal) => journal.add(&record)?,
            None => kept.push(record),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if unknown > 0 {
        console.warn(format!(
            "{unknown} images have a class that the model does not: the class that it sees was explained there"
        ));
    }
    if lying > 0 {
        console.warn(dataset::lying(lying));
    }
    let (header, records) = match &args.records {
        Some(path) => read(path)?,
        None => (header, kept),
    };
    report(&summarise(&header, &records)?, args.json, console)?;
    Ok(if failed == 0 { Exit::Done } else { Exit::Error })
}

/// All that the numbers of a study depend on.
pub(crate) fn header(
    (model, reading): (&Model, &Reading<'_>),
    data: &Dataset,
    explainers: &[Explainer],
    (nulls, metrics): (Vec<Null>, Vec<Metric>),
    seed: u64,
) -> Result<Header> {
    let fit = match reading.fit {
        Fit::Crop => "crop",
        Fit::Squash => "squash",
        Fit::None => "none",
    };
    let precision = match (model.dtype, model.network.precision()) {
        (DType::F32, Precision::F32) => "f32",
        (DType::F32, Precision::Tf32) => "tf32",
        (DType::F32, Precision::Bf16) => "bf16",
        (other, _) => other.as_str(),
    };
    let device = match model.device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    };
    let config = format!("{:?}", (&model.preprocess, &model.labels));
    let layers = explainers.iter().flat_map(|e| e.layers.clone());
    let first = explainers.first();
    let background = first.and_then(|e| e.inputs.background.as_ref());
    Ok(Header {
        format: FORMAT.to_string(),
        model: model.name.clone(),
        model_sha256: model.sha256.clone(),
        config_sha256: sha256(config.as_bytes()),
        precision: precision.to_string(),
        device: device.to_string(),
        fit: fit.to_string(),
        max_pixels: nulls
            .contains(&Null::MeanMask)
            .then_some(reading.limits.max_pixels),
        window: reading.pictures.window.map(|window| window.to_string()),
        frame: reading.pictures.frame,
        data: data.name.clone(),
        data_sha256: fingerprint(data),
        images: data.samples.len(),
        methods: explainers.iter().map(|e| e.method.clone()).collect(),
        layers: layers.take(1).collect(),
        interpolation: first.map_or(String::new(), |e| e.interpolation.to_string()),
        budget: first.and_then(|e| e.budget),
        tolerance: first.and_then(|e| e.tolerance),
        background_sha256: background.map(pixels_sha256).transpose()?,
        nulls,
        metrics,
        seed,
    })
}

/// Of pictures as the network gets them: their shape and their numbers.
fn pixels_sha256(pictures: &Tensor) -> Result<String> {
    let mut bytes = format!("{:?}\n", pictures.dims()).into_bytes();
    let numbers = pictures.to_dtype(DType::F32)?.flatten_all()?;
    for number in numbers.to_vec1::<f32>()? {
        bytes.extend(number.to_le_bytes());
    }
    Ok(sha256(&bytes))
}

/// Says what argument makes the study another one.
fn another_study(error: JournalError) -> anyhow::Error {
    let JournalError::Study { field, .. } = &error else {
        return error.into();
    };
    let argument = match field.as_str() {
        "model" | "model_sha256" | "config_sha256" => "`--model`",
        "data" | "data_sha256" | "images" => "the data set",
        "background_sha256" => "`--background`",
        "layers" => "`--layer`",
        "max_pixels" => "`--max-pixels`, which decides about the null `mean-mask`,",
        // The others are called as their arguments.
        own => &format!("`--{own}`"),
    };
    let hint = format!(
        "hint: {argument} must be the same for all records of a study; another study needs another file for `--records`"
    );
    anyhow::anyhow!("{error}\n\n{hint}")
}

/// Whether the pointing game calls an image difficult (Zhang et al. 2016): its object covers less than a quarter of what the network sees,
/// and another class has an object in the picture.
pub(crate) fn difficult(sample: &Sample, mask: Option<&[bool]>) -> bool {
    let small = mask.is_some_and(|mask| {
        let inside = mask.iter().filter(|inside| **inside).count();
        4 * inside < mask.len()
    });
    let mut others = sample.objects.iter();
    small && others.any(|object| Some(&object.class) != sample.class.as_ref())
}

/// The methods at the layer, as far as they suit the network.
fn explainers(
    args: &Evaluate,
    model: &Model,
    reading: &Reading<'_>,
    console: &mut Console<'_>,
) -> Result<Vec<Explainer>> {
    let layer = explain::layers(args.layer.as_slice(), &args.network.model, model)?;
    let inputs = gradcam::Inputs {
        background: model::background(&args.sampling.background, reading, console)?,
        ..model::inputs(&model.preprocess)
    };
    let names = explain::names(&args.methods)?;
    let budget = args.sampling.budget.map(usize::try_from).transpose()?;
    let explainer = |name: &String| -> Result<Explainer> {
        let method = explain::method(name, &[])?;
        Ok(Explainer {
            layers: match method.about().source {
                Source::Layer => layer.clone(),
                Source::Pixels => Vec::new(),
            },
            inputs: inputs.clone(),
            budget,
            tolerance: args.sampling.tolerance,
            ..Explainer::of(method)
        })
    };
    let mut asked = names
        .iter()
        .map(explainer)
        .collect::<Result<Vec<Explainer>>>()?;
    // Who asks for all of them asks for those that there are.
    match args.methods.as_slice() {
        [all] if all == "all" => {
            let left = unsuited::unsuited(&asked, model, unsuited::usual(model));
            unsuited::warn(&asked, &left, console);
            for (index, _) in left.iter().rev() {
                asked.remove(*index);
            }
        }
        _ => unsuited::refuse(&asked, model)?,
    }
    Ok(asked)
}

/// The metrics by name. `all` is what the data set has the annotations for.
fn metrics(names: &[String], data: &Dataset, console: &mut Console<'_>) -> Result<Vec<Metric>> {
    let masked = data.samples.iter().any(|sample| !sample.objects.is_empty());
    if let [all] = names
        && all == "all"
    {
        let (kept, left): (Vec<Metric>, Vec<Metric>) = Metric::ALL
            .iter()
            .filter(|m| !m.about().needs.contains(&Need::OtherMap))
            .partition(|m| masked || !m.about().needs.contains(&Need::Mask));
        if !left.is_empty() {
            let names: Vec<&str> = left.iter().map(|m| m.name()).collect();
            console.note(format!("no masks, so without {}", names.join(", ")));
        }
        return Ok(kept);
    }
    let mut metrics: Vec<Metric> = Vec::new();
    for name in names {
        let metric: Metric = name.trim().parse().map_err(|error: gradcam_eval::Error| {
            anyhow::anyhow!("{error}\n\nhint: `gradcam metrics` lists them")
        })?;
        let needs = metric.about().needs;
        if needs.contains(&Need::OtherMap) {
            bail!(
                "`{metric}` compares two maps of an image; `gradcam compare` and `gradcam card` do"
            );
        }
        if needs.contains(&Need::Mask) && !masked {
            bail!(
                "`{metric}` needs masks or boxes, which `{}` has not",
                data.name
            );
        }
        if metrics.contains(&metric) {
            bail!("the metric `{metric}` is given twice");
        }
        metrics.push(metric);
    }
    Ok(metrics)
}

/// Refuses nulls that the data set cannot give, or that are given twice.
fn check_nulls(nulls: &[Null], data: &Dataset) -> Result<()> {
    if let Some(i) = (1..nulls.len()).find(|&i| nulls[..i].contains(&nulls[i])) {
        bail!("the null `{}` is given twice", nulls[i]);
    }
    let masked = data.samples.iter().any(|sample| !sample.objects.is_empty());
    if nulls.contains(&Null::MeanMask) && !masked {
        bail!(
            "`--nulls mean-mask` needs masks or boxes, which `{}` has not",
            data.name
        );
    }
    Ok(())
}

/// `K/N` as the remainder and the divisor of the images' numbers.
fn shard(text: Option<&str>) -> Result<(usize, usize)> {
    let Some(text) = text else { return Ok((0, 1)) };
    let parts = text.split_once('/').and_then(|(part, parts)| {
        Some((part.parse::<usize>().ok()?, parts.parse::<usize>().ok()?))
    });
    match parts {
        Some((part, parts)) if (1..=parts).contains(&part) => Ok((part - 1, parts)),
        _ => bail!("`--shard {text}`: expected K/N, with K from 1 to N"),
    }
}

/// The model's network with random parameters.
pub(crate) fn untrained(model: &Model, seed: u64) -> Result<ModuleTree> {
    Ok(model
        .architecture
        .build(&Weights::random(seed), model.labels.len())?)
}

/// How often each pixel of the input is marked over the whole data set.
fn mean_mask(data: &Dataset, reading: &Reading<'_>, console: &mut Console<'_>) -> Result<Masks> {
    let bar = console.bar(data.samples.len() as u64, Unit::Images);
    bar.set_message("masks");
    let masks = count_masks(&data.samples, reading, || bar.inc(1));
    bar.finish_and_clear();
    match masks.images {
        0 => bail!(
            "`--nulls mean-mask` needs masks or boxes, which `{}` has not",
            data.name
        ),
        _ => Ok(masks),
    }
}

/// Prints a summary: one object, or tables.
fn report(summary: &Summary, json: bool, console: &mut Console<'_>) -> Result<()> {
    match json {
        true => console.line(serde_json::to_string(summary)?),
        false => table::print(summary, console),
    }
}
