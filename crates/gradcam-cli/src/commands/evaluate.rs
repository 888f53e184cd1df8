//! `gradcam evaluate`.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use gradcam::Explainer;
use gradcam_data::{Dataset, Sample};
use gradcam_eval::evaluate::{
    ImageRecord, Item, Journal, Masks, Null, Study, Summary, measure, merge, read, summarise,
};
use gradcam_eval::{Metric, Need};
use gradcam_models::Model;

use crate::args::{Evaluate, EvaluateCommand};
use crate::asked::layers::layers;
use crate::asked::{explainers, methods, unsuited};
use crate::console::{Console, Unit};
use crate::dataset::{class_of, count_masks, difficult, prepare};
use crate::exit::Exit;
use crate::files::{check_free, check_place, folder_of};
use crate::reading::Reading;
use crate::workers::Workers;
use crate::{dataset, study, table};

/// The hint if a new run finds a records file.
const RECORDS_EXIST: &str = "`--resume` continues a records file; a new run needs another name";

pub(crate) fn run(
    args: &Evaluate,
    console: &mut Console<'_>,
    interrupted: &AtomicBool,
) -> Result<Exit> {
    if let Some(EvaluateCommand::Merge(args)) = &args.command {
        let (header, records) = merge(&args.records).map_err(study::another)?;
        report(&summarise(&header, &records)?, args.json, console)?;
        return Ok(Exit::Done);
    }
    let folder = args.data.as_deref().context("there is no data set")?;
    let device = args.network.device()?;
    let background = explainers::background(&args.sampling)?;
    let asked = methods::names(&args.methods)?
        .iter()
        .map(|name| explainers::explainer(methods::method(name, &[])?, &args.sampling, &background))
        .collect::<Result<Vec<Explainer>>>()?;
    let shard = shard(args.shard.as_deref())?;
    let data = gradcam_data::open(folder)?;
    let metrics = metrics(&args.metrics, &data, console)?;
    check_nulls(&args.nulls, &data)?;
    if let Some(records) = &args.records {
        check_free([records], args.resume, RECORDS_EXIST)?;
        check_place(folder_of(records))?;
    }
    let model = args.network.load(&device, console)?;
    let reading = Reading::of(&model, &args.network);
    let layers = layers(args.layer.as_slice(), &args.network.model, &model)?;
    let asked = asked.into_iter().map(|asked| asked.at_each(&layers));
    let suited = suited(asked.collect(), args, &model, &reading, console)?;
    let inputs = explainers::inputs(&background, &reading, console)?;
    let explainers = suited
        .into_iter()
        .map(|suited| suited.inputs(inputs.clone()));
    let explainers: Vec<Explainer> = explainers.collect();
    let workers = Workers::new(args.network.threads)?;
    let header = study::header(
        (&model, &reading),
        &data,
        &explainers,
        (args.nulls.clone(), metrics),
        args.seed,
    )?;
    let mut journal = match (&args.records, args.resume) {
        (None, _) => None,
        (Some(path), true) => Some(Journal::resume(path, &header).map_err(study::another)?),
        (Some(path), false) => Some(Journal::create(path, &header).context(RECORDS_EXIST)?),
    };
    let has = |null: Null| args.nulls.contains(&null);
    let untrained = has(Null::Untrained).then(|| model.untrained(args.seed));
    let untrained = untrained.transpose()?;
    let masks = has(Null::MeanMask).then(|| mean_mask(&data, &reading, console));
    let masks = masks.transpose()?;
    let mut samples: Vec<(usize, &Sample)> = data.samples.iter().enumerate().collect();
    samples.retain(|(index, _)| index % shard.1 == shard.0);
    samples.retain(|(index, _)| !journal.as_ref().is_some_and(|j| j.has(*index)));
    let study = Study::new(&model.network, &explainers, &header.metrics)
        .with_untrained(untrained.as_ref().map(|n| n as &dyn gradcam_nn::Network))
        .with_masks(masks.as_ref())
        .with_nulls(&args.nulls)
        .with_seed(args.seed);
    let mut kept: Vec<ImageRecord> = Vec::new();
    let (mut failed, mut unknown, mut lying) = (0, 0, 0);
    let bar = console.bar(samples.len() as u64, Unit::Images);
    for (done, (index, sample)) in samples.iter().enumerate() {
        if interrupted.load(Ordering::SeqCst) {
            bar.abandon();
            bail!(
                "interrupted after {done} of {} images; `--records FILE` and `--resume` continue from there",
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
        let item = Item::new(*index, &sample.id, &prepared.image)
            .with_mask(prepared.mask.as_deref())
            .with_class(annotated)
            .with_difficult(difficult(sample, prepared.mask.as_deref()));
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
            "{unknown} images have a class that the model does not: its predicted class was explained instead"
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

/// Returns the explainers that suit the network.
fn suited(
    mut asked: Vec<Explainer>,
    args: &Evaluate,
    model: &Model,
    reading: &Reading<'_>,
    console: &mut Console<'_>,
) -> Result<Vec<Explainer>> {
    let size = reading.input_size();
    // `all` stands for the methods that suit; a named method must.
    match args.methods.as_slice() {
        [all] if all == "all" => {
            let left = unsuited::unsuited(&asked, model, size);
            unsuited::warn(&asked, &left, console);
            for (index, _) in left.iter().rev() {
                asked.remove(*index);
            }
        }
        _ => unsuited::refuse(&asked, model, size)?,
    }
    Ok(asked)
}

/// Returns the metrics by name. `all` stands for those that the data set's annotations allow.
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
            console.note(format!(
                "without masks, these are left out: {}",
                names.join(", ")
            ));
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
                "`{metric}` compares two maps of an image; `gradcam compare` and `gradcam card` measure it"
            );
        }
        if needs.contains(&Need::Mask) && !masked {
            bail!(
                "`{metric}` needs masks or boxes, which `{}` lacks",
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

/// Refuses nulls that the data set cannot provide, or that are given twice.
fn check_nulls(nulls: &[Null], data: &Dataset) -> Result<()> {
    if let Some(i) = (1..nulls.len()).find(|&i| nulls[..i].contains(&nulls[i])) {
        bail!("the null `{}` is given twice", nulls[i]);
    }
    let masked = data.samples.iter().any(|sample| !sample.objects.is_empty());
    if nulls.contains(&Null::MeanMask) && !masked {
        bail!(
            "`--nulls mean-mask` needs masks or boxes, which `{}` lacks",
            data.name
        );
    }
    Ok(())
}

/// Reads `K/N` as the remainder and divisor of the images' numbers.
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

/// Counts how often each pixel of the input is marked over the whole data set.
fn mean_mask(data: &Dataset, reading: &Reading<'_>, console: &mut Console<'_>) -> Result<Masks> {
    let bar = console.bar(data.samples.len() as u64, Unit::Images);
    bar.set_message("masks");
    let masks = count_masks(&data.samples, reading, || bar.inc(1));
    bar.finish_and_clear();
    match masks.images {
        0 => bail!(
            "`--nulls mean-mask` needs masks or boxes, which `{}` lacks",
            data.name
        ),
        _ => Ok(masks),
    }
}

/// Prints a summary as one object or as tables.
fn report(summary: &Summary, json: bool, console: &mut Console<'_>) -> Result<()> {
    if json {
        console.line(serde_json::to_string(summary)?)
    } else {
        table::print(summary, console)
    }
}
