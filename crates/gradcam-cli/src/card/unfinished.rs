//! What is measured of a card, kept as it comes: an interruption, or a failure of a later stage, loses nothing.

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

/// The folder in the card's folder.
pub(crate) const FOLDER: &str = "unfinished";
/// What the numbers depend on. It is there where there is anything to go on with.
const STUDY: &str = "study.json";
/// The images' values, as `gradcam evaluate --records` writes them.
const RECORDS: &str = "records.jsonl";
/// What such records do not have: the probabilities along curves.
const CURVES: &str = "curves.jsonl";
/// The stages whose tests are kept in a file each.
const STAGES: [&str; 4] = ["methodology", "parameters", "labels", "scenes"];
/// The largest file that is read back.
const MOST: u64 = 1 << 30;

/// The folder of a card that is being measured.
pub(crate) struct Unfinished {
    folder: PathBuf,
}

impl Unfinished {
    /// Whether there is anything to go on with in the folder of a card.
    pub(crate) fn is_in(output: &Path) -> bool {
        output.join(FOLDER).join(STUDY).exists()
    }

    /// Begins a card in `output`, or takes up one of the same study.
    ///
    /// # Errors
    /// When what is there is of another study, or the folder cannot be written to.
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

    /// What a stage has made, if it was made before; else it is made and kept.
    ///
    /// What is returned was read back, so that a card is the same to the bit however often it was interrupted.
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

    /// The images' records, to be added to.
    ///
    /// # Errors
    /// When what is there is of another study, or cannot be read or written.
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

    /// Removes what was kept, once the card is written.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub(crate) fn clear(&self) -> Result<()> {
        let stages = STAGES.map(|stage| format!("{stage}.json"));
        let names = [STUDY, RECORDS, CURVES].into_iter();
        // The study first: without it nothing is gone on with.
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
        // Anything else in it is not ours.
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
    /// The images whose curves are there.
    drawn: BTreeSet<usize>,
}

/// The curves of an image's maps, those of the methods first.
#[derive(Serialize, Deserialize)]
struct Curves {
    index: usize,
    maps: Vec<BTreeMap<Metric, Vec<f64>>>,
}

impl Images {
    /// Whether the image of this number is measured.
    pub(crate) fn has(&self, index: usize) -> bool {
        self.journal.has(index)
    }

    /// Adds an image; it is on its way to the disk when this returns.
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
        // The record last: with it the image counts as measured.
        if self.drawn.insert(record.index) {
            let line = serde_json::to_string(&curves)? + "\n";
            let written = self.curves.write_all(line.as_bytes());
            written.with_context(|| format!("cannot write `{}`", self.path.display()))?;
        }
        Ok(self.journal.add(record)?)
    }

    /// All that were measured, in the order of their numbers, as they are read back.
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
                format!("`{path}` lacks the curves of `{id}`\n\nhint: `--force` measures anew")
            })?;
            let all = record.maps.iter_mut().chain(&mut record.nulls);
            for (map, curves) in all.zip(maps) {
                map.curves = curves;
            }
        }
        Ok(records)
    }
}

/// The values of a file's whole lines, and how many bytes these have. A file that is not there has none.
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
        .with_context(|| format!("`{}`\n\nhint: `--force` measures anew", path.display()))
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let fail = || format!("cannot read `{}`", path.display());
    bounded::file(path, MOST).with_context(fail)
}

/// Checks that what is there is of the same study.
fn same(path: &Path, found: &Value, expected: &Value) -> Result<()> {
    let (Value::Object(found), Value::Object(expected)) = (found, expected) else {
        bail!("`{}` is no study of a card", path.display());
    };
    let names: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    let differs = |name: &&String| found.get(*name) != expected.get(*name);
    let Some(name) = names.into_iter().find(differs) else {
        return Ok(());
    };
    let text = |value: Option<&Value>| value.map_or("nothing".to_string(), Value::to_string);
    bail!(
        "the unfinished card in `{}` is another: its {name} is {}, expected {}\n\nhint: `--force` begins anew",
        path.parent().unwrap_or(path).display(),
        text(found.get(name)),
        text(expected.get(name))
    )
}
