//! A user's own pictures with masks: a folder of pictures beside a folder `masks` with masks of the same names. Examples are `images/1.jpg`
//! with `masks/1.png`, or, with folders as classes, `images/cat/1.jpg` with `masks/cat/1.png`.
//!
//! `images` may have any other name if it is the only folder beside `masks`. Several folders are classes, and `masks` has the same folders.
//! Pictures may also lie directly beside `masks`. A mask's name may end in `_mask` (`1_mask.png`). A mask has the picture's size, and every
//! pixel that is not black belongs to the object; in a JPEG, which blurs, every pixel from half white up. A picture without a mask has no
//! object. Without class folders, the only class is `object`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::read::Read;
use crate::class::numbered;
use crate::{Class, Error, Ink, Object, Picture, Sample, Shape, files};

/// The folder of the masks.
const MASKS: &str = "masks";
/// The usual name of the pictures' folder.
const IMAGES: &str = "images";
/// The suffix that a mask's name may have.
const MARK: &str = "_mask";
/// The class of pictures without a class folder.
const OBJECT: &str = "object";

/// Finds the pictures' folder; `None` if the root has no masks or no pictures.
fn pictures(root: &Path) -> Option<PathBuf> {
    let holds = |folder: &PathBuf| files::pictures_below(folder).is_ok_and(|p| !p.is_empty());
    if !holds(&root.join(MASKS)) {
        return None;
    }
    let usual = root.join(IMAGES);
    if holds(&usual) {
        return Some(usual);
    }
    let others = files::folders(root).ok()?.into_iter();
    let mut others = others.filter(|folder| files::name(folder) != MASKS && holds(folder));
    let beside = files::pictures_in(root).is_ok_and(|pictures| !pictures.is_empty());
    match (others.next(), others.next(), beside) {
        (Some(only), None, false) => Some(only),
        (None, None, false) => None,
        _ => Some(root.to_path_buf()),
    }
}

/// Tells whether a mask below `masks` has the name of a picture: `masks` may be a class among others.
fn pairs(root: &Path, folder: &Path) -> bool {
    let all = root.join(MASKS);
    let ids = |folder: &Path| -> BTreeSet<String> {
        let found = files::pictures_below(folder).unwrap_or_default();
        let below = found
            .iter()
            .filter(|path| folder == all || !path.starts_with(&all));
        below.map(|path| files::id(folder, path)).collect()
    };
    let pictures = ids(folder);
    ids(&all).iter().any(|id| {
        let plain = id.strip_suffix(MARK).unwrap_or(id);
        pictures.contains(id) || pictures.contains(plain)
    })
}

pub(super) fn matches(path: &Path) -> bool {
    let fits = |folder: PathBuf| folder == path.join(IMAGES) || pairs(path, &folder);
    path.is_dir() && pictures(path).is_some_and(fits)
}

pub(super) fn read(root: &Path) -> Read {
    let Some(folder) = pictures(root) else {
        return Err(Error::no_layout(
            root,
            "no folder `masks` with pictures beside it",
        ));
    };
    let all = root.join(MASKS);
    let below = |path: &PathBuf| !path.starts_with(&all);
    let pictures = files::pictures_below(&folder)?.into_iter().filter(below);
    let pictures = pictures.map(|path| (files::id(&folder, &path), path));
    let found = files::unique(&folder, pictures)?;
    let mut masks = files::pictures_by(&all, |path| {
        let id = files::id(&all, path);
        match id.strip_suffix(MARK) {
            // A picture's own name may have this suffix too.
            Some(plain) if !found.contains_key(&id) => plain.to_string(),
            _ => id,
        }
    })?;
    let names: BTreeSet<&str> = found.keys().map(|id| class_name(id)).collect();
    let classes = numbered(&names);
    let by_name: BTreeMap<&str, &Class> = classes.iter().map(|c| (&*c.name, c)).collect();
    let mut samples = Vec::with_capacity(found.len());
    for (id, path) in &found {
        let class = by_name.get(class_name(id)).map(|&class| class.clone());
        let object = |path: PathBuf| Some(Object::new(class.clone()?, shape(path)));
        samples.push(Sample {
            id: id.clone(),
            picture: Picture::File(path.clone()),
            objects: masks.remove(id).and_then(object).into_iter().collect(),
            class,
            split: None,
        });
    }
    files::all_there(&all, &folder, masks.into_keys().collect())?;
    Ok((classes, samples))
}

