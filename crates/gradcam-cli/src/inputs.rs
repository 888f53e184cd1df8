//! The pictures that the arguments stand for.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use gradcam_models::bounded::{self, ReadError};
use gradcam_models::picture::{ENDINGS, Limits, has_ending};

/// One picture to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// The file; `None` for standard input.
    pub(crate) path: Option<PathBuf>,
    /// Where its outputs go inside an output folder: its path below the folder or pattern's root that it was found in.
    pub(crate) relative: PathBuf,
}

impl Input {
    /// How messages and records call it.
    pub(crate) fn name(&self) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => "-".to_string(),
        }
    }

    /// Its bytes, no more than `limits` allow.
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
            Some(ReadError::TooLong { .. }) => error.context("`--max-pixels` is the limit"),
            _ => error,
        })
    }
}

/// Resolves files, folders (searched through), patterns and `-`; sorted inside each argument, none twice.
///
/// # Errors
/// When `-` is given twice, or a folder cannot be read, or nothing is found at all. A file that does not exist stays in the list, so that it
/// is reported like any other bad picture.
pub(crate) fn resolve(arguments: &[String]) -> Result<Vec<Input>> {
    let mut inputs: Vec<Input> = Vec::new();
    for argument in arguments {
        let path = Path::new(argument);
        if argument == "-" {
            inputs.push(Input {
                path: None,
                relative: PathBuf::from("stdin"),
            });
        } else if path.is_dir() {
            let mut files = Vec::new();
            search(path, &mut files)?;
            files.sort();
            inputs.extend(files.into_iter().map(|file| Input {
                relative: file.strip_prefix(path).unwrap_or(&file).to_path_buf(),
                path: Some(file),
            }));
        } else if !path.exists() && argument.contains(['*', '?', '[']) {
            let mut found: Vec<PathBuf> = glob::glob(argument)
                .with_context(|| format!("`{argument}` is not a pattern"))?
                .filter_map(std::result::Result::ok)
                .filter(|file| file.is_file())
                .collect();
            if found.is_empty() {
                bail!("the pattern `{argument}` fits no file");
            }
            found.sort();
            inputs.extend(found.into_iter().map(single));
        } else {
            inputs.push(single(path.to_path_buf()));
        }
    }
    let mut seen = std::collections::HashSet::new();
    inputs.retain(|input| seen.insert(input.path.clone()));
    if inputs.is_empty() {
        bail!(
            "no pictures found; folders are searched for files that end in {}",
            ENDINGS.join(", ")
        );
    }
    Ok(inputs)
}

fn single(path: PathBuf) -> Input {
    Input {
        relative: path.file_name().map_or_else(|| path.clone(), PathBuf::from),
        path: Some(path),
    }
}

/// Adds the pictures below `folder`.
fn search(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder `{}`", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read `{}`", folder.display()))?;
        // A link to a folder is not followed: it may lead in a circle.
        let kind = entry.file_type()?;
        let path = entry.path();
        if kind.is_dir() {
            search(&path, files)?;
        } else if path.is_file() && has_ending(&path) {
            files.push(path);
        }
    }
    Ok(())
}
