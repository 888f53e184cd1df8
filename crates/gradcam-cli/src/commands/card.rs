//! `gradcam card`.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use gradcam::{Explainer, Source};
use gradcam_data::{Generator, Glyphs, Sample, generate};
use gradcam_eval::card::{Card, diff, render_html, render_markdown};
use gradcam_eval::statistics::Grade;
use gradcam_models::Model;

use super::explain;
use crate::args::{CardArgs, CardCommand, CardTrain};
use crate::card::{EPOCHS, Effort, Restart, Subject, bytes, draw, measure, recipes, train_one};
use crate::console::{Console, Unit};
use crate::dataset::{lying, prepare};
use crate::outputs::write;
use crate::stream::Reading;
use crate::{Exit, model, unsuited};

/// Glyphs that are drawn to test with, where no digits are at hand.
const DRAWN: usize = 300;

pub(crate) fn run(
    args: &CardArgs,
    console: &mut Console<'_>,
    interrupted: &AtomicBool,
) -> Result<Exit> {
    match &args.command {
        Some(CardCommand::Render(args)) => {
            let card = load(&args.card)?;
            let folder = args.card.parent().unwrap_or(Path::new("."));
            pages(&card, folder, &args.output, args.force, console)?;
            Ok(Exit::Done)
        }
        Some(CardCommand::Diff(args)) => {
            let found = diff(&load(&args.a)?, &load(&args.b)?);
            match args.json {
                true => console.line(serde_json::to_string(&found)?)?,
                false => console.line(found.to_string().trim_end())?,
            }
            Ok(match found.is_empty() {
                true => Exit::Done,
                false => Exit::Failed,
            })
        }
        Some(CardCommand::Train(args)) => train(args, console, interrupted),
        None => make(args, console, interrupted),
    }
}

/// Trains the small networks again and writes them.
fn train(args: &CardTrain, console: &mut Console<'_>, interrupted: &AtomicBool) -> Result<Exit> {
    refuse(&args.output, args.force)?;
    let recipes = recipes();
    let mut trained = Vec::with_capacity(recipes.len());
    let bar = console.bar((recipes.len() * EPOCHS) as u64, Unit::Epochs);
    for (number, recipe) in recipes.into_iter().enumerate() {
        bar.set_message(recipe.name.clone());
        let found = train_one(&recipe, number as u64, &mut |progress| {
            if progress.step == progress.steps {
                bar.inc(1);
            }
            match interrupted.load(Ordering::SeqCst) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        console.note(format!(
            "{}: {:.1} % of the pictures that it was trained with, {:.1} % of others",
            recipe.name,
            100.0 * found.train_accuracy,
            100.0 * found.test_accuracy.unwrap_or_default()
        ));
        trained.push((recipe.name, found));
    }
    bar.finish_and_clear();
    write(&args.output, &bytes(&trained)?, args.force)?;
    console.line(args.output.display().to_string())?;
    Ok(Exit::Done)
}

fn refuse(path: &Path, force: bool) -> Result<()> {
    if path.exists() && !force {
        bail!("`{}` exists\n\nhint: `--force` replaces it", path.display());
    }
    Ok(())
}

/// Measures a card and writes it.
fn make(args: &CardArgs, console: &mut Console<'_>, interrupted: &AtomicBool) -> Result<Exit> {
    let (Some(data), Some(output)) = (&args.data, &args.output) else {
        bail!("`--data DIR` and `-o DIR` are needed");
    };
    for name in ["card.json", "card.md", "card.html", "records.jsonl"] {
        refuse(&output.join(name), args.force)?;
    }
    let data = gradcam_data::open(data)?;
    let device = model::device(&args.network.device)?;
    let mut model = model::load(&args.network.model, &device, console)?;
    model::set_precision(&mut model, args.network.precision)?;
    let effort = if args.full {
        Effort::FULL
    } else {
        Effort::QUICK
    };
    let labels = match &args.labels_data {
        Some(folder) => gradcam_data::open(folder)?,
        None => {
            let glyphs = Generator::Glyphs(Glyphs::default());
            generate(glyphs, args.seed, effort.digits, DRAWN)?
        }
    };
    let explainers: Vec<Explainer> = std::iter::once(&args.method)
        .chain(&args.against)
        .map(|name| explainer(name, args, &model))
        .collect::<Result<_>>()?;
    unsuited::refuse(&explainers, &model)?;
    // At least as many as are asked for: the grading rule wants that many.
    let every = (data.samples.len() / effort.images.max(1)).max(1);
    let reading = Reading::of(&model, &args.network);
    let mut samples: Vec<(usize, &Sample)> =
        data.samples.iter().enumerate().step_by(every).collect();
    let mut lies = 0;
    // What cannot be read is said at once, and every test looks at the same images.
    samples.retain(|(_, sample)| match prepare(sample, &reading) {
        Ok(prepared) => {
            lies += usize::from(prepared.lies);
            true
        }
        Err(error) => {
            console.warn(format!("{error:#}"));
            false
        }
    });
    if lies > 0 {
        console.warn(lying(lies));
    }
    let subject = Subject {
        model: &model,
        explainer: &explainers[0],
        against: &explainers[1..],
        data: &data,
        samples,
        reading,
        labels: &labels,
        effort,
        seed: args.seed,
        restart: Restart::new(&args.network),
        interrupted,
    };
    if let Some(threads) = args.network.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::try_from(threads)?)
            .build_global()
            .context("`--threads`: the threads run already")?;
    }
    let (mut card, mut files) = measure(&subject, console)?;
    let pictures = draw(&subject, &mut card, usize::try_from(args.examples)?)?;
    std::fs::create_dir_all(output)
        .with_context(|| format!("cannot make the folder `{}`", output.display()))?;
    if !pictures.is_empty() {
        std::fs::create_dir_all(output.join("pictures"))?;
    }
    files.extend(pictures);
    for (path, bytes) in files {
        write(&output.join(path), &bytes, args.force)?;
    }
    let path = output.join("card.json");
    write(&path, card.to_json()?.as_bytes(), args.force)?;
    console.line(path.display().to_string())?;
    pages(&card, output, output, args.force, console)?;
    verdicts(&card, &args.fail_on, console)
}

