//! The folder of a card, looked at before anything is measured.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::RECORDS;
use super::unfinished::{FOLDER, Unfinished};
use crate::protect::refuse_inside;

/// The folder of its pictures.
pub(crate) const PICTURES: &str = "pictures";

/// How a card's folder is used.
pub(crate) struct Place<'a> {
    /// The folder.
    pub(crate) output: &'a Path,
    /// Whether files that exist are replaced.
    pub(crate) force: bool,
    /// Whether a card that was not finished is gone on with.
    pub(crate) resume: bool,
    /// Whether pictures are drawn.
    pub(crate) pictures: bool,
}

impl Place<'_> {
    /// Looks whether everything may be put there, and leaves all as it is.
    ///
    /// # Errors
    /// When something is there already that is not to be replaced, or the folder is in one of the data sets.
    pub(crate) fn check(&self, data: &[&Path]) -> Result<()> {
        let Place { output, .. } = *self;
        if output.exists() && !output.is_dir() {
            bail!("`{}` is a file; `-o` takes a folder", output.display());
        }
        for folder in [FOLDER, PICTURES].map(|name| output.join(name)) {
            if folder.exists() && !folder.is_dir() {
                bail!("`{}` is a file, where a folder is needed", folder.display());
            }
        }
        self.apart(data)?;
        self.free()
    }

    /// Makes the folder.
    ///
    /// # Errors
    /// When it cannot be made or written to.
    pub(crate) fn make(&self) -> Result<()> {
        make_folder(self.output)?;
        for folder in [FOLDER, PICTURES].map(|name| self.output.join(name)) {
            if folder.exists() {
                make_folder(&folder)?;
            }
        }
        Ok(())
    }

    /// That no data set gets another picture, nor loses one.
    fn apart(&self, data: &[&Path]) -> Result<()> {
        let below = [FOLDER, PICTURES].map(|name| self.output.join(name));
        for data in data {
            refuse_inside(self.output, data)?;
            for folder in &below {
                refuse_inside(folder, data)?;
            }
        }
        Ok(())
    }

    /// That nothing is replaced unasked.
    fn free(&self) -> Result<()> {
        let Place { output, resume, .. } = *self;
        let begun = Unfinished::is_in(output);
        let card = output.join("card.json");
        if begun && resume && card.is_file() && !self.force {
            bail!(
                "`{}` exists, beside a card that is not finished\n\nhint: `--resume --force` finishes that and replaces it",
                card.display()
            );
        }
        refuse(&card, self.force)?;
        if begun && !resume && !self.force {
            bail!(
                "`{}` has a card that is not finished\n\nhint: `--resume` goes on with it, `--force` begins anew",
                output.display()
            );
        }
        // What was written of a card that was interrupted while it was written is its own.
        let own = self.force || (begun && resume);
        for name in ["card.md", "card.html", RECORDS] {
            refuse(&output.join(name), own)?;
        }
        let Ok(there) = std::fs::read_dir(output.join(PICTURES)) else {
            return Ok(());
        };
        for entry in there.flatten().filter(|_| self.pictures) {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let named = name.starts_with("example-") || name.starts_with("sweep-");
            if named && name.ends_with(".png") {
                refuse(&entry.path(), own)?;
            }
        }
        Ok(())
    }
}

/// Refuses a file that exists, unless it may be replaced, and whatever else is in its place.
///
/// # Errors
/// When something is there.
pub(crate) fn refuse(path: &Path, force: bool) -> Result<()> {
    if path.is_dir() {
        bail!(
            "`{}` is a folder, where a file is to be written",
            path.display()
        );
    }
    if path.exists() && !force {
        bail!("`{}` exists\n\nhint: `--force` replaces it", path.display());
    }
    Ok(())
}

/// Makes a folder that a file can be put in.
///
/// # Errors
/// When it cannot be made or written to.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    tempfile::tempfile_in(folder)
        .with_context(|| format!("cannot write to the folder `{}`", folder.display()))?;
    Ok(())
}
