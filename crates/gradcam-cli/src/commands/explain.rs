//! `gradcam explain`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};
use candle_core::Tensor;
use gradcam::{Explainer, Heatmap, Method, Saliency, Source, Target, Verdict};
use gradcam_models::Model;
use gradcam_nn::out_of_memory;
use gradcam_viz::{ColorMap, Format, Grid, Style};
use rayon::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::args::Explain;
use crate::console::Console;
use crate::inputs::Input;
use crate::outputs::{Destination, Names, check_place, is_hopeless, refuse_existing, slugs, write};
use crate::protect::Sources;
use crate::record::{self, Outputs, Record, TargetRecord};
use crate::settings::{self, Output, Settings};
use crate::stream::{Keep, Loaded, MEMORY, Reading, Workers, batches, refuse};
use crate::{Exit, digest, inputs, model, targets};

/// Everything that stays the same from batch to batch.
struct Job<'a> {
    args: &'a Explain,
    model: &'a Model,
    explainer: Explainer,
    /// The targets as they were written.
    asked: Vec<String>,
    targets: Vec<Target>,
    style: Style,
    settings: Settings,
    format: Format,
    files: Files,
}

/// The names of all files of a run.
struct Files {
    pictures: Names,
    maps: Option<Names>,
}

pub(crate) fn run(
    args: &Explain,
    console: &mut Console<'_>,
    interrupted: &AtomicBool,
) -> Result<Exit> {
    if !(0.0..=1.0).contains(&args.alpha) {
        bail!("`--alpha {}` is out of range, expected 0 to 1", args.alpha);
    }
    let pictures = Destination::pictures(args.output.as_deref(), ".gradcam")?;
    if pictures == Destination::Stdout && (args.json || args.show) {
        bail!(
            "`-o -` sends the picture to standard output, where `--json` and `--show` write too; use one of them"
        );
    }
    if pictures == Destination::Stdout && args.resume {
        bail!("`--resume` keeps files, and `-o -` writes none; use one of them");
    }
    let method = method(&args.method, &args.set)?;
    let found = inputs::find(&args.images)?;
    let mut inputs = found.inputs;
    let asked = asked(args)?;
    let slugs = slugs(&asked)?;
    let format = match &pictures {
        Destination::File(path) => Format::from_path(path)?,
        _ => Format::Png,
    };
    let files = Files {
        pictures: Names::new(pictures, "png", &inputs, &slugs)?,
        maps: args
            .save_maps
            .as_deref()
            .map(|path| Names::new(Destination::maps(path)?, "safetensors", &inputs, &slugs))
            .transpose()?,
    };
    let mut sources = Sources::default();
    sources.add_inputs(&inputs);
    sources.add_weights(&args.network.model);
    sources.add_named(&args.sampling.background);
    sources.add_named(&targets::pictures(&asked));
    sources.refuse(files.all(&inputs))?;
    if !args.resume {
        files.folders().try_for_each(check_place)?;
        if !args.force {
            refuse_existing(
                files.all(&inputs),
                "`--force` replaces files, `--resume` keeps them and goes on with the others",
            )?;
        }
    }
    let device = model::device(&args.network.device)?;
    let mut model = args.network.load(&device, console)?;
    model::set_precision(&mut model, args.network.precision)?;
    let mut sources = Sources::default();
    sources.add_model(&model);
    sources.refuse(files.all(&inputs))?;
    check_top(args, &model)?;
    let targets = targets::read(&asked, &mut model, &args.network, console)?;
    let explainer = Explainer {
        layers: match method.about().source {
            Source::Pixels if args.layer.is_empty() => Vec::new(),
            _ => layers(&args.layer, &args.network.model, &model)?,
        },
        method,
        interpolation: args.interpolation,
        relu: !args.no_relu,
        counterfactual: args.counterfactual,
        fusion: args.fusion,
        inputs: gradcam::Inputs {
            background: model::background(
                &args.sampling.background,
                &Reading::of(&model, &args.network),
                console,
            )?,
            ..model::inputs(&model.preprocess)
        },
        budget: args.sampling.budget.map(usize::try_from).transpose()?,
        tolerance: args.sampling.tolerance,
    };
    match Reading::of(&model, &args.network).input_size() {
        Some((height, width)) => explainer.check(&model.network, (3, height, width))?,
        None => explainer.check_options(None)?,
    }
    let style = Style {
        colors: args.colormap.unwrap_or(if args.no_relu {
            ColorMap::Coolwarm
        } else {
            ColorMap::Turbo
        }),
        alpha: args.alpha,
        ..Style::default()
    };
    let job = Job {
        args,
        model: &model,
        settings: Settings::of(args, &model, &explainer, &targets, &style)?,
        explainer,
        asked,
        targets,
        style,
        format,
        files,
    };
    let workers = Workers::new(args.network.threads)?;
    let before = inputs.len();
    if args.resume {
        job.leave_out(&mut inputs, &workers, console)?;
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
        let resumed = match args.resume {
            true => format!(", {done_before} done before"),
            false => String::new(),
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

/// The names of several methods, each once; `all` stands for every one.
pub(crate) fn names(asked: &[String]) -> Result<Vec<String>> {
    let names: Vec<String> = match asked {
        [all] if all == "all" => Method::all().iter().map(ToString::to_string).collect(),
        names => names.iter().map(|name| name.trim().to_string()).collect(),
    };
    match (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
        Some(i) => bail!("the method `{}` is given twice", names[i]),
        None => Ok(names),
    }
}

/// The method with its options.
pub(crate) fn method(name: &str, options: &[(String, String)]) -> Result<Method> {
    let hint = |error: &dyn std::fmt::Display| {
        anyhow!("{error}\n\nhint: `gradcam methods` lists them with their options")
    };
    let method = Method::with_options(name, options).map_err(|error| hint(&error))?;
    Saliency::check(&method).map_err(|error| hint(&error))?;
    Ok(method)
}

/// The targets as they are written: what `--target` says, the ranks of `--top`, or the class that is seen.
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

/// The layers to look at, under the tree's own paths.
pub(crate) fn layers(wanted: &[String], name: &str, model: &Model) -> Result<Vec<String>> {
    if wanted.is_empty() {
        return Ok(vec![model.default_layer().to_string()]);
    }
    let (height, width) = model.preprocess.input_size;
    let size = (3, usize::try_from(height)?, usize::try_from(width)?);
    let known = gradcam::layers(&model.network, size)?;
    let mut names: Vec<String> = Vec::new();
    for wanted in wanted {
        let layer = known.find(wanted).or_else(|error| {
            // torchvision's path of the same module is understood too.
            model
                .architecture
                .from_torchvision(wanted)
                .and_then(|own| known.find(&own).ok())
                .ok_or(error)
        });
        let layer = layer
            .map_err(|error| anyhow!("{error}\n\nhint: `gradcam layers {name}` lists them"))?;
        if !layer.is_spatial() {
            return Err(gradcam::Error::NotSpatial {
                name: layer.name.clone(),
                shape: layer.shape.clone(),
            }
            .into());
        }
        if names.contains(&layer.name) {
            return Err(gradcam::Error::RepeatedLayer(layer.name.clone()).into());
        }
        names.push(layer.name.clone());
    }
    Ok(names)
}

impl Files {
    /// The files that an image's outputs go to.
    fn of(&self, input: &Input) -> impl Iterator<Item = (Output, PathBuf)> {
        let pictures = self
            .pictures
            .paths(input)
            .map(|path| (Output::Picture, path));
        let maps = self.maps.iter().flat_map(|names| names.paths(input));
        pictures.chain(maps.map(|path| (Output::Maps, path)))
    }

    /// The files that the outputs of all images go to.
    fn all(&self, inputs: &[Input]) -> impl Iterator<Item = PathBuf> {
        let files = inputs.iter().flat_map(|input| self.of(input));
        files.map(|(_, path)| path)
    }

    /// The folders that all of them lie below.
    fn folders(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.pictures), self.maps.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(Names::folder)
    }
}

impl Job<'_> {
    /// Leaves out the images whose files are all there.
    ///
    /// # Errors
    /// When one of the files that are there was made in another way, or from another picture.
    fn leave_out(
        &self,
        inputs: &mut Vec<Input>,
        workers: &Workers,
        console: &mut Console<'_>,
    ) -> Result<()> {
        let before = inputs.len();
        let found: Vec<Result<Before>> =
            workers.run(|| inputs.par_iter().map(|input| self.before(input)).collect());
        let found = found.into_iter().collect::<Result<Vec<Before>>>()?;
        let mut done = found.iter().map(|found| found.done);
        inputs.retain(|_| !done.next().unwrap_or(false));
        let silent: usize = found.iter().map(|found| found.silent).sum();
        if silent > 0 {
            console.warn(format!(
                "{silent} of the files that are there do not say how they were made; they are kept as they are"
            ));
        }
        console.note(format!(
            "{} of {before} images are done",
            before - inputs.len()
        ));
        Ok(())
    }

    /// What an earlier run left of an image.
    fn before(&self, input: &Input) -> Result<Before> {
        let limits = Reading::of(self.model, &self.args.network).limits;
        let files: Vec<(Output, PathBuf)> = self.files.of(input).collect();
        let there = |(_, path): &&(Output, PathBuf)| path.is_file();
        let mut found = Before {
            done: files.iter().all(|file| there(&file)),
            silent: 0,
        };
        if !files.iter().any(|file| there(&file)) {
            return Ok(found);
        }
        // Standard input is read once, and not for this.
        let digest = match input.path.as_ref().map(|_| input.read(limits)) {
            None => None,
            Some(Ok(bytes)) => Some(digest::half(&bytes)),
            // What cannot be read is reported when it is explained.
            Some(Err(_)) => {
                found.done = false;
                return Ok(found);
            }
        };
        for (output, path) in files.iter().filter(there) {
            if !self.settings.compare(path, *output, digest.as_deref())? {
                found.silent += 1;
            }
        }
        Ok(found)
    }

    /// Explains one batch, and writes what there is to write.
    fn step(
        &self,
        batch: &[Loaded<'_>],
        x: &Tensor,
        workers: &Workers,
        console: &mut Console<'_>,
    ) -> Result<usize> {
        let start = Instant::now();
        let wanted: Vec<Vec<Target>> = batch.iter().map(|_| self.targets.clone()).collect();
        let maps = match workers.run(|| self.explainer.explain(&self.model.network, x, &wanted)) {
            Ok(maps) => maps,
            Err(error) if batch.len() > 1 && out_of_memory(&error) => return Err(error.into()),
            Err(error) => return Ok(refuse(batch, error, console)),
        };
        let count = batch.len() * self.targets.len();
        let millis = start.elapsed().as_secs_f64() * 1000.0 / count.max(1) as f64;
        let all: Vec<(usize, usize)> = maps
            .iter()
            .enumerate()
            .flat_map(|(image, maps)| (0..maps.len()).map(move |index| (image, index)))
            .collect();
        let largest = batch.iter().map(|loaded| self.painted_bytes(loaded)).max();
        let at_once = usize::try_from(MEMORY / largest.unwrap_or(1).max(1))?.max(1);
        let mut whole = vec![true; batch.len()];
        // Pictures are painted side by side, as many as the memory is meant to hold, and written in order.
        for part in all.chunks(at_once) {
            let painted: Vec<Result<image::RgbImage>> = workers.run(|| {
                let paint = |&(image, index): &(usize, usize)| {
                    self.paint(&batch[image], index, &maps[image][index])
                };
                part.par_iter().map(paint).collect()
            });
            for (&(image, index), picture) in part.iter().zip(painted) {
                let (loaded, heatmap) = (&batch[image], &maps[image][index]);
                whole[image] &= self.report(loaded, index, heatmap, picture, millis, console)?;
            }
        }
        Ok(whole.iter().filter(|whole| !**whole).count())
    }

    /// About how many bytes it takes to paint a map of this picture: two views side by side, and the map in numbers.
    fn painted_bytes(&self, loaded: &Loaded<'_>) -> u64 {
        let photo = enlarged_size(&loaded.photo, self.args.enlarge);
        u64::from(photo.0) * u64::from(photo.1) * 10
    }

    /// The picture of the target number `index`.
    fn paint(
        &self,
        loaded: &Loaded<'_>,
        index: usize,
        heatmap: &Heatmap,
    ) -> Result<image::RgbImage> {
        let photo = enlarged(&loaded.photo, self.args.enlarge);
        let (width, height) = photo.dimensions();
        let size = (usize::try_from(height)?, usize::try_from(width)?);
        let map = self.explainer.upsample(&heatmap.layers, size);
        let grid = Grid::new(map.height, map.width, &map.values)?;
        let style = styled(&self.style, &self.explainer.method, grid);
        let picture = self.args.view.draw(&photo, grid, &style)?;
        if !self.args.caption {
            return Ok(picture);
        }
        let target = TargetRecord::of(&heatmap.target, &self.asked[index], &self.model.labels);
        let text = format!("{}, {}", target.scored(), self.explainer.method);
        let caption = gradcam_viz::label(&text, picture.width())?;
        Ok(gradcam_viz::stack(&[&picture, &caption])?)
    }

    /// Writes one map's files and says what came out. Returns whether all of them are there.
    fn report(
        &self,
        loaded: &Loaded<'_>,
        index: usize,
        heatmap: &Heatmap,
        picture: Result<image::RgbImage>,
        millis: f64,
        console: &mut Console<'_>,
    ) -> Result<bool> {
        let (args, input) = (self.args, loaded.input);
        let note = |output| self.settings.text(output, &loaded.digest);
        let mut written = Vec::new();
        let mut whole = true;
        // What goes wrong with one file is said, and the others go on.
        let mut kept = |file: Result<Kept>, console: &mut Console<'_>| match file {
            Ok(Kept::Before(path)) => Ok(Some(path.display().to_string())),
            Ok(Kept::Now(path)) => {
                let name = path.display().to_string();
                written.push(path);
                Ok(Some(name))
            }
            Err(error) if is_hopeless(&error) => Err(error),
            Err(error) => {
                console.warn(format!("`{}`: {error:#}", input.name()));
                whole = false;
                Ok(None)
            }
        };
        let encode = || {
            let picture = picture.as_ref().map_err(|error| anyhow!("{error:#}"))?;
            let note = note(Output::Picture)?;
            Ok(gradcam_viz::encode_with_note(picture, self.format, &note)?)
        };
        let mut outputs = Outputs::default();
        match self.files.pictures.path(input, index) {
            Some(path) => outputs.picture = kept(self.keep(path, encode), console)?,
            None => match encode() {
                Ok(encoded) => console.data(&encoded)?,
                Err(error) => drop(kept(Err(error), console)?),
            },
        }
        let names = self.files.maps.as_ref();
        if let Some(path) = names.and_then(|names| names.path(input, index)) {
            let file = self.keep(path, || safetensors(heatmap, note(Output::Maps)?));
            outputs.maps = kept(file, console)?;
        }
        let layer_names: Vec<&str> = heatmap.layers.iter().map(|l| l.layer.as_str()).collect();
        let layer = layer_names.join("+");
        let target = TargetRecord::of(&heatmap.target, &self.asked[index], &self.model.labels);
        let what = target.with_probability();
        console.note(format!("{}: {what}, layer {layer}", input.name()));
        if heatmap.verdict != Verdict::Ok {
            console.warn(format!("`{}`: {}", input.name(), meaning(heatmap.verdict)));
        }
        if args.json {
            let record = Record {
                image: input.name(),
                model: self.model.name.clone(),
                method: self.explainer.method.name(),
                options: self.explainer.method.options(),
                layer,
                target,
                predictions: record::predictions(&heatmap.logits, &self.model.labels, 5),
                map: record::map(heatmap),
                outputs,
                millis: (millis * 1000.0).round() / 1000.0,
            };
            console.line(serde_json::to_string(&record)?)?;
            return Ok(whole);
        }
        for path in written {
            console.path(&path)?;
        }
        if let (true, Ok(picture)) = (args.show, &picture) {
            console.data(gradcam_viz::terminal(picture, 80).as_bytes())?;
        }
        Ok(whole)
    }

    /// Writes a file; with `--resume` one that is there is left as it is.
    fn keep(&self, path: PathBuf, bytes: impl FnOnce() -> Result<Vec<u8>>) -> Result<Kept> {
        if self.args.resume && path.is_file() {
            return Ok(Kept::Before(path));
        }
        write(&path, &bytes()?, self.args.force)?;
        Ok(Kept::Now(path))
    }
}

/// A file that is there in the end.
enum Kept {
    /// An earlier run wrote it.
    Before(PathBuf),
    Now(PathBuf),
}

/// What an earlier run left of an image.
struct Before {
    /// Whether all its files are there.
    done: bool,
    /// How many of them do not say how they were made.
    silent: usize,
}

/// A photo that is less than half as large as `most` pixels, by the largest whole factor that keeps its longer side within them; any other as
/// it is. Each pixel becomes a square, so that nothing is seen that the photo does not show.
fn enlarged(photo: &image::RgbImage, most: u32) -> Cow<'_, image::RgbImage> {
    let (width, height) = enlarged_size(photo, most);
    match (width, height) == photo.dimensions() {
        true => Cow::Borrowed(photo),
        false => Cow::Owned(image::imageops::resize(
            photo,
            width,
            height,
            image::imageops::FilterType::Nearest,
        )),
    }
}

