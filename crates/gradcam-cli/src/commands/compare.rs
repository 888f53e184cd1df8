//! `gradcam compare`.

mod record;
mod sheet;
mod times;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Result, bail};
use gradcam::{Cost, Explainer, Heatmap, Method, Size, Verdict, explain_each, rank_correlations};
use gradcam_viz::ColorMap;

use self::record::{MethodRecord, Record};
use self::sheet::sheet;
use self::times::{Times, rounded, times};
use crate::args::Compare;
use crate::asked::layers::layers;
use crate::asked::targets::Wanted;
use crate::asked::{explainers, methods, unsuited};
use crate::console::{Console, Unit};
use crate::exit::Exit;
use crate::files::{FORCE, check_free, check_place, write};
use crate::inputs;
use crate::names::{Destination, Names};
use crate::protect::Sources;
use crate::reading::{self, Reading};
use crate::record::{TargetRecord, map};
use crate::verdict;
use crate::workers::Workers;

/// A method's result.
struct Made {
    index: usize,
    result: gradcam::Result<Heatmap>,
    cost: Cost,
}

pub(crate) fn run(
    args: &Compare,
    console: &mut Console<'_>,
    interrupted: &AtomicBool,
) -> Result<Exit> {
    let destination = Destination::pictures(args.output.as_deref(), ".compare")?;
    if destination == Destination::Stdout && args.json {
        bail!(
            "`-o -` sends the sheet to standard output, where `--json` writes too; use one of them"
        );
    }
    let device = args.network.device()?;
    let background = explainers::background(&args.sampling)?;
    let asked = asked(args)?
        .into_iter()
        .map(|method| explainers::explainer(method, &args.sampling, &background))
        .collect::<Result<Vec<Explainer>>>()?;
    for explainer in &asked {
        explainer.check_options(None)?;
    }
    let wanted = Wanted::of(std::slice::from_ref(&args.target))?;
    let found = inputs::resolve(std::slice::from_ref(&args.image))?;
    let [input] = found.as_slice() else {
        bail!(
            "`{}` stands for {} pictures; compare takes one",
            args.image,
            found.len()
        );
    };
    let format = destination.format()?;
    let names = Names::new(destination, "png", &found, &[String::new()])?;
    let mut sources = Sources::default();
    sources.add_inputs(&found);
    sources.add_weights(&args.network.model);
    sources.add_inputs(&background);
    sources.add_inputs(wanted.pictures());
    sources.refuse(names.paths(input))?;
    names.folder().map_or(Ok(()), check_place)?;
    check_free(names.paths(input), args.force, FORCE)?;
    let model = wanted.network(args.network.load(&device, console)?)?;
    let mut sources = Sources::default();
    sources.add_model(&model);
    sources.refuse(names.paths(input))?;
    let reading = Reading::of(&model, &args.network);
    let layer = layers(args.layer.as_slice(), &args.network.model, &model)?;
    // A bad option is an error; a default that does not suit the input only excludes the method.
    let set = |asked: &&Explainer| {
        let mut methods = args
            .set
            .iter()
            .filter_map(|(option, _)| option.rsplit_once('.'));
        methods.any(|(method, _)| method == asked.method.name())
    };
    let size = reading.input_size();
    let size = size.map(|(height, width)| Size::new(height, width));
    let size = size.transpose()?;
    for explainer in asked.iter().filter(set) {
        explainer.check_options(size)?;
    }
    let target = wanted.read(&model, &reading, console)?.remove(0);
    let inputs = explainers::inputs(&background, &reading, console)?;
    let explainers: Vec<Explainer> = asked
        .into_iter()
        .map(|asked| asked.at_each(&layer).inputs(inputs.clone()))
        .collect();
    let loaded = reading::load(input, &reading, console)?;
    let (_, height, width) = loaded.tensor.dims3()?;
    let unsuited = unsuited::unsuited(&explainers, &model, Some((height, width)));
    unsuited::warn(&explainers, &unsuited, console);
    let image = loaded.tensor.unsqueeze(0)?;
    let workers = Workers::new(args.network.threads)?;

    let bar = console.bar(explainers.len() as u64, Unit::Methods);
    let name = |index: usize| explainers.get(index).map_or("", |e| e.method.name());
    bar.set_message(name(0));
    let mut made = Vec::with_capacity(explainers.len());
    let start = Instant::now();
    workers.run(|| {
        explain_each(
            &explainers,
            &model.network,
            &image,
            &target,
            |index, result, cost| {
                made.push(Made {
                    index,
                    result,
                    cost,
                });
                bar.inc(1);
                bar.set_message(name(index + 1));
                if interrupted.load(Ordering::SeqCst) {
                    bail!(
                        "interrupted after {} of {} methods",
                        index + 1,
                        explainers.len()
                    )
                } else {
                    Ok(())
                }
            },
        )
    })?;
    let total = start.elapsed();
    bar.finish_and_clear();

    let costs: Vec<&Cost> = made.iter().map(|made| &made.cost).collect();
    let times = times(&costs);
    for (Made { index, result, .. }, times) in made.iter().zip(&times) {
        console.detail(format!("{}: {times}", name(*index)));
        match result {
            // That the method does not suit was reported before.
            Err(_) if unsuited.iter().any(|(left, _)| left == index) => {}
            Err(error) => console.warn(format!("{}: {error}", name(*index))),
            Ok(map) if map.verdict != Verdict::Ok => {
                console.warn(format!(
                    "{}: {}",
                    name(*index),
                    verdict::meaning(map.verdict)
                ));
            }
            Ok(_) => {}
        }
    }
    let maps: Vec<(usize, &Heatmap, Times)> = made
        .iter()
        .zip(&times)
        .filter_map(|(m, times)| Some((m.index, m.result.as_ref().ok()?, *times)))
        .collect();
    let Some((_, first, _)) = maps.first() else {
        bail!("none of the methods can explain this picture");
    };
    let size = first.upsampled.size();
    let signed: Vec<gradcam::Grid> = maps
        .iter()
        .map(|(index, map, _)| explainers[*index].interpolation.resize(map.raw(), size))
        .collect();
    let correlations = rank_correlations(&signed.iter().collect::<Vec<_>>());

    let target = TargetRecord::of(&first.target, &args.target, &model.labels);
    let what = target.to_string();
    let sheet = sheet(args.view, &loaded.photo, &what, &explainers, &maps)?;
    let ordered: Vec<&'static str> = maps
        .iter()
        .map(|(i, ..)| explainers[*i].method.name())
        .collect();
    let values: Vec<Vec<Option<f32>>> = correlations
        .iter()
        .map(|row| row.iter().map(|v| v.map(|v| v as f32)).collect())
        .collect();
    let title = "Spearman's rank correlation of the signed maps";
    let table = gradcam_viz::matrix(title, &ordered, &values, ColorMap::Coolwarm)?;
    let whole = gradcam_viz::stack(&[&sheet, &table])?;
    let encoded = gradcam_viz::encode_with_note(&whole, format, "gradcam compare")?;
    let path = names.path(input, 0);
    match &path {
        Some(path) => write(path, &encoded, args.force)?,
        None => console.data(&encoded)?,
    }
    console.note(format!(
        "{}: {what}, layer {}, {} methods in {:.1} s",
        input.name(),
        layer.join("+"),
        maps.len(),
        total.as_secs_f64()
    ));
    if args.json {
        let record = Record {
            image: input.name(),
            model: model.name.clone(),
            layer: layer.join("+"),
            target,
            seconds: rounded(total),
            methods: made
                .iter()
                .zip(&times)
                .map(|(made, times)| MethodRecord {
                    name: explainers[made.index].method.name(),
                    options: explainers[made.index].method.options(),
                    seconds: rounded(times.own),
                    shared_seconds: rounded(times.shared),
                    map: made.result.as_ref().ok().map(map),
                    error: made.result.as_ref().err().map(ToString::to_string),
                })
                .collect(),
            rank_correlations: ordered.iter().copied().zip(correlations).collect(),
            picture: path.as_ref().map(|path| path.display().to_string()),
        };
        console.line(serde_json::to_string(&record)?)?;
    } else if let Some(path) = path {
        console.path(&path)?;
    }
    Ok(Exit::Done)
}

/// Returns the methods with their options.
fn asked(args: &Compare) -> Result<Vec<Method>> {
    let names = methods::names(&args.methods)?;
    let mut options: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for (option, value) in &args.set {
        let Some((method, option)) = option.rsplit_once('.') else {
            bail!("`--set {option}={value}`: expected METHOD.OPTION=VALUE");
        };
        if !names.iter().any(|name| name == method) {
            bail!("`--set {method}.{option}={value}`: `{method}` is not among the methods");
        }
        let options = options.entry(method).or_default();
        options.push((option.to_string(), value.clone()));
    }
    let none = Vec::new();
    names
        .iter()
        .map(|name| methods::method(name, options.get(name.as_str()).unwrap_or(&none)))
        .collect()
}
