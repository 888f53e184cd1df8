//! BAM, Benchmarking Attribution Methods (Yang and Kim, arXiv 1907.09701): objects pasted onto scenes, the same pixels with two label sets.
//!
//! A data set is one label set, a folder `obj`, `scene` or `scene_only`: `train/<class>/*.jpg`, `val/*.jpg` with `val.txt` (`file class`),
//! and `val_loc.txt` and `loc.txt` (`file row0,column0,row1,column1`; the box excludes the last row and column). File names are
//! `object-scene-NNNN`, so a picture has the same id in every label set. Masks are PNGs in `val_mask/` with the pictures' names and sizes;
//! the original's pickled file must be converted to them. Without a mask, an object is its box. A pasted object that is not a class of its
//! set, as in `scene`, gets a number after the classes. The pictures of `scene_only` and `bamboo_forest` have no pasted objects, although
//! the original has box files there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::read::Read;
use crate::class::numbered;
use crate::{Class, Error, Ink, Object, Picture, Rect, Result, Sample, Shape, Split, files};

pub(super) fn matches(path: &Path) -> bool {
    let is_set = path.join("val.txt").is_file() && path.join("val").is_dir();
    is_set || ["obj", "scene"].iter().all(|set| path.join(set).is_dir())
}

/// A picture, its class's number, and its split.
struct Found {
    picture: PathBuf,
    class: usize,
    split: Split,
}

pub(super) fn read(root: &Path) -> Read {
    if !root.join("val.txt").is_file() {
        let advice =
            "it holds several label sets of BAM; open `obj`, `scene` or `scene_only` in it";
        return Err(Error::no_layout(root, advice));
    }
    let train = root.join("train");
    let folders = if train.is_dir() {
        files::folders(&train)?
    } else {
        Vec::new()
    };
    let mut found = Vec::new();
    for (class, folder) in folders.iter().enumerate() {
        found.extend(
            files::pictures_in(folder)?
                .into_iter()
                .map(|picture| Found {
                    picture,
                    class,
                    split: Split::Train,
                }),
        );
    }
    let labels = root.join("val.txt");
    let mut missing = Vec::new();
    for (line, name, class) in files::pairs(&labels)? {
        let picture = root.join("val").join(&name);
        if !picture.is_file() {
            missing.push(name);
        }
        found.push(Found {
            class: files::number(&labels, line, "a class's number", &class)?,
            picture,
            split: Split::Validation,
        });
    }
    files::all_there(&labels, &root.join("val"), missing)?;

    let set = files::folder_name(root);
    let mut classes = classes(&folders, &found, usize::from(set != "obj"))?;
    let boxes = match set.as_str() {
        "scene_only" | "bamboo_forest" => BTreeMap::new(),
        _ => boxes(root)?,
    };
    let own = classes.len();
    let objects = found.iter().filter(|_| !boxes.is_empty());
    let pasted: BTreeSet<String> = objects
        .filter_map(|f| Some(words(&f.picture)?[0].clone()))
        .filter(|name| classes.iter().all(|class| *class.name != **name))
        .collect();
    classes.extend(pasted.iter().zip(own..).map(|(name, number)| Class {
        number,
        name: name.as_str().into(),
    }));
    let mut samples = Vec::new();
    for Found {
        picture,
        class,
        split,
    } in found
    {
        let class = classes[..own].get(class).cloned().ok_or_else(|| {
            let expected = format!("a class below {own}");
            Error::annotation(&labels, "", expected, class.to_string())
        })?;
        let id = files::stem(&picture);
        let pasted =
            words(&picture).and_then(|[name, _]| classes.iter().find(|c| *c.name == *name));
        let object = boxes.get(&id).zip(pasted).map(|(&rect, pasted)| {
            let path = root.join("val_mask").join(format!("{id}.png"));
            let shape = if path.is_file() {
                Shape::File {
                    path,
                    ink: Ink::AtLeast(128),
                }
            } else {
                Shape::Box(rect)
            };
            Object {
                rect: Some(rect),
                ..Object::new(pasted.clone(), shape)
            }
        });
        samples.push(Sample {
            id,
            picture: Picture::File(picture),
            class: Some(class),
            objects: object.into_iter().collect(),
            split: Some(split),
        });
    }
    Ok((classes, samples))
}

