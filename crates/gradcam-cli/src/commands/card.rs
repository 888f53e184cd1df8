//! `gradcam card`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use gradcam::{Explainer, Source};
use gradcam_data::{Dataset, Generator, Glyphs, Picture, Sample, generate};
use gradcam_eval::card::{Artifact, Card, Test, diff, render_html, render_markdown};
use gradcam_eval::statistics::{Grade, MIN_SAMPLES};
use gradcam_models::{Model, bounded};

use super::explain;
use crate::args::{CardArgs, CardCommand, CardRender, CardTrain};
use crate::card::{
    Digits, EPOCHS, Effort, Place, Restart, Subject, Unfinished, at_most, bytes as weights, draw,
    make_folder, measure, order, recipes, refuse, train_one, wanted,
};
use crate::console::{Console, Unit};
use crate::dataset::{lying, prepare};
use crate::digest::sha256;
use crate::outputs::write;
use crate::protect::{Sources, resolved};
use crate::stream::Reading;
use crate::{Exit, model, unsuited};

/// The pages of a card, in its folder.
const PAGES: [&str; 2] = ["card.md", "card.html"];

/// The largest card or picture that is read.
const MOST: u64 = 256 << 20;

/// The files of a card beside its pictures.
const FILES: [&str; 4] = ["card.json", "card.md", "card.html", "records.jsonl"];

/// Glyphs that are drawn to test with, where no digits are at hand.
const DRAWN: usize = 300;

pub(crate) fn run(
    args: &CardArgs,
    console: &mut Console<'_>,
    interrupted: &AtomicBool,
) -> Result<Exit> {
    match &args.command {
        Some(CardCommand::Render(args)) => render(args, console),
        Some(CardCommand::Diff(args)) => {
            let found = diff(&load(&args.a)?, &load(&args.b)?);
            match args.json {
                true => console.line(serde_json::to_string(&found)?)?,
                false => {
                    for line in found.to_string().trim_end().lines() {
                        console.line(line)?;
                    }
                }
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
    let folder = args.output.parent();
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    make_folder(folder.unwrap_or(Path::new(".")))?;
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
        if interrupted.load(Ordering::SeqCst) {
            bar.abandon();
            bail!("interrupted while training; nothing was written");
        }
        console.note(format!(
            "{}: {:.1} % of the pictures that it was trained with, {:.1} % of others",
            recipe.name,
            100.0 * found.train_accuracy,
            100.0 * found.test_accuracy.unwrap_or_default()
        ));
        trained.push((recipe.name, found));
    }
    bar.finish_and_clear();
    write(&args.output, &weights(&trained)?, args.force)?;
    console.path(&args.output)?;
    Ok(Exit::Done)
}

/// Measures a card and writes it.
fn make(args: &CardArgs, console: &mut Console<'_>, interrupted: &AtomicBool) -> Result<Exit> {
    let (Some(folder), Some(output)) = (&args.data, &args.output) else {
        bail!("`--data DIR` and `-o DIR` are needed");
    };
    wanted(&args.fail_on)?;
    let examples = usize::try_from(args.examples)?;
    let data = gradcam_data::open(folder)?;
    let place = Place {
        output,
        force: args.force,
        resume: args.resume,
        pictures: examples > 0,
    };
    let inputs: Vec<&Path> = [Some(folder), args.labels_data.as_ref()]
        .into_iter()
        .flatten()
        .map(PathBuf::as_path)
        .collect();
    place.check(&inputs)?;
    protect(&data, output)?;
    if let Some(threads) = args.network.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::try_from(threads)?)
            .build_global()
            .context("`--threads`: the threads run already")?;
    }
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
    let digits = Digits::load(&labels, effort.digits, args.seed)?;
    let device = model::device(&args.network.device)?;
    let mut model = args.network.load(&device, console)?;
    model::set_precision(&mut model, args.network.precision)?;
    let explainers: Vec<Explainer> = std::iter::once(&args.method)
        .chain(&args.against)
        .map(|name| explainer(name, args, &model))
        .collect::<Result<_>>()?;
    unsuited::refuse(&explainers, &model)?;
    place.make()?;
    let reading = Reading::of(&model, &args.network);
    let samples = drawn(&data, effort.images, args.seed, &reading, console);
    if samples.is_empty() {
        bail!("`{}` has no picture that can be read", folder.display());
    }
    if samples.len() < MIN_SAMPLES {
        console.warn(format!(
            "`{}` has {} pictures: a test over images is only graded with {MIN_SAMPLES}",
            folder.display(),
            samples.len()
        ));
    }
    let subject = Subject {
        model: &model,
        explainer: &explainers[0],
        against: &explainers[1..],
        data: &data,
        sample: samples.len().min(effort.images),
        samples,
        reading,
        labels: &labels,
        digits: &digits,
        effort,
        seed: args.seed,
        restart: Restart::new(&args.network),
        interrupted,
    };
    let study = subject.study(args.network.precision)?;
    let unfinished = Unfinished::new(output, &study, args.resume)?;
    let (card, mut files) = measure(&subject, &unfinished, console)
        .and_then(|(mut card, mut files)| {
            files.extend(draw(&subject, &mut card, examples)?);
            Ok((card, files))
        })
        .inspect_err(|_| {
            console.note(format!(
                "what was measured is kept in `{}`; `--resume` goes on with it",
                output.display()
            ));
        })?;
    let pictures: BTreeMap<String, Vec<u8>> = files.iter().cloned().collect();
    // The card last: where it is, it is whole.
    files.extend(pages(&card, &pictures)?);
    files.push(("card.json".to_string(), card.to_json()?.into_bytes()));
    for (path, bytes) in files {
        write(&output.join(path), &bytes, args.force || args.resume)?;
    }
    unfinished.clear()?;
    for name in ["card.json", "card.md", "card.html"] {
        console.path(&output.join(name))?;
    }
    verdicts(&card, &args.fail_on, console)
}

