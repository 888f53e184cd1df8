//! `gradcam explain`.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Result, bail};
use candle_core::Tensor;
use gradcam::{Explainer, Heatmap, Method, Source, Target, Verdict};
use gradcam_models::Model;
use gradcam_nn::out_of_memory;
use gradcam_viz::{ColorMap, Format, Grid, Style};
use rayon::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::args::{Explain, Fusion};
use crate::console::Console;
use crate::outputs::{Destination, Names, refuse_existing, slug, write};
use crate::record::{self, Outputs, Record, TargetRecord};
use crate::stream::{Keep, Loaded, Reading, Workers, batches, refuse};
use crate::{Exit, inputs, model, targets};

/// Everything that stays the same from batch to batch.
struct Job<'a> {
    args: &'a Explain,
    model: &'a Model,
    explainer: Explainer,
    /// The targets as they were written.
    asked: Vec<String>,
    targets: Vec<Target>,
    style: Style,
    format: Format,
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
    let method = method(&args.method, &args.set)?;
    let mut inputs = inputs::resolve(&args.images)?;
    let device = model::device(&args.network.device)?;
    let mut model = args.network.load(&device, console)?;
    model::set_precision(&mut model, args.network.precision)?;
    let asked = asked(args, &model)?;
    let slugs = slugs(&asked)?;
    let targets = targets::read(&asked, &mut model, &args.network, console)?;
    let format = match &pictures {
        Destination::File(path) => Format::from_path(path)?,
        _ => Format::Png,
    };
    let job = Job {
        args,
        model: &model,
        explainer: Explainer {
            layers: match method.about().source {
                Source::Pixels if args.layer.is_empty() => Vec::new(),
                _ => layers(&args.layer, &args.network.model, &model)?,
            },
            method,
            interpolation: args.interpolation,
            relu: !args.no_relu,
            counterfactual: args.counterfactual,
            fusion: match args.fusion {
                Fusion::Mean => gradcam::Fusion::Mean,
                Fusion::Max => gradcam::Fusion::Max,
                Fusion::Tanh => gradcam::Fusion::Tanh,
            },
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
        },
        asked,
        targets,
        style: Style {
            colors: args.colormap.unwrap_or(if args.no_relu {
                ColorMap::Coolwarm
            } else {
                ColorMap::Turbo
            }),
            alpha: args.alpha,
            ..Style::default()
        },
        format,
        pictures: Names::new(pictures, "png", &inputs, &slugs)?,
        maps: args
            .save_maps
            .as_deref()
            .map(|path| Names::new(Destination::maps(path)?, "safetensors", &inputs, &slugs))
            .transpose()?,
    };
    if args.resume {
        let before = inputs.len();
        inputs.retain(|input| !job.files(input).all(|path| path.exists()));
        console.note(format!(
            "{} of {before} images are done",
            before - inputs.len()
        ));
    } else if !args.force {
        refuse_existing(inputs.iter().flat_map(|input| job.files(input)))?;
    }
    let workers = Workers::new(args.network.threads)?;
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
    Ok(if failed == 0 { Exit::Done } else { Exit::Error })
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
    Method::with_options(name, options).map_err(|error| {
        anyhow::anyhow!("{error}\n\nhint: `gradcam methods` lists them with their options")
    })
}

/// The targets as they are written: what `--target` says, the ranks of `--top`, or the class that is seen.
fn asked(args: &Explain, model: &Model) -> Result<Vec<String>> {
    if let Some(count) = args.top {
        let count = usize::try_from(count)?;
        if count > model.labels.len() {
            bail!(
                "`--top {count}` is more than the model's {} classes",
                model.labels.len()
            );
        }
        return Ok((1..=count).map(|rank| format!("top{rank}")).collect());
    }
    if args.target.is_empty() {
        return Ok(vec!["top".to_string()]);
    }
    Ok(args.target.clone())
}

