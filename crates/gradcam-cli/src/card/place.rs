//! The folder of a card, looked at before anything is measured.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};
use gradcam_data::{Dataset, Picture};

use super::unfinished::{FOLDER, Unfinished};
use crate::files::{FORCE, check_free, check_place};
use crate::protect::{Sources, refuse_inside, resolved};

/// The card itself.
pub(crate) const CARD: &str = "card.json";
/// Its pages.
pub(crate) const PAGES: [&str; 2] = ["card.md", "card.html"];
/// Each image's values, as `gradcam evaluate --records` writes them.
pub(super) const RECORDS: &str = "records.jsonl";
/// The folder of its pictures.
pub(super) const PICTURES: &str = "pictures";

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
    /// When something is there already that is not to be replaced, the folder is in one of the data sets, or it takes no file.
    pub(crate) fn check(&self, data: &[&Path]) -> Result<()> {
        let Place { output, .. } = *self;
        if output.exists() && !output.is_dir() {
            bail!("`{}` is a file; `-o` takes a folder", output.display());
        }
        let below = [FOLDER, PICTURES].map(|name| output.join(name));
        for folder in &below {
            if folder.exists() && !folder.is_dir() {
                bail!("`{}` is a file, where a folder is needed", folder.display());
            }
        }
        for data in data {
            refuse_inside(output, data)?;
            for folder in &below {
                refuse_inside(folder, data)?;
            }
        }
        self.free()?;
        check_place(output)?;
        below.iter().try_for_each(|folder| check_place(folder))
    }

    /// Refuses to put the card's files in the place of those that it is measured on, or its pictures among them.
    ///
    /// # Errors
    /// When one of them would be.
    pub(crate) fn protect(&self, data: &Dataset) -> Result<()> {
        let mut sources = Sources::default();
        let mut folders = BTreeSet::new();
        for sample in &data.samples {
            if let Picture::File(path) = &sample.picture {
                sources.add(path);
                folders.extend(path.parent());
            }
        }
        for folder in folders {
            refuse_folder(&self.output.join(PICTURES), folder)?;
        }
        let names = [CARD, RECORDS].into_iter().chain(PAGES);
        sources.refuse(names.map(|name| self.output.join(name)))
    }

    /// That nothing is replaced unasked.
    fn free(&self) -> Result<()> {
        let Place { output, resume, .. } = *self;
        let begun = Unfinished::is_in(output);
        let card = output.join(CARD);
        if begun && resume && card.is_file() && !self.force {
            bail!(
                "`{}` exists, beside a card that is not finished\n\nhint: `--resume --force` finishes that and replaces it",
                card.display()
            );
        }
        check_free([&card], self.force, FORCE)?;
        if begun && !resume && !self.force {
            bail!(
                "`{}` has a card that is not finished\n\nhint: `--resume` goes on with it, `--force` begins anew",
                output.display()
            );
        }
        // What was written of a card that was interrupted while it was written is its own.
        let own = self.force || (begun && resume);
        let files = PAGES.into_iter().chain([RECORDS]);
        check_free(files.map(|name| output.join(name)), own, FORCE)?;
        let Ok(there) = std::fs::read_dir(output.join(PICTURES)) else {
            return Ok(());
        };
        for entry in there.flatten().filter(|_| self.pictures) {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let named = name.starts_with("example-") || name.starts_with("sweep-");
            if named && name.ends_with(".png") {
                check_free([entry.path()], own, FORCE)?;
            }
        }
        Ok(())
    }
}

/// Refuses to put a card among the files of a data set.
fn refuse_folder(output: &Path, data: &Path) -> Result<()> {
    match data.canonicalize() {
        Ok(data_at) if data_at == resolved(output) => bail!(
            "`{}` is the input `{}`\n\nhint: name a folder of its own for the card",
            output.display(),
            data.display()
        ),
        _ => Ok(()),
    }
}
