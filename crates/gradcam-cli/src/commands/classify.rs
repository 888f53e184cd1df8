//! `gradcam classify`.

use std::sync::atomic::AtomicBool;

use anyhow::Result;
use candle_core::DType;
use gradcam_nn::{Network, out_of_memory};
use serde::Serialize;

use crate::args::Classify;
use crate::batches::{batches, refuse};
use crate::console::Console;
use crate::exit::Exit;
use crate::inputs;
use crate::reading::Keep;
use crate::record::{Prediction, predictions};
use crate::workers::Workers;

/// A line of `--json`.
#[derive(Serialize)]
struct Record {
    image: String,
    model: String,
    predictions: Vec<Prediction>,
}

pub(crate) fn run(
    args: &Classify,
    console: &mut Console<'_>,
    interrupted: &AtomicBool,
) -> Result<Exit> {
    let device = args.network.device()?;
    let found = inputs::find(&args.images)?;
    let inputs = &found.inputs;
    let model = args.network.load(&device, console)?;
    let workers = Workers::new(args.network.threads)?;
    let count = usize::try_from(args.top)?;
    for error in &found.unreadable {
        console.warn(format!("{error:#}"));
    }
    let failed = batches(
        inputs,
        &model,
        &args.network,
        Keep::View,
        &workers,
        console,
        interrupted,
        &mut |batch, x, console| {
            let logits = match workers.run(|| model.network.forward(x, &mut ())) {
                Ok(logits) => logits,
                Err(error) if batch.len() > 1 && out_of_memory(&error) => return Err(error.into()),
                Err(error) => return Ok(refuse(batch, gradcam::Error::from(error), console)),
            };
            for (loaded, logits) in batch
                .iter()
                .zip(logits.to_dtype(DType::F32)?.to_vec2::<f32>()?)
            {
                let image = loaded.input.name();
                let predictions = predictions(&logits, &model.labels, count);
                if args.json {
                    let model = model.name.clone();
                    console.line(serde_json::to_string(&Record {
                        image,
                        model,
                        predictions,
                    })?)?;
                } else {
                    console.line(image)?;
                    for p in predictions {
                        let percent = p.probability * 100.0;
                        console.line(format!("  {percent:5.1} %  {:<4}  {}", p.index, p.label))?;
                    }
                }
            }
            Ok(0)
        },
    )?;
    for advice in found.skipped.advice() {
        console.warn(advice);
    }
    let all_failed = failed + found.unreadable.len();
    if found.searched || inputs.len() > 1 {
        console.note(format!(
            "{} classified, {all_failed} failed, {}",
            inputs.len() - failed,
            found.skipped
        ));
    }
    Ok(match all_failed {
        0 => Exit::Done,
        _ => Exit::Error,
    })
}
