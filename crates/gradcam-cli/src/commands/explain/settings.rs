//! The settings of `explain`, recorded in its outputs themselves: `--resume` never mixes two runs, wherever the files go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use anyhow::{Result, bail};
use candle_core::DType;
use gradcam::{Explainer, Target};
use gradcam_models::Model;
use gradcam_viz::Style;

use crate::args::{Explain, Network, Pictures, Sampling};
use crate::digest::{self, little_endian};
use crate::map_file;

/// The longest value that is written in full; a digest replaces a longer one.
const LONGEST: usize = 200;
/// The entry of a note for the explained picture.
const INPUT: &str = "input";

type Note = BTreeMap<String, String>;

/// A kind of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Picture,
    Maps,
}

/// The arguments that outputs depend on, with their values.
#[derive(Debug)]
pub(super) struct Settings {
    /// The arguments that the numbers depend on.
    map: Vec<(&'static str, String)>,
    /// The further arguments that the pictures depend on.
    drawn: Vec<(&'static str, String)>,
}

impl Settings {
    /// Collects the arguments, with the defaults of those left out. Nothing names a folder of the user's, since pictures are passed on.
    pub(super) fn of(
        args: &Explain,
        model: &Model,
        explainer: &Explainer,
        targets: &[Target],
        style: &Style,
    ) -> Result<Self> {
        // Every field is named, so that a new one is not forgotten.
        let Explain {
            images: _,
            network,
            layer: _,
            target,
            top,
            method: _,
            set: _,
            interpolation,
            no_relu,
            counterfactual,
            sampling,
            fusion,
            view,
            colormap: _,
            alpha,
            caption,
            enlarge,
            show: _,
            output: _,
            save_maps: _,
            json: _,
            force: _,
            resume: _,
        } = args;
        let Network {
            model: _,
            fit,
            batch: _,
            threads: _,
            precision,
            device: _,
            max_pixels: _,
            // Implied by the model's own architecture.
            arch: _,
            pictures: Pictures { window, frame },
            graph,
        } = network;
        let Sampling {
            budget,
            tolerance,
            background: _,
        } = sampling;
        let targets: Vec<String> = if target.is_empty() {
            vec!["top".to_string()]
        } else {
            target.iter().zip(targets).map(target_text).collect()
        };
        let background = match &explainer.inputs.background {
            None => "none".to_string(),
            Some(batch) => {
                let numbers = batch.flatten_all()?.to_dtype(DType::F32)?;
                floats(&numbers.to_vec1::<f32>()?)
            }
        };
        let mut prepared = format!("{:?}", (&model.sha256, &model.preprocess, &model.labels));
        if graph.given().is_some() {
            prepared += &format!("{graph:?}");
        }
        let model = format!(
            "{} {}",
            model
                .architecture
                .map_or("ONNX", |architecture| architecture.name),
            digest::half(prepared.as_bytes())
        );
        let options = serde_json::to_string(&explainer.method.options())?;
        let map = vec![
            ("--model", model),
            ("--fit", fit.to_string()),
            ("--window", or_none(window)),
            ("--frame", or_none(frame)),
            ("--precision", precision.to_string()),
            ("--layer", explainer.layers.join(", ")),
            ("--target", targets.join(", ")),
            ("--top", top.map_or("none".into(), |top| top.to_string())),
            ("--method", explainer.method.to_string()),
            ("--set", options),
            ("--interpolation", interpolation.to_string()),
            ("--no-relu", no_relu.to_string()),
            ("--counterfactual", counterfactual.to_string()),
            ("--budget", or_none(budget)),
            ("--tolerance", or_none(tolerance)),
            ("--background", background),
            ("--fusion", fusion.to_string()),
        ];
        let drawn = vec![
            ("--view", view.to_string()),
            ("--colormap", style.colors.to_string()),
            ("--alpha", alpha.to_string()),
            ("--caption", caption.to_string()),
            ("--enlarge", enlarge.to_string()),
        ];
        Ok(Settings { map, drawn })
    }

    /// Makes the note of an output for a picture with this digest.
    fn note(&self, output: Output, input: &str) -> Note {
        let drawn = match output {
            Output::Picture => self.drawn.as_slice(),
            Output::Maps => &[],
        };
        let values = self.map.iter().chain(drawn).map(|(name, value)| {
            let value = if value.len() > LONGEST {
                digest::half(value.as_bytes())
            } else {
                value.clone()
            };
            (name.to_string(), value)
        });
        let input = (INPUT.to_string(), input.to_string());
        values.chain([input]).collect()
    }

    /// Returns the note of an output as text; `input` is the [`digest`] of the picture's file.
    pub(super) fn text(&self, output: Output, input: &str) -> Result<String> {
        Ok(serde_json::to_string(&self.note(output, input))?)
    }

    /// Compares the file `path` of an earlier run; without an `input`, everything else. Returns whether the file records how it was made.
    ///
    /// # Errors
    /// When it was made with other settings, or from another picture.
    pub(super) fn compare(&self, path: &Path, output: Output, input: Option<&str>) -> Result<bool> {
        let Some(before) = read(path, output) else {
            return Ok(false);
        };
        let unchanged = before.get(INPUT).map_or("", String::as_str);
        let now = self.note(output, input.unwrap_or(unchanged));
        let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        let mut differ = Vec::new();
        for name in names {
            let of = |note: &Note| {
                note.get(name)
                    .map_or("not recorded".into(), |v| format!("`{v}`"))
            };
            if before.get(name) == now.get(name) {
                continue;
            }
            differ.push(if name == INPUT {
                "another picture".to_string()
            } else {
                format!("another `{name}` ({} then, {} now)", of(&before), of(&now))
            });
        }
        if !differ.is_empty() {
            bail!(
                "`--resume`: `{}` was made with {}\n\nhint: give the same arguments again, or name another folder; `--force` makes the files again",
                path.display(),
                differ.join(", ")
            );
        }
        Ok(true)
    }
}

/// Reads the note of a file; `None` if it has none that can be read.
fn read(path: &Path, output: Output) -> Option<Note> {
    let file = File::open(path).ok()?;
    let text = match output {
        Output::Picture => gradcam_viz::note(file)?,
        Output::Maps => map_file::note(file)?,
    };
    serde_json::from_str(&text).ok()
}

/// Returns a target as written; another picture is identified by its embedding, not by its path.
fn target_text((text, target): (&String, &Target)) -> String {
    match (text.split_once(':'), target) {
        (Some(("like", _)), Target::Similarity(embedding)) => {
            format!("like:{}", floats(embedding))
        }
        _ => text.clone(),
    }
}

fn floats(values: &[f32]) -> String {
    digest::half(&little_endian(values))
}

fn or_none(value: &Option<impl ToString>) -> String {
    value.as_ref().map_or("none".into(), ToString::to_string)
}
