//! Pictures in a folder, or in one folder for each class: `cat/1.jpg`, `dog/2.jpg`, below `train/` and `val/` or not.
//!
//! Classes are the folders' names in sorted order. Pictures that lie in the folder itself have no class.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Read, none};
use crate::dataset::numbered;
use crate::{Class, Picture, Sample, Split, files};

pub(super) fn matches(path: &Path) -> bool {
    path.is_dir()
}

pub(super) fn read(root: &Path) -> Read {
    let folders = files::folders(root)?;
    let splits: Vec<Option<Split>> = folders.iter().map(|f| Split::of(&files::name(f))).collect();
    let split_up = !folders.is_empty() && splits.iter().all(Option::is_some);
    let parts: Vec<(PathBuf, Option<Split>)> = match split_up {
        true => folders.into_iter().zip(splits).collect(),
        false => vec![(root.to_path_buf(), None)],
    };
    // Class (none for what lies flat), picture, split.
    let mut found: Vec<(Option<String>, PathBuf, Option<Split>)> = Vec::new();
    for (part, split) in &parts {
        let flat = files::pictures_in(part)?.into_iter();
        found.extend(flat.map(|picture| (None, picture, *split)));
        for folder in files::folders(part)? {
            let class = Some(files::name(&folder));
            let below = files::pictures_below(&folder)?.into_iter();
            found.extend(below.map(|picture| (class.clone(), picture, *split)));
        }
    }
    let names: BTreeSet<&str> = found.iter().filter_map(|(c, ..)| c.as_deref()).collect();
    if !names.is_empty() && found.iter().any(|(class, ..)| class.is_none()) {
        return Err(none(
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
    fn flat_pictures_have_no_class_and_a_mixture_is_refused() {
        let dir = files_in(&[("notes.txt", "")]);
        picture(dir.path(), "1.png", 4, 3);
        let set = open(dir.path()).unwrap();
        assert!(set.classes.is_empty() && set.samples[0].class.is_none());
        picture(dir.path(), "cat/1.png", 4, 3);
        assert!(open(dir.path()).unwrap_err().to_string().contains("both"));
        let empty = files_in(&[("notes.txt", "")]);
        let error = open(empty.path()).unwrap_err().to_string();
        assert!(error.contains("no picture is there"), "{error}");
    }
}
