//! Resolves arguments into pictures.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use gradcam_models::bounded::{self, ReadError};
use gradcam_models::picture::{ENDINGS, Limits};

use crate::skipped::{Kind, Skipped};
use crate::stems;

/// One picture to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// The file; `None` for standard input.
    pub(crate) path: Option<PathBuf>,
    /// The path of its outputs inside an output folder, without an ending: its path below the searched folder, or its name, made distinct
    /// from the others.
    pub(crate) stem: PathBuf,
}

impl Input {
    /// Returns its name in messages and records.
    pub(crate) fn name(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => "-".to_string(),
        }
    }

    /// Reads its bytes, at most as many as `limits` allow.
    pub(crate) fn read(&self, limits: Limits) -> Result<Vec<u8>> {
        let limit = limits.max_bytes();
        let read = match &self.path {
            Some(path) => bounded::stream(path, limit)
                .with_context(|| format!("cannot read `{}`", path.display())),
            None => {
                bounded::all(std::io::stdin().lock(), limit).context("cannot read standard input")
            }
        };
        read.map_err(|error| match error.downcast_ref() {
            Some(ReadError::TooLong { .. }) => error.context("`--max-pixels` sets the limit"),
            _ => error,
        })
    }
}

/// The pictures of some arguments.
#[derive(Default)]
pub(crate) struct Found {
    /// The pictures, sorted within each argument, without duplicates.
    pub(crate) inputs: Vec<Input>,
    /// The files skipped in folders and patterns.
    pub(crate) skipped: Skipped,
    /// Errors of folders that could not be searched.
    pub(crate) unreadable: Vec<anyhow::Error>,
    /// Whether a folder or a pattern was among the arguments.
    pub(crate) searched: bool,
}

/// Resolves files, folders (searched recursively), patterns and `-`. Files made by this program are skipped, unless they are named.
///
/// # Errors
/// When nothing is found. A file that does not exist stays in the list, so that it is reported like any other bad picture.
pub(crate) fn find(arguments: &[String]) -> Result<Found> {
    let mut search = Search::default();
    for argument in arguments {
        let path = Path::new(argument);
        if argument == "-" {
            search.add(None, PathBuf::from("stdin"));
        } else if path.is_dir() {
            search.found.searched = true;
            let mut files = Vec::new();
            search.folder(path, &mut files);
            files.sort();
            for file in files {
                let below = file.strip_prefix(path).unwrap_or(&file).to_path_buf();
                search.add(Some(file), below);
            }
        } else if !path.exists() && argument.contains(['*', '?', '[']) {
            search.found.searched = true;
            search.pattern(argument)?;
        } else {
            search.add(Some(path.to_path_buf()), name(path));
        }
    }
    search.finish()
}

/// Resolves arguments whose pictures must all be read.
///
/// # Errors
/// As [`find`], and when a folder cannot be searched or a file does not exist.
pub(crate) fn resolve(arguments: &[String]) -> Result<Vec<Input>> {
    let mut found = find(arguments)?;
    if !found.unreadable.is_empty() {
        return Err(found.unreadable.remove(0));
    }
    for path in found.inputs.iter().filter_map(|input| input.path.as_ref()) {
        std::fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    }
    Ok(found.inputs)
}

fn name(path: &Path) -> PathBuf {
    path.file_name().map_or_else(|| path.into(), PathBuf::from)
}

#[derive(Default)]
struct Search {
    found: Found,
    /// For each input, the part of its path that its outputs keep.
    kept: Vec<PathBuf>,
    seen: HashSet<Option<PathBuf>>,
    /// The folders of the files, each with its canonical path.
    folders: HashMap<PathBuf, PathBuf>,
}

impl Search {
    /// Adds a picture unless it is already listed; one file may have several names.
    fn add(&mut self, path: Option<PathBuf>, kept: PathBuf) {
        let folders = &mut self.folders;
        let one = path.as_deref().map(|path| {
            let folder = match path.parent() {
                Some(folder) if folder != Path::new("") => folder,
                _ => Path::new("."),
            };
            let folder = folders
                .entry(folder.to_path_buf())
                .or_insert_with_key(|folder| {
                    folder.canonicalize().unwrap_or_else(|_| folder.clone())
                });
            folder.join(name(path))
        });
        if self.seen.insert(one) {
            let stem = PathBuf::new();
            self.found.inputs.push(Input { path, stem });
            self.kept.push(kept);
        }
    }

    /// Adds the pictures below `folder` to `files`.
    fn folder(&mut self, folder: &Path, files: &mut Vec<PathBuf>) {
        let cannot = |error: std::io::Error| {
            let what = format!("cannot read the folder `{}`", folder.display());
            anyhow::Error::from(error).context(what)
        };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.found.unreadable.push(cannot(error)),
        };
        for entry in entries {
            let entry = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)));
            match entry {
                Ok((path, kind)) if kind.is_dir() => self.folder(&path, files),
                Ok((path, _)) => self.file(path, files),
                Err(error) => self.found.unreadable.push(cannot(error)),
            }
        }
    }

    /// Adds a file of a folder to `files`, or counts it as skipped.
    fn file(&mut self, path: PathBuf, files: &mut Vec<PathBuf>) {
        match Kind::of(&path) {
            None => files.push(path),
            Some(kind) => self.found.skipped.add(kind),
        }
    }

    /// Adds the files that match a pattern.
    fn pattern(&mut self, pattern: &str) -> Result<()> {
        let paths = glob::glob(pattern).with_context(|| format!("`{pattern}` is not a pattern"))?;
        let mut files = Vec::new();
        let mut any = false;
        for path in paths {
            match path {
                Ok(path) if path.is_file() => {
                    any = true;
                    match Kind::own(&path) {
                        None => files.push(path),
                        Some(kind) => self.found.skipped.add(kind),
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    any = true;
                    self.found.unreadable.push(error.into());
                }
            }
        }
        if !any {
            bail!("the pattern `{pattern}` fits no file");
        }
        files.sort();
        for file in files {
            let kept = name(&file);
            self.add(Some(file), kept);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Found> {
        let found = &mut self.found;
        if found.inputs.is_empty() {
            if !found.unreadable.is_empty() {
                return Err(found.unreadable.remove(0));
            }
            let passed = match found.skipped.count() {
                0 => String::new(),
                _ => format!("; {}; a file that is named is read", found.skipped),
            };
            bail!(
                "no pictures found; folders are searched for files that end in {}{passed}",
                ENDINGS.join(", ")
            );
        }
        let stdin = Path::new("stdin");
        let paths = found
            .inputs
            .iter()
            .map(|i| i.path.as_deref().unwrap_or(stdin));
        let stems = stems::distinct(paths.zip(self.kept.iter().map(PathBuf::as_path)));
        for (input, stem) in found.inputs.iter_mut().zip(stems) {
            input.stem = stem;
        }
        Ok(self.found)
    }
}