/// Returns the class named by a picture's folder.
fn class_name(id: &str) -> &str {
    id.split_once('/').map_or(OBJECT, |(class, _)| class)
}

fn shape(path: PathBuf) -> Shape {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    let blurs = ["jpg", "jpeg"].contains(&ending.to_ascii_lowercase().as_str());
    let ink = Ink::AtLeast(if blurs { 128 } else { 1 });
    Shape::File { path, ink }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use image::{GrayImage, Luma};

    use crate::fixtures::{files_in, picture};
    use crate::mask::tests::drawn;
    use crate::{Annotation, Layout, open};

    /// Writes a mask of 3 × 2 pixels whose first is 1 of 255, as in label maps.
    fn mask(root: &Path, path: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut image = GrayImage::new(3, 2);
        image.put_pixel(0, 0, Luma([1]));
        image.save(path).unwrap();
    }

    #[test]
    fn masks_have_the_names_of_their_pictures() {
        for (pictures, masks) in [
            (["images/1.jpg", "images/2.png"], "masks/1.png"),
            (["photos/1.jpg", "photos/2.png"], "masks/1_mask.png"),
            (["1.jpg", "2.png"], "masks/1.bmp"),
        ] {
            let dir = files_in(&[("readme.txt", "")]);
            for path in pictures {
                picture(dir.path(), path, 3, 2);
            }
            mask(dir.path(), masks);
            let set = open(dir.path()).unwrap();
            assert_eq!(
                (set.layout, set.annotation),
                (Layout::Masks, Annotation::Mask)
            );
            let [one, two] = &set.samples[..] else {
                panic!("{:?}", set.samples);
            };
            assert_eq!((one.id.as_str(), two.id.as_str()), ("1", "2"));
            assert_eq!(&*one.class.as_ref().unwrap().name, "object");
            let marked = one.target_mask().unwrap().unwrap();
            assert_eq!(marked, drawn(&["#..", "..."]));
            assert!(two.objects.is_empty() && two.target_mask().unwrap().is_none());
        }
    }

    #[test]
    fn folders_are_classes_below_the_pictures_folder_or_beside_the_masks() {
        for prefix in ["images/", ""] {
            let dir = files_in(&[]);
            for path in ["dog/1.jpg", "cat/1.jpg"] {
                picture(dir.path(), &format!("{prefix}{path}"), 3, 2);
                mask(dir.path(), &format!("masks/{path}").replace("jpg", "png"));
            }
            let set = open(dir.path()).unwrap();
            let all: Vec<(&str, &str)> = set
                .samples
                .iter()
                .map(|s| (s.id.as_str(), &*s.class.as_ref().unwrap().name))
                .collect();
            assert_eq!(all, [("cat/1", "cat"), ("dog/1", "dog")]);
            assert!(set.samples.iter().all(|s| s.objects.len() == 1));
        }
    }

    #[test]
    fn masks_may_be_a_class() {
        let dir = files_in(&[]);
        for path in ["masks/a.png", "no_masks/b.png"] {
            picture(dir.path(), path, 3, 2);
        }
        let set = open(dir.path()).unwrap();
        assert_eq!((set.layout, set.classes.len()), (Layout::Folder, 2));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let dir = files_in(&[]);
        picture(dir.path(), "images/1.png", 3, 2);
        mask(dir.path(), "masks/1.png");
        mask(dir.path(), "masks/3.png");
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("`3`"), "{error}");
        std::fs::remove_file(dir.path().join("masks/3.png")).unwrap();
        mask(dir.path(), "masks/1_mask.png");
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("one picture of each name"), "{error}");
        std::fs::remove_file(dir.path().join("masks/1_mask.png")).unwrap();
        picture(dir.path(), "masks/1.png", 2, 2);
        let set = open(dir.path()).unwrap();
        assert!(set.samples[0].target_mask().is_err());
    }

    #[test]
    fn a_blurred_mask_is_cut_at_half_white() {
        let dir = files_in(&[]);
        picture(dir.path(), "images/1.png", 16, 16);
        let mut image = GrayImage::new(16, 16);
        for (x, _, pixel) in image.enumerate_pixels_mut() {
            *pixel = Luma([if x < 8 { 255 } else { 20 }]);
        }
        std::fs::create_dir_all(dir.path().join("masks")).unwrap();
        image.save(dir.path().join("masks/1.jpg")).unwrap();
        let set = open(dir.path()).unwrap();
        let mask = set.samples[0].target_mask().unwrap().unwrap();
        assert_eq!(mask.area(), 128);
    }
}
