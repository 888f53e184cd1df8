//! The names of a run's output files, planned before anything is computed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use gradcam_viz::Format;

use crate::files::{folder_of, here};
use crate::inputs::Input;

/// The place of one kind of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Standard output.
    Stdout,
    /// This one file.
    File(PathBuf),
    /// One file for each image and target below this folder, with this mark before the ending.
    Folder(PathBuf, &'static str),
}

impl Destination {
    /// Reads `-o` for pictures; without it, pictures go to the working folder, with `mark` before the ending.
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

    /// Returns the format of the pictures.
    ///
    /// # Errors
    /// When a file's ending names no format.
    pub(crate) fn format(&self) -> Result<Format> {
        match self {
            Destination::File(path) => Ok(Format::from_path(path)?),
            Destination::Stdout | Destination::Folder(..) => Ok(Format::Png),
        }
    }

    /// Reads `--save-maps` for maps.
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

/// Whether an output argument names a folder: it is one, ends in a separator, or has no ending.
fn is_folder(text: &str) -> bool {
    let path = Path::new(text);
    path.is_dir() || text.ends_with(std::path::is_separator) || path.extension().is_none()
}

/// The names of all files of one kind that a run writes.
#[derive(Debug)]
pub(crate) struct Names {
    destination: Destination,
    ending: &'static str,
    /// A part of the name for each target; a single empty one if there is one target.
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

    /// Returns the file for one image and target; `None` for standard output.
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

    /// Returns the folder that contains all files; `None` for standard output.
    pub(crate) fn folder(&self) -> Option<&Path> {
        let folder = match &self.destination {
            Destination::Stdout => return None,
            Destination::File(path) => folder_of(path),
            Destination::Folder(folder, _) => here(folder),
        };
        Some(folder)
    }

    /// Returns all files for one image.
    pub(crate) fn paths(&self, input: &Input) -> impl Iterator<Item = PathBuf> {
        (0..self.targets.len()).filter_map(|target| self.path(input, target))
    }
}

/// Returns a file name part for each target; no two are equal, ignoring case.
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

/// Turns a target's text into a file name part: letters and digits, with hyphens for the rest.
fn slug(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .collect();
    let plain = plain.to_lowercase();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        "target".to_string()
    } else {
        parts.join("-")
    }
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
    fn one_file_takes_one_output() {
        let pair = [input("a.jpg"), input("b.jpg")];
        let one = Destination::pictures(Some("x.png"), ".gradcam").unwrap();
        let error = Names::new(one, "png", &pair, &["top".into()]).unwrap_err();
        assert!(error.to_string().contains("2 to write"));
        assert!(Destination::pictures(Some("x.gif"), ".gradcam").is_err());
    }
}
