//! Stores a card's measurements as they are made, so that an interruption or a failure of a later stage loses nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use gradcam_eval::Metric;
use gradcam_eval::evaluate::{Header, ImageRecord, Journal, read};
use gradcam_models::bounded;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files::write;

/// The name of the folder inside the card's folder.
pub(crate) const FOLDER: &str = "unfinished";
/// Everything that the numbers depend on. The file exists if there is anything to continue.
const STUDY: &str = "study.json";
/// The images' values, in the format of `gradcam evaluate --records`.
const RECORDS: &str = "records.jsonl";
/// The probabilities along curves, which such records lack.
const CURVES: &str = "curves.jsonl";
/// The stages whose tests are stored in one file each.
const STAGES: [&str; 4] = ["methodology", "parameters", "labels", "scenes"];
/// The largest file to read back, in bytes.
const MOST: u64 = 1 << 30;

/// The folder of a card that is being measured.
pub(crate) struct Unfinished {
    folder: PathBuf,
}

impl Unfinished {
    /// Whether a card's folder has anything to continue.
    pub(crate) fn is_in(output: &Path) -> bool {
        output.join(FOLDER).join(STUDY).exists()
    }

    /// Begins a card in `output`, or continues one of the same study.
    ///
    /// # Errors
    /// When the stored card is of another study, or the folder cannot be written to.
    pub(crate) fn new(output: &Path, study: &impl Serialize, resume: bool) -> Result<Self> {
        let own = Unfinished {
            folder: output.join(FOLDER),
        };
        let study = serde_json::to_value(study)?;
        if resume && Unfinished::is_in(output) {
            let path = own.folder.join(STUDY);
            let found: Value = parsed(&path)?;
            same(&path, &found, &study)?;
            return Ok(own);
        }
        own.clear()?;
        own.put(STUDY, &study)?;
        Ok(own)
    }

    /// Returns the result of a stage if it is stored, else makes and stores it.
    ///
    /// The result is always read back, so that a card is the same to the bit however often it was interrupted.
    ///
    /// # Errors
    /// When the stage fails, or the folder cannot be read or written.
    pub(crate) fn stage<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let file = format!("{name}.json");
        let path = self.folder.join(&file);
        if !path.exists() {
            self.put(&file, &make()?)?;
        }
        parsed(&path)
    }

    /// Opens the images' records for appending.
    ///
    /// # Errors
    /// When they are of another study, or cannot be read or written.
    pub(crate) fn images(&self, header: &Header) -> Result<Images> {
        let curves = self.folder.join(CURVES);
        let (known, whole) = lines::<Curves>(&curves)?;
        let fail = || format!("cannot write `{}`", curves.display());
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).open(&curves);
        let file = file.with_context(fail)?;
        file.set_len(whole).with_context(fail)?;
        Ok(Images {
            journal: Journal::resume(&self.folder.join(RECORDS), header)?,
            records: self.folder.join(RECORDS),
            curves: file,
            path: curves,
            drawn: known.iter().map(|curves| curves.index).collect(),
        })
    }

    /// Removes the stored files, once the card is written.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub(crate) fn clear(&self) -> Result<()> {
        let stages = STAGES.map(|stage| format!("{stage}.json"));
        let names = [STUDY, RECORDS, CURVES].into_iter();
        // The study first: without it nothing is continued.
        for name in names.chain(stages.iter().map(String::as_str)) {
            let path = self.folder.join(name);
            match fs::remove_file(&path) {
                Err(error) if !matches!(error.kind(), ErrorKind::NotFound) => {
                    return Err(error)
                        .with_context(|| format!("cannot remove `{}`", path.display()));
                }
                _ => {}
            }
        }
        // Other files in it are not ours.
        let _ = fs::remove_dir(&self.folder);
        Ok(())
    }

    fn put(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(value)?;
        write(&self.folder.join(name), text.as_bytes(), true)
    }
}

