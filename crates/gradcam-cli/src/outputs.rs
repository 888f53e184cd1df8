//! Where pictures and maps go.

use std::collections::HashSet;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use gradcam_viz::Format;

use crate::inputs::Input;

/// Where one kind of output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Standard output.
    Stdout,
    /// This one file.
    File(PathBuf),
    /// One file for each image and target below this folder, with this put before the ending.
    Folder(PathBuf, &'static str),
}

impl Destination {
    /// Where pictures go by `-o`; without it here, with `mark` before the ending.
    pub(crate) fn pictures(option: Option<&str>, mark: &'static str) -> Result<Self> {
        Ok(match option {
            None => Destination::Folder(PathBuf::new(), mark),
            Some("-") => Destination::Stdout,
            Some(text) if is_folder(text) => Destination::Folder(text.into(), ""),
            Some(text) => {
                Format::from_path(Path::new(text))?;
                Destination::File(text.into())
            }
        })
    }

    /// Where maps go by `--save-maps`.
    pub(crate) fn maps(path: &Path) -> Result<Self> {
        let text = path.to_string_lossy();
        if is_folder(&text) {
            return Ok(Destination::Folder(path.to_path_buf(), ""));
        }
        if path
            .extension()
            .is_none_or(|ending| ending != "safetensors")
        {
            bail!("`--save-maps {text}`: a file of maps ends in `.safetensors`");
        }
        Ok(Destination::File(path.to_path_buf()))
    }
}

/// Whether an output argument names a folder: one that exists, ends in a separator, or has no ending.
fn is_folder(text: &str) -> bool {
    let path = Path::new(text);
    path.is_dir() || text.ends_with(std::path::is_separator) || path.extension().is_none()
}

/// The names of all files that a run writes of one kind.
#[derive(Debug)]
pub(crate) struct Names {
    destination: Destination,
    ending: &'static str,
    /// One part of the name for each target; a single empty one where there is one target.
    targets: Vec<String>,
}

impl Names {
    /// Plans the names for `inputs` and `targets`.
    ///
    /// # Errors
    /// When one file or standard output would have to take several outputs.
    pub(crate) fn new(
        destination: Destination,
        ending: &'static str,
        inputs: &[Input],
        targets: &[String],
    ) -> Result<Self> {
        let count = inputs.len() * targets.len();
        if count > 1 {
            match &destination {
                Destination::Stdout => {
                    bail!("`-o -` takes one picture, but there are {count} to write; name a folder")
                }
                Destination::File(path) => bail!(
                    "`{}` is one file, but there are {count} to write; name a folder",
                    path.display()
                ),
                Destination::Folder(..) => {}
            }
        }
        Ok(Names {
            destination,
            ending,
            targets: if targets.len() == 1 {
                vec![String::new()]
            } else {
                targets.iter().map(|target| format!(".{target}")).collect()
            },
        })
    }

    /// The file for one image and target; `None` for standard output.
    pub(crate) fn path(&self, input: &Input, target: usize) -> Option<PathBuf> {
        match &self.destination {
            Destination::Stdout => None,
            Destination::File(path) => Some(path.clone()),
            Destination::Folder(folder, mark) => {
                let (target, ending) = (&self.targets[target], self.ending);
                let mut name = input.stem.as_os_str().to_os_string();
                name.push(format!("{mark}{target}.{ending}"));
                Some(folder.join(name))
            }
        }
    }

    /// The folder that all files lie in or below; `None` for standard output.
    pub(crate) fn folder(&self) -> Option<&Path> {
        let folder = match &self.destination {
            Destination::Stdout => return None,
            Destination::File(path) => path.parent()?,
            Destination::Folder(folder, _) => folder,
        };
        Some(here(folder))
    }

    /// All files for one image.
    pub(crate) fn paths(&self, input: &Input) -> impl Iterator<Item = PathBuf> {
        (0..self.targets.len()).filter_map(|target| self.path(input, target))
    }
}

/// The folder itself, or the one that is worked in for an empty path.
fn here(folder: &Path) -> &Path {
    match folder == Path::new("") {
        true => Path::new("."),
        false => folder,
    }
}

/// A part of a file name for each target; no two are alike, in any case of letters.
///
/// # Errors
/// When a target is given twice.
pub(crate) fn slugs(targets: &[String]) -> Result<Vec<String>> {
    let mut texts = HashSet::new();
    if let Some(twice) = targets
        .iter()
        .find(|text| !texts.insert(text.to_lowercase()))
    {
        bail!("the target `{twice}` is given twice");
    }
    let mut slugs: Vec<String> = Vec::new();
    for text in targets {
        let plain = slug(text);
        let mut one = plain.clone();
        let mut number = 1;
        while slugs.contains(&one) {
            number += 1;
            one = format!("{plain}-{number}");
        }
        slugs.push(one);
    }
    Ok(slugs)
}

/// A target's text as a part of a file name: letters and digits, the rest as hyphens.
fn slug(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .collect();
    let plain = plain.to_lowercase();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    match parts.is_empty() {
        true => "target".to_string(),
        false => parts.join("-"),
    }
}

