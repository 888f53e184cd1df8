//! `gradcam explain`.

mod earlier;
mod files;
mod job;
mod settings;

use std::sync::atomic::AtomicBool;

use anyhow::{Result, bail};
use gradcam::Explainer;
use gradcam_models::Model;

use self::earlier::leave_out;
use self::files::Files;
use self::job::Job;
use self::settings::Settings;
use crate::args::Explain;
use crate::asked::layers::layers;
use crate::asked::targets::Wanted;
use crate::asked::{explainers, methods, unsuited};
use crate::batches::batches;
use crate::console::Console;
use crate::exit::Exit;
use crate::files::{check_free, check_place};
use crate::names::{Destination, slugs};
use crate::protect::Sources;
use crate::reading::{Keep, Reading};
use crate::workers::Workers;
use crate::{inputs, style};

pub(crate) fn run(
    args: &Explain,
    console: &mut Console<'_>,
    interrupted: &AtomicBool,
) -> Result<Exit> {
    let style = style::of(args)?;
    let pictures = Destination::pictures(args.output.as_deref(), ".gradcam")?;
    if pictures == Destination::Stdout && (args.json || args.show) {
        bail!(
            "`-o -` sends the picture to standard output, where `--json` and `--show` write too; use one of them"
        );
    }
    if pictures == Destination::Stdout && args.resume {
        bail!("`--resume` keeps files, and `-o -` writes none; use one of them");
    }
    let device = args.network.device()?;
    let background = explainers::background(&args.sampling)?;
    let method = methods::method(&args.method, &args.set)?;
    let explainer = Explainer {
        layers: args.layer.clone(),
        interpolation: args.interpolation,
        relu: !args.no_relu,
        counterfactual: args.counterfactual,
        fusion: args.fusion,
        ..explainers::explainer(method, &args.sampling, &background)?
    };
    explainer.check_options(None)?;
    let found = inputs::find(&args.images)?;
    let mut inputs = found.inputs;
    let asked = asked(args)?;
    let slugs = slugs(&asked)?;
    let wanted = Wanted::of(&asked)?;
    let files = Files::new(args, pictures, &inputs, &slugs)?;
    let mut sources = Sources::default();
    sources.add_inputs(&inputs);
    sources.add_weights(&args.network.model);
    sources.add_inputs(&background);
    sources.add_inputs(wanted.pictures());
    sources.refuse(files.all(&inputs))?;
    if !args.resume {
        files.folders().try_for_each(check_place)?;
        // With `--force`, one irreplaceable file does not stop the others.
        if !args.force {
            check_free(
                files.all(&inputs),
                false,
                "`--force` replaces files, `--resume` keeps them and continues with the others",
            )?;
        }
    }
    let model = wanted.network(args.network.load(&device, console)?)?;
    let mut sources = Sources::default();
    sources.add_model(&model);
    sources.refuse(files.all(&inputs))?;
    check_top(args, &model)?;
    let reading = Reading::of(&model, &args.network);
    // The network's own paths replace the names that were given.
    let explainer = Explainer {
        layers: Vec::new(),
        ..explainer
    };
    let explainer = explainer.at_each(layers(&args.layer, &args.network.model, &model)?);
    unsuited::check(&explainer, &model, reading.input_size())?;
    let targets = wanted.read(&model, &reading, console)?;
    let explainer = explainer.inputs(explainers::inputs(&background, &reading, console)?);
    let job = Job {
        args,
        model: &model,
        settings: Settings::of(args, &model, &explainer, &targets, &style)?,
        explainer,
        asked,
        targets,
        style,
        files,
    };
    let workers = Workers::new(args.network.threads)?;
    let before = inputs.len();
    if args.resume {
        leave_out(
            &mut inputs,
            &job.files,
            &job.settings,
            reading.limits,
            &workers,
            console,
        )?;
        if !inputs.is_empty() {
            job.files.folders().try_for_each(check_place)?;
        }
    }
    let done_before = before - inputs.len();
    for error in &found.unreadable {
        console.warn(format!("{error:#}"));
    }
    let failed = batches(
        &inputs,
        &model,
        &args.network,
        Keep::Photo,
        &workers,
        console,
        interrupted,
        &mut |batch, x, console| job.step(batch, x, &workers, console),
    )?;
    for advice in found.skipped.advice() {
        console.warn(advice);
    }
    let all_failed = failed + found.unreadable.len();
    if found.searched || before > 1 {
        let resumed = if args.resume {
            format!(", {done_before} done before")
        } else {
            String::new()
        };
        console.note(format!(
            "{} explained, {all_failed} failed, {}{resumed}",
            inputs.len() - failed,
            found.skipped
        ));
    }
    Ok(match all_failed {
        0 => Exit::Done,
        _ => Exit::Error,
    })
}

/// Returns the targets as written: those of `--target`, the ranks of `--top`, or the predicted class.
fn asked(args: &Explain) -> Result<Vec<String>> {
    if let Some(count) = args.top {
        let count = usize::try_from(count)?;
        return Ok((1..=count).map(|rank| format!("top{rank}")).collect());
    }
    if args.target.is_empty() {
        return Ok(vec!["top".to_string()]);
    }
    Ok(args.target.clone())
}

/// Refuses more ranks than there are classes.
fn check_top(args: &Explain, model: &Model) -> Result<()> {
    match args.top.map(usize::try_from).transpose()? {
        Some(count) if count > model.labels.len() => bail!(
            "`--top {count}` is more than the model's {} classes",
            model.labels.len()
        ),
        _ => Ok(()),
    }
}
