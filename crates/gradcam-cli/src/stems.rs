//! Names the outputs of pictures: as short as possible, and no two alike.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// The endings of outputs.
const ENDINGS: [&str; 2] = [".png", ".safetensors"];

/// Gives each picture a path for its outputs, without an ending. A picture is given by its path and the part of it that is kept at least.
///
/// If two names are equal, ignoring case, the folders that tell them apart come in front. In one folder, the pictures keep their endings
/// instead; if even these are equal, the later ones are numbered. So is a picture whose output would be the folder of another: `x.png` of
/// `x.jpg` beside a folder `x.png`.
pub(crate) fn distinct<'a>(
    pictures: impl IntoIterator<Item = (&'a Path, &'a Path)>,
) -> Vec<PathBuf> {
    let mut names: Vec<Name> = pictures
        .into_iter()
        .map(|(path, kept)| Name::new(path, kept))
        .collect();
    loop {
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, name) in names.iter().enumerate() {
            groups.entry(name.key()).or_default().push(index);
        }
        let mut taken: HashSet<String> = groups.keys().cloned().collect();
        groups.retain(|_, group| group.len() > 1);
        for group in groups.values() {
            if !add_folders(&mut names, group) && !add_endings(&mut names, group) {
                add_numbers(&mut names, &group[1..], &mut taken);
            }
        }
        if !groups.is_empty() {
            continue;
        }
        let hidden = hidden(&names);
        if hidden.is_empty() {
            return names.iter().map(Name::stem).collect();
        }
        for index in hidden {
            add_numbers(&mut names, &[index], &mut taken);
        }
    }
}

/// Returns the names of which an output may be the folder of another.
fn hidden(names: &[Name]) -> Vec<usize> {
    let mut folders: HashSet<String> = names.iter().flat_map(Name::above).collect();
    folders.retain(|folder| ENDINGS.iter().any(|ending| folder.ends_with(ending)));
    // After the stem, an output's name continues with a mark, a target and the ending.
    let beginnings: HashSet<&str> = folders
        .iter()
        .flat_map(|folder| {
            let name = folder.rfind(std::path::is_separator).map_or(0, |at| at + 1);
            let dots = folder.match_indices('.').map(|(at, _)| at);
            dots.filter(move |at| *at > name).map(|at| &folder[..at])
        })
        .collect();
    let hidden = |index: &usize| beginnings.contains(&*names[*index].key());
    (0..names.len()).filter(hidden).collect()
}

struct Name {
    /// All folders that lead to the picture.
    folders: Vec<OsString>,
    /// The index of the first one that is part of the name.
    from: usize,
    file: OsString,
    ending: bool,
    /// Appended to the name from 2 on.
    number: usize,
}

impl Name {
    fn new(path: &Path, kept: &Path) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let mut folders: Vec<OsString> = Vec::new();
        for part in path.components() {
            match part {
                Component::Normal(part) => folders.push(part.to_os_string()),
                Component::ParentDir => drop(folders.pop()),
                Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
            }
        }
        let file = folders.pop().unwrap_or_default();
        let kept = kept.components().count().saturating_sub(1);
        Name {
            from: folders.len().saturating_sub(kept),
            folders,
            file,
            ending: false,
            number: 1,
        }
    }

    fn stem(&self) -> PathBuf {
        let file = Path::new(&self.file);
        let mut last = if self.ending {
            self.file.clone()
        } else {
            file.file_stem().unwrap_or_default().to_os_string()
        };
        if self.number > 1 {
            last.push(format!("-{}", self.number));
        }
        let mut path: PathBuf = self.folders[self.from..].iter().collect();
        path.push(last);
        path
    }

    /// Returns the name in lower case: equal keys are one file on a case-insensitive file system.
    fn key(&self) -> String {
        lower(self.stem().as_os_str())
    }

    /// Returns the keys of the folders that contain its outputs.
    fn above(&self) -> Vec<String> {
        let stem = self.stem();
        let folders = stem.ancestors().skip(1);
        folders.map(|folder| lower(folder.as_os_str())).collect()
    }
}

fn lower(text: &OsStr) -> String {
    text.to_string_lossy().to_lowercase()
}

/// Adds the folders below the last one that a whole group shares. Returns whether that changed a name.
fn add_folders(names: &mut [Name], group: &[usize]) -> bool {
    let first = &names[group[0]].folders;
    let shared = group
        .iter()
        .map(|&i| {
            let pairs = names[i].folders.iter().zip(first);
            pairs.take_while(|(a, b)| a == b).count()
        })
        .min()
        .unwrap_or(0);
    let mut changed = false;
    for &i in group {
        changed |= names[i].from > shared;
        names[i].from = names[i].from.min(shared);
    }
    changed
}

/// Keeps the endings of a group if they differ. Returns whether that changed a name.
fn add_endings(names: &mut [Name], group: &[usize]) -> bool {
    let files: HashSet<String> = group.iter().map(|&i| lower(&names[i].file)).collect();
    let mut changed = false;
    if files.len() > 1 {
        for &i in group {
            let more = !names[i].ending && Path::new(&names[i].file).extension().is_some();
            changed |= more;
            names[i].ending |= more;
        }
    }
    changed
}