/// The records of images, with their curves.
pub(crate) struct Images {
    journal: Journal,
    records: PathBuf,
    curves: File,
    path: PathBuf,
    /// The images whose curves are stored.
    drawn: BTreeSet<usize>,
}

/// The curves of an image's maps, the methods' first.
#[derive(Serialize, Deserialize)]
struct Curves {
    index: usize,
    maps: Vec<BTreeMap<Metric, Vec<f64>>>,
}

impl Images {
    /// Whether the image with this number is measured.
    pub(crate) fn has(&self, index: usize) -> bool {
        self.journal.has(index)
    }

    /// Adds an image, which is on its way to the disk on return.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub(crate) fn add(&mut self, record: &ImageRecord) -> Result<()> {
        let curves = Curves {
            index: record.index,
            maps: record
                .maps
                .iter()
                .chain(&record.nulls)
                .map(|map| map.curves.clone())
                .collect(),
        };
        // The record last: it marks the image as measured.
        if self.drawn.insert(record.index) {
            let line = serde_json::to_string(&curves)? + "\n";
            let written = self.curves.write_all(line.as_bytes());
            written.with_context(|| format!("cannot write `{}`", self.path.display()))?;
        }
        Ok(self.journal.add(record)?)
    }

    /// Reads back all measured images, in the order of their numbers.
    ///
    /// # Errors
    /// When the files cannot be read, or an image has no curves.
    pub(crate) fn all(&self) -> Result<Vec<ImageRecord>> {
        let (_, mut records) = read(&self.records)?;
        let (curves, _) = lines::<Curves>(&self.path)?;
        let curves = curves.into_iter().map(|curves| (curves.index, curves.maps));
        let mut curves: BTreeMap<usize, Vec<_>> = curves.collect();
        for record in &mut records {
            let maps = curves.remove(&record.index);
            let own = record.maps.len() + record.nulls.len();
            let maps = maps.filter(|maps| maps.len() == own);
            let maps = maps.with_context(|| {
                let (path, id) = (self.path.display(), &record.id);
                format!("`{path}` lacks the curves of `{id}`\n\nhint: `--force` measures again")
            })?;
            let all = record.maps.iter_mut().chain(&mut record.nulls);
            for (map, curves) in all.zip(maps) {
                map.curves = curves;
            }
        }
        Ok(records)
    }
}

/// Reads the values of a file's complete lines, and the length of these in bytes. A missing file has none.
fn lines<T: DeserializeOwned>(path: &Path) -> Result<(Vec<T>, u64)> {
    if !path.exists() {
        return Ok((Vec::new(), 0));
    }
    let bytes = bytes(path)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    let whole = whole.map_or(&[][..], |last| &bytes[..=last]);
    let values = whole.split_inclusive(|byte| *byte == b'\n');
    let values = values.map(|line| serde_json::from_slice(line));
    let values = values.collect::<Result<_, _>>();
    let values = values.with_context(|| format!("`{}`", path.display()))?;
    Ok((values, whole.len() as u64))
}

fn parsed<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&bytes(path)?)
        .with_context(|| format!("`{}`\n\nhint: `--force` measures again", path.display()))
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let fail = || format!("cannot read `{}`", path.display());
    bounded::file(path, MOST).with_context(fail)
}

/// Checks that the stored card is of the same study.
fn same(path: &Path, found: &Value, expected: &Value) -> Result<()> {
    let (Value::Object(found), Value::Object(expected)) = (found, expected) else {
        bail!("`{}` is not the study of a card", path.display());
    };
    let names: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    let differs = |name: &&String| found.get(*name) != expected.get(*name);
    let Some(name) = names.into_iter().find(differs) else {
        return Ok(());
    };
    let text = |value: Option<&Value>| value.map_or("nothing".to_string(), Value::to_string);
    bail!(
        "the unfinished card in `{}` is another: its {name} is {}, expected {}\n\nhint: `--force` starts over",
        path.parent().unwrap_or(path).display(),
        text(found.get(name)),
        text(expected.get(name))
    )
}