/// Width and height of the photo when it is enlarged so.
fn enlarged_size(photo: &image::RgbImage, most: u32) -> (u32, u32) {
    let (width, height) = photo.dimensions();
    let factor = (most / width.max(height).max(1)).max(1);
    (width * factor, height * factor)
}

/// The style of a method's picture: single pixels stand out of a map of the pixels, and must not hide the rest of it.
pub(crate) fn styled(style: &Style, method: &Method, map: Grid<'_>) -> Style {
    let scale = match (method.about().resolution, style.colors.is_diverging()) {
        (Source::Pixels, false) => Some(map.positive_quantile(0.99)),
        (Source::Pixels, true) => Some(map.absolute_quantile(0.99)),
        (Source::Layer, _) => style.scale,
    };
    Style {
        scale,
        ..style.clone()
    }
}

/// What a verdict means for the reader of the picture.
pub(crate) fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "the map shows positive evidence",
        Verdict::NonFinite => "non-finite: the network's numbers overflow, the map cannot be used",
        Verdict::Saturated => {
            "saturated: the network ends in a softmax, and its gradient has vanished"
        }
        Verdict::ZeroGradient => "zero-gradient: the score does not depend on this layer",
        Verdict::Flat => "flat: no position stands out",
        Verdict::Vanishing => {
            "vanishing: the parts that the map sums cancel, and what is left is rounding; another layer may show more"
        }
        Verdict::Incomplete => {
            "incomplete: what the pixels get does not add up to the score; more steps or another baseline may help, by `--set`"
        }
        Verdict::AllNegative => {
            "all-negative: nothing at this layer speaks for the target; `--no-relu` shows what speaks against it"
        }
    }
}

/// The numbers of one image and target as a safetensors file, all of them `f32`.
fn safetensors(heatmap: &Heatmap, note: String) -> Result<Vec<u8>> {
    let several = heatmap.layers.len() > 1;
    let logits: Vec<u8> = heatmap
        .logits
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let mut tensors = vec![("logits".to_string(), vec![heatmap.logits.len()], logits)];
    let mut add = |name: String, grid: &gradcam::Grid| {
        tensors.push((name, vec![grid.height, grid.width], record::bytes(grid)));
    };
    for layer in &heatmap.layers {
        let suffix = if several {
            format!(".{}", layer.layer)
        } else {
            String::new()
        };
        add(format!("raw{suffix}"), &layer.raw);
        add(format!("map{suffix}"), &layer.map);
        if let Some(error) = &layer.error {
            add(format!("error{suffix}"), error);
        }
    }
    add("upsampled".to_string(), &heatmap.upsampled);
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| {
            Ok((
                name.as_str(),
                TensorView::new(Dtype::F32, shape.clone(), bytes)?,
            ))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(safetensors::serialize(views, settings::metadata(note))?)
}
