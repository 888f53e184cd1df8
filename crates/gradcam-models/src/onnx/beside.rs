//! What the file itself and the files beside it say about classes and pictures.

use std::path::Path;

use super::names::dictionary;
use crate::LoadError;
use crate::config::Beside;
use crate::files::read_text;
use crate::labels;
use crate::preprocess::Preprocess;

/// Labels and preprocessing, as far as they are stated.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) labels: Option<Vec<String>>,
    pub(super) preprocess: Option<Preprocess>,
    pub(super) license: Option<String>,
    /// Sentences about files that were left aside.
    pub(super) assumed: Vec<String>,
}

impl Found {
    /// Returns rows and columns of the input.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        self.preprocess
            .as_ref()
            .map(|preprocess| preprocess.input_size)
    }

    /// Takes over what is not known yet.
    fn add(&mut self, more: Beside) {
        self.labels = self.labels.take().or(more.labels);
        self.preprocess = self.preprocess.take().or(more.preprocess);
        self.license = self.license.take().or(more.license);
    }
}

/// Reads the files beside `path`, and the notes inside it.
pub(super) fn read(path: &Path, file: &gradcam_onnx::Model) -> Result<Found, LoadError> {
    let mut found = Found::default();
    let own = path.with_extension("json");
    if own.is_file() {
        found.add(Beside::parse(&read_text(&own)?, None)?);
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    for folder in [folder.to_path_buf(), folder.join("..")] {
        described(&folder, &mut found)?;
    }
    noted(file, &mut found);
    for name in ["class_indices.json", "labels.txt"] {
        let file = folder.join(name);
        if found.labels.is_none() && file.is_file() {
            match labels::parse(&read_text(&file)?) {
                Ok(labels) => found.labels = Some(labels),
                Err(reason) => found
                    .assumed
                    .push(format!("`{}` is left aside: {reason}", file.display())),
            }
        }
    }
    Ok(found)
}

/// Reads a folder's `config.json` and `preprocessor_config.json`. A file of another kind is left aside.
fn described(folder: &Path, found: &mut Found) -> Result<(), LoadError> {
    let (config, processor) = (
        folder.join("config.json"),
        folder.join("preprocessor_config.json"),
    );
    if !config.is_file() && !processor.is_file() {
        return Ok(());
    }
    let text = if config.is_file() {
        read_text(&config)?
    } else {
        "{}".to_string()
    };
    let processor = if processor.is_file() {
        Some(read_text(&processor)?)
    } else {
        None
    };
    match Beside::parse(&text, processor.as_deref()) {
        Ok(more) => found.add(more),
        Err(error) => found
            .assumed
            .push(format!("`{}` is left aside: {error}", config.display())),
    }
    Ok(())
}

/// Reads the notes of Ultralytics and of Paddle.
fn noted(file: &gradcam_onnx::Model, found: &mut Found) {
    let notes = file.metadata();
    if found.labels.is_none() {
        found.labels = match (notes.get("names"), notes.get("character")) {
            (Some(names), _) => dictionary(names),
            (None, Some(lines)) => Some(lines.lines().map(str::to_string).collect()),
            (None, None) => None,
        };
    }
    // Its networks take samples from 0 to 1.
    if found.preprocess.is_none()
        && notes
            .get("author")
            .is_some_and(|author| author == "Ultralytics")
    {
        let mut preprocess = Preprocess {
            mean: [0.0; 3],
            std: [1.0; 3],
            ..Preprocess::default()
        };
        if let Some(size) = notes.get("imgsz").and_then(|text| square(text)) {
            preprocess.input_size = size;
        }
        found.preprocess = Some(preprocess);
    }
}

/// Reads `[640, 640]`.
fn square(text: &str) -> Option<(u32, u32)> {
    let text = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let (rows, columns) = text.split_once(',')?;
    Some((rows.trim().parse().ok()?, columns.trim().parse().ok()?))
}
