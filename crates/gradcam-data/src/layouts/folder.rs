//! Pictures in one folder, or in one folder per class: `cat/1.jpg`, `dog/2.jpg`, optionally below `train/` and `val/`.
//!
//! Classes are the folders' names in sorted order. Pictures directly in the folder have no class. Folders are splits if at least two have a
//! split's name, or the only one with pictures has; then all other pictures are ignored. One folder `train` among others is a class.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::read::Read;
use crate::class::numbered;
use crate::{Class, Error, Picture, Sample, Split, files};

pub(super) fn matches(path: &Path) -> bool {
    path.is_dir()
}

pub(super) fn read(root: &Path) -> Read {
    let pictures = files::pictures_below(root)?;
    let folders: BTreeSet<String> = pictures
        .iter()
        .filter_map(|p| first_folder(root, p))
        .collect();
    let splits = folders.iter().filter(|f| Split::of(f).is_some()).count();
    let split_up = splits >= 2 || (splits == 1 && folders.len() == 1);
    // Class (`None` without a class folder), picture, split.
    let mut found: Vec<(Option<String>, PathBuf, Option<Split>)> = Vec::new();
    for picture in pictures {
        let folder = first_folder(root, &picture);
        match folder.as_deref().and_then(Split::of).filter(|_| split_up) {
            Some(split) => {
                let part = root.join(folder.unwrap_or_default());
                found.push((first_folder(&part, &picture), picture, Some(split)));
            }
            None if split_up => {}
            None => found.push((folder, picture, None)),
        }
    }
    let names: BTreeSet<&str> = found.iter().filter_map(|(c, ..)| c.as_deref()).collect();
    if !names.is_empty() && found.iter().any(|(class, ..)| class.is_none()) {
        return Err(Error::no_layout(
            root,
            "pictures lie both in the folder and in folders of classes",
        ));
    }
    let classes = numbered(&names);
    let by_name: BTreeMap<&str, &Class> = classes.iter().map(|c| (&*c.name, c)).collect();
    let samples = found.iter().map(|(class, picture, split)| Sample {
        id: files::id(root, picture),
        picture: Picture::File(picture.clone()),
        class: class
            .as_deref()
            .and_then(|name| by_name.get(name).map(|&c| c.clone())),
        objects: Vec::new(),
        split: *split,
    });
    let samples = samples.collect();
    Ok((classes, samples))
}

/// Returns the first folder on the path from `root` to a picture; `None` if the picture lies in `root` itself.
fn first_folder(root: &Path, picture: &Path) -> Option<String> {
    let mut parts = picture.strip_prefix(root).ok()?.iter();
    let first = parts.next()?;
    parts.next()?;
    Some(first.to_string_lossy().into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::fixtures::{files_in, picture};
    use crate::{Annotation, Layout, Split, open};

    #[test]
    fn a_folder_a_class_with_splits_or_without() {
        let dir = files_in(&[]);
        for path in ["dog/2.png", "cat/b/1.png", "dog/1.png"] {
            picture(dir.path(), path, 4, 3);
        }
        let set = open(dir.path()).unwrap();
        assert_eq!(
            (set.layout, set.annotation),
            (Layout::Folder, Annotation::None)
        );
        let all: Vec<(&str, usize)> = set
            .samples
            .iter()
            .map(|s| (s.id.as_str(), s.class.as_ref().unwrap().number))
            .collect();
        assert_eq!(all, [("cat/b/1", 0), ("dog/1", 1), ("dog/2", 1)]);
        assert_eq!(set.samples[0].picture.size().unwrap(), (3, 4));

        let dir = files_in(&[]);
        for path in ["train/dog/1.png", "val/cat/1.png"] {
            picture(dir.path(), path, 4, 3);
        }
        let set = open(dir.path()).unwrap();
        let splits: Vec<_> = set.samples.iter().map(|s| s.split).collect();
        assert_eq!(splits, [Some(Split::Train), Some(Split::Validation)]);
        assert_eq!(set.samples[1].class.as_ref().unwrap().number, 0);
    }

    #[test]
    fn what_lies_beside_the_splits_is_no_part_of_the_set() {
        let dir = files_in(&[("docs/readme.txt", "")]);
        picture(dir.path(), "train/dog/1.png", 4, 3);
        let names = || {
            let set = open(dir.path()).unwrap();
            let all = set.samples.iter();
            let split = |s: &crate::Sample| {
                s.split
                    .map_or("none", |s| ["train", "val", "test"][s as usize])
            };
            all.map(|s| format!("{} {}", split(s), s.class.as_ref().unwrap().name))
                .collect::<Vec<_>>()
        };
        // A folder without pictures is not a class.
        assert_eq!(names(), ["train dog"]);
        picture(dir.path(), "test/cat/1.png", 4, 3);
        picture(dir.path(), "docs/figure.png", 4, 3);
        picture(dir.path(), "title.png", 4, 3);
        assert_eq!(names(), ["test cat", "train dog"]);

        // A picture may show a train.
        let dir = files_in(&[]);
        for path in ["car/1.png", "train/1.png"] {
            picture(dir.path(), path, 4, 3);
        }
        let set = open(dir.path()).unwrap();
        assert!(set.samples.iter().all(|s| s.split.is_none()));
        assert_eq!(&*set.classes[1].name, "train");
    }

    #[test]
    fn flat_pictures_have_no_class_and_a_mixture_is_refused() {
        let dir = files_in(&[("notes.txt", "")]);
        picture(dir.path(), "1.png", 4, 3);
        let set = open(dir.path()).unwrap();
        assert!(set.classes.is_empty() && set.samples[0].class.is_none());
        picture(dir.path(), "cat/1.png", 4, 3);
        assert!(open(dir.path()).unwrap_err().to_string().contains("both"));
        let empty = files_in(&[("notes.txt", "")]);
        let error = open(empty.path()).unwrap_err().to_string();
        assert!(error.contains("no pictures found"), "{error}");
    }
}