/// Numbers every name of a group.
fn add_numbers(names: &mut [Name], group: &[usize], taken: &mut HashSet<String>) {
    let mut number = 1;
    for &i in group {
        loop {
            number += 1;
            names[i].number = number;
            if taken.insert(names[i].key()) {
                break;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Returns the names of files that were named explicitly.
    fn named(paths: &[&str]) -> Vec<String> {
        let pairs = paths.iter().map(|path| (*path, file(path)));
        below(&pairs.collect::<Vec<_>>())
    }

    fn file(path: &str) -> &str {
        path.rsplit('/').next().unwrap()
    }

    fn below(pairs: &[(&str, &str)]) -> Vec<String> {
        let pairs = pairs.iter().map(|(a, b)| (Path::new(*a), Path::new(*b)));
        let stems = distinct(pairs).into_iter();
        stems
            .map(|stem| stem.display().to_string().replace('\\', "/"))
            .collect()
    }

    #[test]
    fn a_name_is_as_short_as_can_be() {
        assert_eq!(named(&["a/x.png", "b/y.v2.png"]), ["x", "y.v2"]);
        assert_eq!(below(&[("in/deep/x.png", "deep/x.png")]), ["deep/x"]);
    }

    #[test]
    fn folders_tell_apart() {
        assert_eq!(
            named(&["a/x.png", "b/x.png", "b/y.png"]),
            ["a/x", "b/x", "y"]
        );
        assert_eq!(named(&["x.png", "b/x.jpg"]), ["x", "b/x"]);
        assert_eq!(named(&["a/1/x.png", "b/1/x.png"]), ["a/1/x", "b/1/x"]);
        assert_eq!(named(&["a/x.png", "b/../c/x.png"]), ["a/x", "c/x"]);
        let searched = [("a/s/x.png", "s/x.png"), ("b/s/x.png", "s/x.png")];
        assert_eq!(below(&searched), ["a/s/x", "b/s/x"]);
        // No path leads out of the output folder.
        assert_eq!(named(&["../../x.png"]), ["x"]);
    }

    #[test]
    fn endings_tell_apart_and_what_they_make_too() {
        assert_eq!(
            named(&["x.jpg", "x.png", "x.jpg.png"]),
            ["x.jpg", "x.png", "x.jpg.png"]
        );
        assert_eq!(
            named(&["a/x.jpg", "a/x.png", "b/x.png"]),
            ["a/x.jpg", "a/x.png", "b/x"]
        );
        assert_eq!(named(&["x", "x.png"]), ["x", "x.png"]);
    }

    #[test]
    fn case_alone_does_not_tell_apart() {
        assert_eq!(named(&["X.png", "x.png"]), ["X", "x-2"]);
        assert_eq!(named(&["A/x.png", "a/x.png"]), ["A/x", "a/x-2"]);
        assert_eq!(named(&["X.png", "x.png", "x-2.jpg"]), ["X", "x-3", "x-2"]);
    }

    #[test]
    fn no_output_is_the_folder_of_another() {
        let in_one = |paths: &[&str]| below(&paths.iter().map(|p| (*p, *p)).collect::<Vec<_>>());
        assert_eq!(in_one(&["x.jpg", "x.png/y.jpg"]), ["x-2", "x.png/y"]);
        assert_eq!(
            in_one(&["X.jpg", "x.gradcam.png/y.jpg"]),
            ["X-2", "x.gradcam.png/y"]
        );
        assert_eq!(
            in_one(&["a/x.jpg", "a/x.png/y.jpg", "a/x-2.png/z.jpg"]),
            ["a/x-3", "a/x.png/y", "a/x-2.png/z"]
        );
        // Folders that no output is named like.
        assert_eq!(
            in_one(&["x.jpg", "x/y.jpg", "x.d/z.jpg"]),
            ["x", "x/y", "x.d/z"]
        );
        assert_eq!(in_one(&["a/x.png", "a.x"]), ["a/x", "a"]);
    }

    /// Checks that no two outputs are one file, and none is a folder of others, whatever the names.
    #[test]
    fn all_are_distinct() {
        let parts = ["x", "X", "x.png", "x.jpg", "x.jpg.png", "x-2.png", "x-2"];
        let paths: Vec<String> = parts
            .iter()
            .flat_map(|a| parts.map(|b| format!("{a}/{b}")))
            .chain(parts.map(String::from))
            .collect();
        let stems = named(&paths.iter().map(String::as_str).collect::<Vec<_>>());
        let keys: HashSet<String> = stems.iter().map(|stem| stem.to_lowercase()).collect();
        assert_eq!(keys.len(), paths.len(), "{stems:?}");
        for key in &keys {
            let below = format!("{key}.png/");
            assert!(!keys.iter().any(|k| k.starts_with(&below)), "{stems:?}");
        }
    }
}
