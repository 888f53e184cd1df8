//! The folder of a card, checked before anything is measured.

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
/// The images' values, in the format of `gradcam evaluate --records`.
pub(super) const RECORDS: &str = "records.jsonl";
/// The folder of its pictures.
pub(super) const PICTURES: &str = "pictures";

/// How the card's folder is used.
pub(crate) struct Place<'a> {
    /// The folder.
    pub(crate) output: &'a Path,
    /// Whether existing files are replaced.
    pub(crate) force: bool,
    /// Whether an unfinished card is continued.
    pub(crate) resume: bool,
    /// Whether pictures are drawn.
    pub(crate) pictures: bool,
}

impl Place<'_> {
    /// Checks that everything may be written there, and changes nothing.
    ///
    /// # Errors
    /// When the folder holds something that must not be replaced, lies in one of the data sets, or cannot be written to.
    pub(crate) fn check(&self, data: &[&Path]) -> Result<()> {
        let Place { output, .. } = *self;
        if output.exists() && !output.is_dir() {
            bail!("`{}` is a file; `-o` takes a folder", output.display());
        }
        let below = [FOLDER, PICTURES].map(|name| output.join(name));
        for folder in &below {
            if folder.exists() && !folder.is_dir() {
                bail!("`{}` is a file, but a folder is needed", folder.display());
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

    /// Refuses to replace a picture of the data set by a file of the card, or to put the card's pictures among the data set's.
    ///
    /// # Errors
    /// When either would happen.
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

    /// Refuses to replace anything unasked.
    fn free(&self) -> Result<()> {
        let Place { output, resume, .. } = *self;
        let begun = Unfinished::is_in(output);
        let card = output.join(CARD);
        if begun && resume && card.is_file() && !self.force {
            bail!(
                "`{}` exists beside a card that is not finished\n\nhint: `--resume --force` finishes that card and replaces this one",
                card.display()
            );
        }
        check_free([&card], self.force, FORCE)?;
        if begun && !resume && !self.force {
            bail!(
                "`{}` has a card that is not finished\n\nhint: `--resume` continues it, `--force` starts over",
                output.display()
            );
        }
        // Files that an interrupted run wrote belong to the card itself.
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
            "`{}` is the input `{}`\n\nhint: give the card a folder of its own",
            output.display(),
            data.display()
        ),
        _ => Ok(()),
    }
}