/// The samples that are looked at, and behind them those that make up for some of them. What cannot be read is said at once and the next one
/// taken, so that every test looks at the same images.
fn drawn<'a>(
    data: &'a Dataset,
    count: usize,
    seed: u64,
    reading: &Reading<'_>,
    console: &mut Console<'_>,
) -> Vec<(usize, &'a Sample)> {
    let most = at_most(count.min(data.samples.len()));
    let mut samples = Vec::new();
    let mut lies = 0;
    for index in order(&data.samples, seed) {
        if samples.len() == most {
            break;
        }
        let sample = &data.samples[index];
        match prepare(sample, reading) {
            Ok(prepared) => {
                lies += usize::from(prepared.lies);
                if let Some(remark) = prepared.remark {
                    console.warn(format!("`{}`: {remark}", sample.id));
                }
                samples.push((index, sample));
            }
            Err(error) => console.warn(format!("{error:#}")),
        }
    }
    if lies > 0 {
        console.warn(lying(lies));
    }
    samples
}

/// Refuses to put a card among the files of a data set.
fn refuse_folder(output: &Path, data: &Path) -> Result<()> {
    match data.canonicalize() {
        Ok(data_at) if data_at == resolved(output) => bail!(
            "`{}` is the input `{}`\n\nhint: name a folder of its own for the card",
            output.display(),
            data.display()
        ),
        _ => Ok(()),
    }
}

/// Refuses to put a card's files in the place of those that it is measured on, or its pictures among them.
fn protect(data: &Dataset, output: &Path) -> Result<()> {
    let mut sources = Sources::default();
    let mut folders = BTreeSet::new();
    for sample in &data.samples {
        if let Picture::File(path) = &sample.picture {
            sources.add(path);
            folders.extend(path.parent());
        }
    }
    for folder in folders {
        refuse_folder(&output.join("pictures"), folder)?;
    }
    sources.refuse(FILES.map(|name| output.join(name)))
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
    let text =
        bounded::text(path, MOST).with_context(|| format!("cannot read `{}`", path.display()))?;
    Card::from_json(&text).with_context(|| format!("`{}`", path.display()))
}

/// Makes the pages of a card again.
fn render(args: &CardRender, console: &mut Console<'_>) -> Result<Exit> {
    let card = load(&args.card)?;
    let places = PAGES.map(|name| args.output.join(name));
    let mut sources = Sources::default();
    sources.add(&args.card);
    sources.refuse(&places)?;
    for place in &places {
        refuse(place, args.force)?;
    }
    let folder = args.card.parent().unwrap_or(Path::new(""));
    let pictures = match args.no_pictures {
        true => BTreeMap::new(),
        false => beside(&card, folder)?,
    };
    for (name, bytes) in pages(&card, &pictures)? {
        let path = args.output.join(name);
        write(&path, &bytes, args.force)?;
        console.path(&path)?;
    }
    Ok(Exit::Done)
}

/// The pictures of a card, which lie in `folder`.
fn beside(card: &Card, folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let named: Vec<&Artifact> = card.pictures().collect();
    let mut found = BTreeMap::new();
    let mut missing = Vec::new();
    for picture in &named {
        let path = folder.join(&picture.path);
        let read =
            bounded::file(&path, MOST).with_context(|| format!("cannot read `{}`", path.display()));
        match read {
            Ok(bytes) if sha256(&bytes) == picture.sha256 => {
                found.insert(picture.path.clone(), bytes);
            }
            Ok(_) => missing.push(format!("`{}` is another picture", picture.path)),
            Err(error) => missing.push(format!("{error:#}")),
        }
    }
    if let Some(first) = missing.first() {
        bail!(
            "{} of the card's {} pictures are not beside it: {first}\n\nhint: render the card in the folder where it was measured; \
             `--no-pictures` only names them",
            missing.len(),
            named.len()
        );
    }
    Ok(found)
}

/// The pages of a card: their names and bytes.
fn pages(card: &Card, pictures: &BTreeMap<String, Vec<u8>>) -> Result<[(String, Vec<u8>); 2]> {
    let html = render_html(card, |path| pictures.get(path).cloned())?;
    let pages = [render_markdown(card)?, html];
    let [markdown, html] = pages.map(String::into_bytes);
    let [first, second] = PAGES.map(str::to_string);
    Ok([(first, markdown), (second, html)])
}

/// Says how the tests came out; exit status 1 where one that must not fail does.
fn verdicts(card: &Card, fail_on: &[String], console: &mut Console<'_>) -> Result<Exit> {
    let mut exit = Exit::Done;
    for wanted in fail_on {
        let named = |test: &&Test| test.id == *wanted || test.published_id() == wanted;
        let tests = card.tests().filter(named);
        for test in tests.filter(|test| test.grade == Grade::Fail) {
            console.warn(format!("{}: {}", test.id, test.grade_reason));
            exit = Exit::Failed;
        }
    }
    let mut counts = BTreeMap::new();
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