/// Refuses to go on where a file exists, before anything is computed; the hint says what helps.
pub(crate) fn refuse_existing(paths: impl IntoIterator<Item = PathBuf>, hint: &str) -> Result<()> {
    match paths.into_iter().find(|path| path.exists()) {
        Some(path) => bail!("`{}` exists\n\nhint: {hint}", path.display()),
        None => Ok(()),
    }
}

/// Refuses a folder that files could not be written to, before anything is computed. It is not made yet.
///
/// # Errors
/// When the folder, or the one that it would be made in, is no folder or takes no file.
pub(crate) fn check_place(folder: &Path) -> Result<()> {
    let there = folder.ancestors().map(here).find(|f| f.exists());
    let there = there.unwrap_or(Path::new("."));
    match there.is_dir() {
        true => beside(there).map(drop),
        false => Err(ErrorKind::NotADirectory.into()),
    }
    .with_context(|| match folder.is_dir() {
        true => format!("cannot write to the folder `{}`", folder.display()),
        false => format!("cannot make the folder `{}`", folder.display()),
    })
}

/// Whether no other file could be written either.
pub(crate) fn is_hopeless(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref());
    kinds.map(std::io::Error::kind).any(|kind| {
        matches!(
            kind,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem
        )
    })
}

/// Writes a file beside its place and then renames it, so that no reader and no interruption ever meets half of it.
///
/// # Errors
/// When the folder cannot be made or written to, the disk is full, or the file exists and `replace` is off.
pub(crate) fn write(path: &Path, bytes: &[u8], replace: bool) -> Result<()> {
    let folder = here(path.parent().unwrap_or(Path::new("")));
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let fail = || format!("cannot write `{}`", path.display());
    let mut file = beside(folder).with_context(fail)?;
    file.write_all(bytes).with_context(fail)?;
    let kept = if replace {
        file.persist(path)
    } else {
        file.persist_noclobber(path)
    };
    kept.map(drop)
        .map_err(|error| anyhow::Error::from(error.error))
        .with_context(fail)
}

/// A hidden file in `folder` that disappears unless it is kept, with the permissions that an ordinary new file has.
fn beside(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".gradcam-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn input(path: &str) -> Input {
        Input {
            path: Some(path.into()),
            stem: Path::new(path).with_extension(""),
        }
    }

    fn names(option: Option<&str>, inputs: &[Input], targets: &[&str]) -> Vec<String> {
        let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
        let targets = slugs(&targets).unwrap();
        let names = Names::new(
            Destination::pictures(option, ".gradcam").unwrap(),
            "png",
            inputs,
            &targets,
        )
        .unwrap();
        inputs
            .iter()
            .flat_map(|input| names.paths(input))
            .map(|path| path.display().to_string())
            .collect()
    }

    #[test]
    fn names_say_image_and_target() {
        let cat = [input("cat.jpg")];
        assert_eq!(names(None, &cat, &["top"]), ["cat.gradcam.png"]);
        assert_eq!(names(Some("x.webp"), &cat, &["top"]), ["x.webp"]);
        assert_eq!(
            names(Some("maps/"), &cat, &["tiger cat", "A-B"]),
            ["maps/cat.tiger-cat.png", "maps/cat.a-b.png"]
        );
        let pair = [input("a.jpg"), input("sub/b.v2.png")];
        assert_eq!(
            names(Some("o"), &pair, &["top"]),
            ["o/a.png", "o/sub/b.v2.png"]
        );
    }

    #[test]
    fn targets_have_names_of_their_own() {
        let of = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
            slugs(&texts)
        };
        let like = ["like:a/x.png", "like:a-x.png", "Élan", "elan", "$", "+"];
        let named = [
            "like-a-x-png",
            "like-a-x-png-2",
            "élan",
            "elan",
            "target",
            "target-2",
        ];
        assert_eq!(of(&like).unwrap(), named);
        assert!(of(&["espresso", "Espresso"]).is_err());
    }

    #[test]
    fn a_place_is_checked_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "mine").unwrap();
        assert!(check_place(&at("new/deep")).is_ok());
        for place in ["file", "file/deep/er"] {
            let error = check_place(&at(place)).unwrap_err().to_string();
            assert!(
                error.contains(&format!("folder `{}`", at(place).display())),
                "{error}"
            );
        }
        let names = std::fs::read_dir(folder.path()).unwrap();
        assert_eq!(names.count(), 1);
    }

    #[test]
    fn one_file_takes_one_output() {
        let pair = [input("a.jpg"), input("b.jpg")];
        let one = Destination::pictures(Some("x.png"), ".gradcam").unwrap();
        let error = Names::new(one, "png", &pair, &["top".into()]).unwrap_err();
        assert!(error.to_string().contains("2 to write"));
        assert!(Destination::pictures(Some("x.gif"), ".gradcam").is_err());
    }

    #[test]
    fn a_file_is_replaced_only_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/file");
        write(&path, b"one", false).unwrap();
        assert!(write(&path, b"two", false).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        write(&path, b"two", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1
        );
    }
}