/// A part of a file name for each target.
fn slugs(asked: &[String]) -> Result<Vec<String>> {
    let mut slugs = Vec::new();
    for text in asked {
        let slug = slug(text);
        if slugs.contains(&slug) {
            bail!("the target `{text}` is given twice");
        }
        slugs.push(slug);
    }
    Ok(slugs)
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
        let layer = layer.map_err(|error| {
            anyhow::anyhow!("{error}\n\nhint: `gradcam layers {name}` lists them")
        })?;
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

impl Job<'_> {
    /// All files that an image's outputs go to.
    fn files(&self, input: &inputs::Input) -> impl Iterator<Item = std::path::PathBuf> {
        let maps = self.maps.iter().flat_map(|names| names.paths(input));
        self.pictures.paths(input).chain(maps)
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
        // Pictures are painted and compressed side by side, and written in order.
        let painted: Vec<Vec<Result<image::RgbImage>>> = workers.run(|| {
            batch
                .par_iter()
                .zip(&maps)
                .map(|(loaded, maps)| maps.iter().map(|map| self.paint(loaded, map)).collect())
                .collect()
        });
        for ((loaded, maps), pictures) in batch.iter().zip(&maps).zip(painted) {
            for (index, (heatmap, picture)) in maps.iter().zip(pictures).enumerate() {
                self.report(loaded, index, heatmap, &picture?, millis, console)?;
            }
        }
        Ok(0)
    }

    fn paint(&self, loaded: &Loaded<'_>, heatmap: &Heatmap) -> Result<image::RgbImage> {
        let (width, height) = loaded.photo.dimensions();
        let size = (usize::try_from(height)?, usize::try_from(width)?);
        let map = self.explainer.upsample(&heatmap.layers, size);
        let grid = Grid::new(map.height, map.width, &map.values)?;
        let style = styled(&self.style, &self.explainer.method, grid);
        Ok(self.args.view.draw(&loaded.photo, grid, &style)?)
    }

    /// Writes one map's files and says what came out.
    fn report(
        &self,
        loaded: &Loaded<'_>,
        index: usize,
        heatmap: &Heatmap,
        picture: &image::RgbImage,
        millis: f64,
        console: &mut Console<'_>,
    ) -> Result<()> {
        let (args, input) = (self.args, loaded.input);
        let mut outputs = Outputs::default();
        let encoded = gradcam_viz::encode(picture, self.format)?;
        let replace = args.force || args.resume;
        match self.pictures.path(input, index) {
            Some(path) => {
                write(&path, &encoded, replace)?;
                outputs.picture = Some(path.display().to_string());
            }
            None => console.data(&encoded)?,
        }
        let layer_names: Vec<&str> = heatmap.layers.iter().map(|l| l.layer.as_str()).collect();
        let layer = layer_names.join("+");
        if let Some(path) = self
            .maps
            .as_ref()
            .and_then(|names| names.path(input, index))
        {
            write(&path, &safetensors(heatmap)?, replace)?;
            outputs.maps = Some(path.display().to_string());
        }
        let target = TargetRecord::of(&heatmap.target, &self.asked[index], &self.model.labels);
        let mut what = target.to_string();
        if let Some(p) = target.probability
            && target.against.is_none()
        {
            what = format!("{what} {:.1} %", p * 100.0);
        }
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
            return console.line(serde_json::to_string(&record)?);
        }
        if let Some(path) = outputs.picture {
            console.line(path)?;
        }
        if let Some(path) = outputs.maps {
            console.line(path)?;
        }
        if args.show {
            console.data(gradcam_viz::terminal(picture, 80).as_bytes())?;
        }
        Ok(())
    }
}

/// The style of a method's picture: single pixels stand out of a map of the pixels, and must not hide the rest of it.
pub(crate) fn styled(style: &Style, method: &Method, map: Grid<'_>) -> Style {
    let scale = match (method.about().source, style.colors.is_diverging()) {
        (Source::Pixels, false) => Some(map.positive_quantile(0.99)),
        _ => style.scale,
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
        Verdict::AllNegative => {
            "all-negative: nothing at this layer speaks for the target; `--no-relu` shows what speaks against it"
        }
    }
}

/// The numbers of one image and target as a safetensors file, all of them `f32`.
fn safetensors(heatmap: &Heatmap) -> Result<Vec<u8>> {
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
    Ok(safetensors::serialize(views, None)?)
}