fn explainer(name: &str, args: &CardArgs, model: &Model) -> Result<Explainer> {
    let method = explain::method(name, &[])?;
    Ok(Explainer {
        layers: match method.about().source {
            Source::Layer => explain::layers(args.layer.as_slice(), &args.network.model, model)?,
            Source::Pixels => Vec::new(),
        },
        inputs: model::inputs(&model.preprocess),
        ..Explainer::of(method)
    })
}

fn load(path: &Path) -> Result<Card> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    Card::from_json(&text).with_context(|| format!("`{}`", path.display()))
}

/// Writes the pages of a card, whose pictures lie in `folder`.
fn pages(
    card: &Card,
    folder: &Path,
    output: &Path,
    force: bool,
    console: &mut Console<'_>,
) -> Result<()> {
    std::fs::create_dir_all(output)
        .with_context(|| format!("cannot make the folder `{}`", output.display()))?;
    let html = render_html(card, |path| std::fs::read(folder.join(path)).ok())?;
    for (name, text) in [("card.md", render_markdown(card)?), ("card.html", html)] {
        let path = output.join(name);
        write(&path, text.as_bytes(), force)?;
        console.line(path.display().to_string())?;
    }
    Ok(())
}

/// Says how the tests came out; exit status 1 where one that must not fail does.
fn verdicts(card: &Card, fail_on: &[String], console: &mut Console<'_>) -> Result<Exit> {
    let mut exit = Exit::Done;
    for wanted in fail_on {
        let tests: Vec<_> = card
            .tests()
            .filter(|test| test.id == *wanted || test.published_id() == wanted)
            .collect();
        if tests.is_empty() {
            let ids: Vec<&str> = card.tests().map(|test| test.id.as_str()).collect();
            bail!(
                "`--fail-on {wanted}`: the card has no such test; it has {}",
                ids.join(", ")
            );
        }
        for test in tests.iter().filter(|test| test.grade == Grade::Fail) {
            console.warn(format!("{}: {}", test.id, test.grade_reason));
            exit = Exit::Failed;
        }
    }
    let mut counts = std::collections::BTreeMap::new();
    for test in card.tests() {
        *counts.entry(test.grade.to_string()).or_insert(0) += 1;
    }
    let counts: Vec<String> = counts
        .into_iter()
        .map(|(grade, count)| format!("{count} {}", grade.replace('_', " ")))
        .collect();
    console.note(format!(
        "{} tests: {}",
        card.tests().count(),
        counts.join(", ")
    ));
    Ok(exit)
}
