//! The files of an earlier run, which `--resume` keeps.

use std::path::PathBuf;

use anyhow::Result;
use gradcam_models::picture::Limits;
use rayon::prelude::*;

use super::files::Files;
use super::settings::{Output, Settings};
use crate::console::Console;
use crate::digest;
use crate::inputs::Input;
use crate::workers::Workers;

/// Leaves out the images whose files all exist.
///
/// # Errors
/// When an existing file was made with other settings, or from another picture.
pub(super) fn leave_out(
    inputs: &mut Vec<Input>,
    files: &Files,
    settings: &Settings,
    limits: Limits,
    workers: &Workers,
    console: &mut Console<'_>,
) -> Result<()> {
    let count = inputs.len();
    let look = |input: &Input| before(input, files, settings, limits);
    let found: Vec<Result<Before>> = workers.run(|| inputs.par_iter().map(look).collect());
    let found = found.into_iter().collect::<Result<Vec<Before>>>()?;
    let mut done = found.iter().map(|found| found.done);
    inputs.retain(|_| !done.next().unwrap_or(false));
    let silent: usize = found.iter().map(|found| found.silent).sum();
    if silent > 0 {
        console.warn(format!(
            "{silent} of the existing files do not record how they were made; they are kept as they are"
        ));
    }
    console.note(format!(
        "{} of {count} images are done",
        count - inputs.len()
    ));
    Ok(())
}

/// The files of an earlier run for an image.
struct Before {
    /// Whether all its files exist.
    done: bool,
    /// The number of files that do not record how they were made.
    silent: usize,
}

fn before(input: &Input, files: &Files, settings: &Settings, limits: Limits) -> Result<Before> {
    let files: Vec<(Output, PathBuf)> = files.of(input).collect();
    let there = |(_, path): &&(Output, PathBuf)| path.is_file();
    let mut found = Before {
        done: files.iter().all(|file| there(&file)),
        silent: 0,
    };
    if !files.iter().any(|file| there(&file)) {
        return Ok(found);
    }
    // Standard input can be read only once, and not for this.
    let digest = match input.path.as_ref().map(|_| input.read(limits)) {
        None => None,
        Some(Ok(bytes)) => Some(digest::half(&bytes)),
        // An unreadable picture is reported when it is explained.
        Some(Err(_)) => {
            found.done = false;
            return Ok(found);
        }
    };
    for (output, path) in files.iter().filter(there) {
        if !settings.compare(path, *output, digest.as_deref())? {
            found.silent += 1;
        }
    }
    Ok(found)
}
