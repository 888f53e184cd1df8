//! Keeps outputs from replacing inputs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use gradcam_models::Model;

use crate::inputs::Input;

/// Identifies a file, whatever name or link leads to it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Identity(
    #[cfg(unix)] (u64, u64),
    // The path without links, in the file system's own case.
    #[cfg(not(unix))] PathBuf,
);

impl Identity {
    /// `None` if there is no file.
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|found| Self::from(&found))
    }

    #[cfg(not(unix))]
    fn of(path: &Path) -> Option<Self> {
        path.canonicalize().ok().map(Identity)
    }

    #[cfg(unix)]
    fn from(found: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Identity((found.dev(), found.ino()))
    }

    /// Identifies the file behind standard input.
    #[cfg(unix)]
    fn of_stdin() -> Option<Self> {
        use std::os::fd::AsFd;
        let stdin = std::io::stdin().as_fd().try_clone_to_owned().ok()?;
        let found = std::fs::File::from(stdin).metadata().ok()?;
        Some(Self::from(&found))
    }

    #[cfg(not(unix))]
    fn of_stdin() -> Option<Self> {
        None
    }
}

/// The files that a run reads, under the names given.
#[derive(Debug, Default)]
pub(crate) struct Sources(HashMap<Identity, String>);

impl Sources {
    /// Adds a file; one that does not exist cannot be replaced.
    pub(crate) fn add(&mut self, path: &Path) {
        if let Some(identity) = Identity::of(path) {
            let name = path.display().to_string();
            self.0.entry(identity).or_insert(name);
        }
    }

    /// Adds pictures.
    pub(crate) fn add_inputs<'a>(&mut self, inputs: impl IntoIterator<Item = &'a Input>) {
        for input in inputs {
            match &input.path {
                Some(path) => self.add(path),
                None => {
                    if let Some(identity) = Identity::of_stdin() {
                        self.0.entry(identity).or_insert_with(|| input.name());
                    }
                }
            }
        }
    }

    /// Adds the weights file that `--model` names, with the description beside it; names of other models are not files.
    pub(crate) fn add_weights(&mut self, model: &str) {
        let path = Path::new(model);
        if path.is_file() {
            self.add(path);
            self.add(&path.with_file_name("config.json"));
        }
    }

    /// Adds the files of a model.
    pub(crate) fn add_model(&mut self, model: &Model) {
        let entries = model.folder.iter().flat_map(std::fs::read_dir);
        for entry in entries.flatten().flatten() {
            self.add(&entry.path());
        }
    }

    /// Refuses output files that are also inputs, with or without `--force`.
    ///
    /// # Errors
    /// For the first such file.
    pub(crate) fn refuse<P: AsRef<Path>>(
        &self,
        outputs: impl IntoIterator<Item = P>,
    ) -> Result<()> {
        for output in outputs {
            let output = output.as_ref();
            let source = Identity::of(output).and_then(|identity| self.0.get(&identity));
            if let Some(source) = source {
                bail!(
                    "`{}` would replace the input `{source}`, which no option allows\n\nhint: name another place for the output",
                    output.display()
                );
            }
        }
        Ok(())
    }
}

/// Refuses a new folder inside a folder that is read: it would be read as a part of it the next time.
///
/// # Errors
/// When `output` is `source` or lies in it.
pub(crate) fn refuse_inside(output: &Path, source: &Path) -> Result<()> {
    let Ok(source_at) = source.canonicalize() else {
        return Ok(());
    };
    if resolved(output).starts_with(source_at) {
        bail!(
            "`{}` lies in the input `{}`\n\nhint: name a folder outside it",
            output.display(),
            source.display()
        );
    }
    Ok(())
}

/// Resolves the links of a path, as far as it exists.
pub(crate) fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let found = path.ancestors().find_map(|folder| {
        let rest = path.strip_prefix(folder).ok()?;
        Some(folder.canonicalize().ok()?.join(rest))
    });
    found.unwrap_or(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_one_by_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("cat.png"), "cat").unwrap();
        fs::write(at("copy.png"), "cat").unwrap();
        fs::create_dir(at("deep")).unwrap();
        let mut sources = Sources::default();
        sources.add(&at("cat.png"));
        sources.add(&at("none.png"));
        let refused = |name: &str| sources.refuse([at(name)]).is_err();
        assert!(refused("cat.png") && refused("deep/../cat.png"));
        assert!(!refused("copy.png") && !refused("none.png") && !refused("new.png"));
        #[cfg(unix)]
        {
            fs::hard_link(at("cat.png"), at("hard.png")).unwrap();
            std::os::unix::fs::symlink("cat.png", at("soft.png")).unwrap();
            std::os::unix::fs::symlink("deep", at("linked")).unwrap();
            assert!(refused("hard.png") && refused("soft.png"));
            assert!(refused("linked/../cat.png"));
        }
    }

    #[test]
    fn a_folder_is_inside_by_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("scenes/deep")).unwrap();
        let inside = |name: &str| refuse_inside(&at(name), &at("scenes")).is_err();
        assert!(inside("scenes") && inside("scenes/new") && inside("scenes/deep/a/b"));
        assert!(!inside("scenes-2") && !inside("new/scenes"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("scenes", at("linked")).unwrap();
            assert!(inside("linked/new"));
        }
    }
}