/// Returns the set's classes: the folders of `train`, or else the words in the pictures' names, by class number.
fn classes(folders: &[PathBuf], found: &[Found], part: usize) -> Result<Vec<Class>> {
    if !folders.is_empty() {
        return Ok(numbered(folders.iter().map(|f| files::name(f))));
    }
    let named: BTreeMap<usize, String> = found
        .iter()
        .filter_map(|f| Some((f.class, words(&f.picture)?[part].clone())))
        .collect();
    let count = named.keys().last().map_or(0, |last| last + 1).min(10_000);
    let name = |i: usize| named.get(&i).cloned().unwrap_or(i.to_string());
    Ok(numbered((0..count).map(name)))
}

/// Returns object and scene of a file name `object-scene-NNNN`.
fn words(picture: &Path) -> Option<[String; 2]> {
    let stem = files::stem(picture);
    let mut words = stem.split('-');
    Some([words.next()?.to_string(), words.next()?.to_string()])
}

fn boxes(root: &Path) -> Result<BTreeMap<String, Rect>> {
    let mut boxes = BTreeMap::new();
    for path in ["loc.txt", "val_loc.txt"].map(|name| root.join(name)) {
        if !path.is_file() {
            continue;
        }
        for (line, name, corners) in files::pairs(&path)? {
            let numbers: Vec<f64> = corners
                .split(',')
                .map(|n| files::number(&path, line, "a number", n))
                .collect::<Result<_>>()?;
            let rect = match numbers[..] {
                [top, left, bottom, right] => Some(Rect {
                    x: left,
                    y: top,
                    width: right - left,
                    height: bottom - top,
                }),
                _ => None,
            };
            let rect = rect.filter(Rect::is_valid).ok_or_else(|| {
                let expected = "`row0,column0,row1,column1`";
                Error::annotation(
                    &path,
                    files::at_line(line),
                    expected,
                    files::quoted(&corners),
                )
            })?;
            boxes.insert(files::stem(Path::new(&name)), rect);
        }
    }
    Ok(boxes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::fixtures::{bytes, files_in, picture};
    use crate::mask::tests::drawn;
    use crate::{Layout, Split, open};

    #[test]
    fn one_picture_two_label_sets() {
        let dir = files_in(&[]);
        let name = "dog-bedroom-0900";
        for (set, classes, number) in [
            ("obj", ["bird", "dog"], "1"),
            ("scene", ["bedroom", "track"], "0"),
            ("scene_only", ["bedroom", "track"], "0"),
        ] {
            for (i, class) in classes.into_iter().enumerate() {
                let path = format!("{set}/train/{class}/bird-track-000{i}.png");
                picture(dir.path(), &path, 4, 3);
            }
            picture(dir.path(), &format!("{set}/val/{name}.png"), 4, 3);
            let labels = format!("{name}.png {number}\n");
            bytes(dir.path(), &format!("{set}/val.txt"), labels.as_bytes());
            let places = format!("{name}.png 1,0,3,2");
            bytes(dir.path(), &format!("{set}/val_loc.txt"), places.as_bytes());
        }
        let [obj, scene, only] =
            ["obj", "scene", "scene_only"].map(|s| open(&dir.path().join(s)).unwrap());
        let last = |set: &crate::Dataset| set.samples.last().unwrap().clone();
        assert_eq!(
            (obj.layout, last(&obj).split),
            (Layout::Bam, Some(Split::Validation))
        );
        assert_eq!(
            (
                &*last(&obj).class.unwrap().name,
                &*last(&scene).class.unwrap().name
            ),
            ("dog", "bedroom")
        );
        assert_eq!(
            last(&obj).target_mask().unwrap().unwrap(),
            drawn(&["....", "##..", "##.."])
        );
        // Among the scenes, the dog belongs to none of their classes.
        let dog = &last(&scene).objects[0].class;
        assert_eq!((dog.number, &*dog.name), (3, "dog"));
        assert!(last(&scene).target_mask().unwrap().is_none());
        assert!(last(&only).objects.is_empty() && last(&only).id == last(&obj).id);
        assert_eq!(
            (obj.classes.len(), scene.classes.len(), only.classes.len()),
            (2, 4, 2)
        );

        let mut mask = image::GrayImage::new(4, 3);
        mask.put_pixel(0, 2, image::Luma([255]));
        std::fs::create_dir(dir.path().join("obj/val_mask")).unwrap();
        mask.save(dir.path().join(format!("obj/val_mask/{name}.png")))
            .unwrap();
        let obj = open(&dir.path().join("obj")).unwrap();
        assert_eq!(
            last(&obj).target_mask().unwrap().unwrap(),
            drawn(&["....", "....", "#..."])
        );
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("open `obj`"), "{error}");
    }
}
