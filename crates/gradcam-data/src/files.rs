//! Folders, text files, and the pictures in folders.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use gradcam_picture::{bounded, has_ending as is_picture};

use crate::{Error, Result};

/// Lists the files and folders in a folder, sorted by name; hidden ones are left out.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).map_err(Error::read(folder))?;
    let mut paths = Vec::new();
    for entry in listed {
        let path = entry.map_err(Error::read(folder))?.path();
        if !name(&path).starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Lists the folders in a folder, sorted by name.
pub(crate) fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(entries(folder)?
        .into_iter()
        .filter(|p| p.is_dir())
        .collect())
}

/// Lists the files in a folder whose names satisfy a condition, sorted; empty if the folder cannot be read.
pub(crate) fn named(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let all = entries(folder).unwrap_or_default().into_iter();
    all.filter(|path| path.is_file() && wanted(&name(path)))
        .collect()
}

/// Lists the pictures in a folder, sorted by name.
pub(crate) fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let all = entries(folder)?.into_iter();
    Ok(all
        .filter(|path| is_picture(path) && path.is_file())
        .collect())
}

/// Lists the pictures in a folder and its subfolders, in a fixed order. A link to one of its own ancestors is not followed.
pub(crate) fn pictures_below(folder: &Path) -> Result<Vec<PathBuf>> {
    below(folder, &is_picture)
}

/// Lists the files below a folder that satisfy a condition, like [`pictures_below`].
pub(crate) fn below(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(folder, wanted, &mut Vec::new(), &mut found)?;
    Ok(found)
}

/// Collects pictures; `way` has the canonical folders on the path to this one.
fn collect(
    folder: &Path,
    wanted: &dyn Fn(&Path) -> bool,
    way: &mut Vec<PathBuf>,
    found: &mut Vec<PathBuf>,
) -> Result<()> {
    let place = folder.canonicalize().map_err(Error::read(folder))?;
    // A link in a circle, possibly to a folder above the one where the search began.
    if way.iter().any(|above| above.starts_with(&place)) {
        return Ok(());
    }
    way.push(place);
    for path in entries(folder)? {
        if wanted(&path) {
            found.push(path);
        } else if path.is_dir() {
            collect(&path, wanted, way, found)?;
        }
    }
    way.pop();
    Ok(())
}

/// Maps keys to the pictures below a folder. Keys must be unique: masks beside the pictures may have the same names.
pub(crate) fn pictures_by(
    folder: &Path,
    key: impl Fn(&Path) -> String,
) -> Result<BTreeMap<String, PathBuf>> {
    let found = pictures_below(folder)?.into_iter();
    unique(folder, found.map(|path| (key(&path), path)))
}

/// Maps keys to pictures of a folder; keys must be unique.
pub(crate) fn unique(
    folder: &Path,
    pictures: impl Iterator<Item = (String, PathBuf)>,
) -> Result<BTreeMap<String, PathBuf>> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for (key, path) in pictures {
        if let Some(before) = found.insert(key, path.clone()) {
            let both = format!("`{}` and `{}`", before.display(), path.display());
            let expected = "one picture of each name";
            return Err(Error::annotation(folder, "", expected, both));
        }
    }
    Ok(found)
}

/// Maps file names without extensions to the pictures below a folder; the names must be unique.
pub(crate) fn pictures_by_stem(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    pictures_by(folder, stem)
}

/// Returns the last component of a path.
pub(crate) fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Returns a folder's name, also for `.`.
pub(crate) fn folder_name(folder: &Path) -> String {
    match folder.canonicalize() {
        Ok(whole) => name(&whole),
        Err(_) => name(folder),
    }
}

/// Returns the last component of a path without its extension.
pub(crate) fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// Returns a picture's id: its path below the folder, without the extension, with `/` on every platform.
pub(crate) fn id(folder: &Path, picture: &Path) -> String {
    let below = picture.strip_prefix(folder).unwrap_or(picture);
    let parts: Vec<String> = below
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    parts.join("/")
}

/// The size limit of a file of annotations, in bytes: twice COCO's largest.
const ANNOTATIONS: u64 = 1 << 30;

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> Result<File> {
    bounded::open(path).map_err(Error::read(path))
}

/// Reads a file of annotations as bytes.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    bounded::file(path, ANNOTATIONS).map_err(Error::read(path))
}

/// Reads a stream to its end; more than `limit` bytes are an error.
pub(crate) fn whole(path: &Path, reader: impl Read, limit: u64) -> Result<Vec<u8>> {
    bounded::all(reader, limit).map_err(Error::read(path))
}

/// Reads a text file.
pub(crate) fn text(path: &Path) -> Result<String> {
    text_within(path, ANNOTATIONS)
}

/// Reads a text file of at most `limit` bytes.
pub(crate) fn text_within(path: &Path, limit: u64) -> Result<String> {
    bounded::text(path, limit).map_err(Error::read(path))
}

/// Splits each non-empty line of a text file at the first white space, and numbers it from 1.
pub(crate) fn pairs(path: &Path) -> Result<Vec<(usize, String, String)>> {
    let mut pairs = Vec::new();
    for (i, line) in text(path)?.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let (first, rest) = line
            .split_once(char::is_whitespace)
            .ok_or_else(|| Error::annotation(path, at_line(i + 1), "two words", quoted(line)))?;
        pairs.push((i + 1, first.to_string(), rest.trim().to_string()));
    }
    Ok(pairs)
}

pub(crate) fn at_line(line: usize) -> String {
    format!("line {line}")
}

pub(crate) fn quoted(found: &str) -> String {
    format!("`{found}`")
}

/// Parses a number from a text file.
pub(crate) fn number<T: std::str::FromStr>(
    path: &Path,
    line: usize,
    what: &str,
    found: &str,
) -> Result<T> {
    let wrong = |_| Error::annotation(path, at_line(line), what, quoted(found));
    found.trim().parse().map_err(wrong)
}

/// Fails if annotations name missing pictures.
pub(crate) fn all_there(annotations: &Path, folder: &Path, missing: Vec<String>) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::MissingPictures {
        annotations: annotations.to_path_buf(),
        folder: folder.to_path_buf(),
        count: missing.len(),
        first: missing.into_iter().take(5).collect(),
    })
}

/// Returns the first path that exists.
pub(crate) fn first(paths: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    paths.into_iter().find(|path| path.exists())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fixtures::{files_in, picture};

    #[test]
    fn folders_are_searched_to_any_depth() {
        let dir = files_in(&[]);
        let deep = "a/".repeat(12);
        picture(dir.path(), &format!("{deep}1.png"), 1, 1);
        let found = pictures_below(dir.path()).unwrap();
        assert_eq!(found, [dir.path().join(format!("{deep}1.png"))]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_but_not_in_circles() {
        use std::os::unix::fs::symlink;
        let dir = files_in(&[]);
        for path in ["set/a/1.png", "set/b/2.png"] {
            picture(dir.path(), path, 1, 1);
        }
        let set = dir.path().join("set");
        symlink("..", set.join("a/up")).unwrap();
        symlink("../..", set.join("a/higher")).unwrap();
        symlink("../b", set.join("a/x")).unwrap();
        symlink("../a", set.join("b/y")).unwrap();
        let found = pictures_below(&set).unwrap();
        let ids: Vec<String> = found.iter().map(|path| id(&set, path)).collect();
        assert_eq!(ids, ["a/1", "a/x/2", "b/2", "b/y/1"]);
    }
}
