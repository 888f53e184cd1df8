//! `gradcam card` itself: measures a card and writes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail};
use gradcam::{Explainer, Method, Source};
use gradcam_data::{Generator, Glyphs, generate};
use gradcam_eval::card::{Card, Test};
use gradcam_eval::statistics::{Grade, MIN_SAMPLES};
use gradcam_models::Model;

use crate::args::CardArgs;
use crate::asked::explainers::inputs_of;
use crate::asked::layers::layers;
use crate::asked::methods::method;
use crate::asked::unsuited;
use crate::card::digits::Digits;
use crate::card::effort::Effort;
use crate::card::measure;
use crate::card::pages::pages;
use crate::card::pictures::draw;
use crate::card::place::{CARD, PAGES, Place};
use crate::card::restart::Restart;
use crate::card::sample::drawn;
use crate::card::study::Study;
use crate::card::subject::Subject;
use crate::card::unfinished::Unfinished;
use crate::card::wanted::wanted;
use crate::console::Console;
use crate::exit::Exit;
use crate::files::write;
use crate::reading::Reading;

/// The number of glyphs drawn as test pictures if no digits are given.
const DRAWN: usize = 300;

pub(super) fn run(
    args: &CardArgs,
    console: &mut Console<'_>,
    interrupted: &AtomicBool,
) -> Result<Exit> {
    let (Some(folder), Some(output)) = (&args.data, &args.output) else {
        bail!("`--data DIR` and `-o DIR` are needed");
    };
    wanted(&args.fail_on)?;
    let device = args.network.device()?;
    let methods = std::iter::once(&args.method)
        .chain(&args.against)
        .map(|name| method(name, &[]))
        .collect::<Result<Vec<Method>>>()?;
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
    place.protect(&data)?;
    if let Some(threads) = args.network.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::try_from(threads)?)
            .build_global()
            .context("`--threads`: the threads are already running")?;
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
    let model = args.network.load(&device, console)?;
    let reading = Reading::of(&model, &args.network);
    let explainers = explainers(methods, args, &model)?;
    unsuited::refuse(&explainers, &model, reading.input_size())?;
    let samples = drawn(&data, effort.images, args.seed, &reading, console);
    if samples.is_empty() {
        bail!("`{}` has no readable picture", folder.display());
    }
    if samples.len() < MIN_SAMPLES {
        console.warn(format!(
            "`{}` has {} pictures, but a test over images needs {MIN_SAMPLES} to be graded",
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
    let study = Study::of(&subject, args.network.precision);
    let unfinished = Unfinished::new(output, &study, args.resume)?;
    let (card, mut files) = measure(&subject, &unfinished, console)
        .and_then(|(mut card, mut files)| {
            files.extend(draw(&subject, &mut card, examples)?);
            Ok((card, files))
        })
        .inspect_err(|_| {
            console.note(format!(
                "the measurements are kept in `{}`; `--resume` continues from them",
                output.display()
            ));
        })?;
    let pictures: BTreeMap<String, Vec<u8>> = files.iter().cloned().collect();
    // The card last: if it exists, it is complete.
    files.extend(pages(&card, &pictures)?);
    files.push((CARD.to_string(), card.to_json()?.into_bytes()));
    for (path, bytes) in files {
        write(&output.join(path), &bytes, args.force || args.resume)?;
    }
    unfinished.clear()?;
    for name in [CARD].into_iter().chain(PAGES) {
        console.path(&output.join(name))?;
    }
    verdicts(&card, &args.fail_on, console)
}

/// Builds the explainers of the card's method and of the methods beside it.
fn explainers(methods: Vec<Method>, args: &CardArgs, model: &Model) -> Result<Vec<Explainer>> {
    let looks = |method: &Method| method.about().source == Source::Layer;
    let layers = if methods.iter().any(looks) {
        layers(args.layer.as_slice(), &args.network.model, model)?
    } else {
        Vec::new()
    };
    let inputs = inputs_of(&model.preprocess);
    let explainer = |method| {
        Explainer::of(method)
            .at_each(&layers)
            .inputs(inputs.clone())
    };
    Ok(methods.into_iter().map(explainer).collect())
}

/// Reports the grades; the exit status is 1 if a test of `fail_on` fails.
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
