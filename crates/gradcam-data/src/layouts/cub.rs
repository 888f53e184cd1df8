//! CUB-200-2011 (Wah et al. 2011): `images.txt` and the text files beside it; segmentations have their own folder.
//!
//! Class numbers start from 1 in the files and from 0 here. Boxes are in pixels from the left and top edges. A segmentation's brightness
//! shows how many annotators marked the bird there; 128 and above is the bird.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::read::Read;
use crate::{Class, Error, Ink, Object, Picture, Rect, Result, Sample, Shape, Split, files};

fn root(path: &Path) -> Option<PathBuf> {
    let is_root = |p: &PathBuf| {
        ["images.txt", "image_class_labels.txt"]
            .iter()
            .all(|f| p.join(f).is_file())
    };
    [path.to_path_buf(), path.join("CUB_200_2011")]
        .into_iter()
        .find(is_root)
}

pub(super) fn matches(path: &Path) -> bool {
    root(path).is_some()
}

pub(super) fn read(path: &Path) -> Read {
    let root =
        root(path).ok_or_else(|| Error::annotation(path, "", "`images.txt`", "no such file"))?;
    let images = root.join("images");
    let mut classes = BTreeMap::new();
    for (line, number, name) in files::pairs(&root.join("classes.txt"))? {
        let number = from_one(&root.join("classes.txt"), line, &number)?;
        let name = name.as_str().into();
        classes.insert(number, Class { number, name });
    }
    let labels = table(&root, "image_class_labels.txt")?;
    let boxes = table(&root, "bounding_boxes.txt")?;
    let splits = table(&root, "train_test_split.txt")?;
    let near = root.parent().map(|parent| parent.join("segmentations"));
    let segmentations = files::first(
        [Some(root.join("segmentations")), near]
            .into_iter()
            .flatten(),
    );

    let (mut samples, mut missing) = (Vec::new(), Vec::new());
    for (_, key, name) in files::pairs(&root.join("images.txt"))? {
        let picture = images.join(&name);
        if !picture.is_file() {
            missing.push(name.clone());
            continue;
        }
        let class = match labels.get(&key) {
            None => None,
            Some((line, number)) => {
                let file = root.join("image_class_labels.txt");
                let number = from_one(&file, *line, number)?;
                Some(classes.get(&number).cloned().ok_or_else(|| {
                    let found = format!("class {}", number + 1);
                    Error::annotation(&file, files::at_line(*line), "one of `classes.txt`", found)
                })?)
            }
        };
        let rect = match boxes.get(&key) {
            None => None,
            Some((line, text)) => Some(rect(&root.join("bounding_boxes.txt"), *line, text)?),
        };
        let mask = segmentations
            .as_ref()
            .map(|s| s.join(&name).with_extension("png"));
        let shape = match mask.filter(|mask| mask.is_file()) {
            Some(path) => Some(Shape::File {
                path,
                ink: Ink::AtLeast(128),
            }),
            None => rect.map(Shape::Box),
        };
        let object = class.clone().zip(shape).map(|(class, shape)| Object {
            rect,
            ..Object::new(class, shape)
        });
        let split = splits.get(&key).map(|(_, train)| match train.as_str() {
            "1" => Split::Train,
            _ => Split::Test,
        });
        samples.push(Sample {
            id: files::id(&images, &picture),
            picture: Picture::File(picture),
            class,
            objects: object.into_iter().collect(),
            split,
        });
    }
    files::all_there(&root.join("images.txt"), &images, missing)?;
    Ok((classes.into_values().collect(), samples))
}

/// Reads a file's lines by their first words; empty if the file does not exist.
fn table(root: &Path, name: &str) -> Result<BTreeMap<String, (usize, String)>> {
    let path = root.join(name);
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let all = files::pairs(&path)?.into_iter();
    Ok(all.map(|(line, key, rest)| (key, (line, rest))).collect())
}

fn from_one(path: &Path, line: usize, text: &str) -> Result<usize> {
    let number: usize = files::number(path, line, "a number from 1", text)?;
    let wrong = || Error::annotation(path, files::at_line(line), "a number from 1", "`0`");
    number.checked_sub(1).ok_or_else(wrong)
}

fn rect(path: &Path, line: usize, text: &str) -> Result<Rect> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |word: &str| files::number::<f64>(path, line, "a number", word);
    if let [x, y, width, height] = words[..] {
        let rect = Rect {
            x: number(x)?,
            y: number(y)?,
            width: number(width)?,
            height: number(height)?,
        };
        if rect.is_valid() {
            return Ok(rect);
        }
    }
    let at = files::at_line(line);
    Err(Error::annotation(
        path,
        at,
        "x, y, width and height",
        files::quoted(text),
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::fixtures::{files_in, picture};
    use crate::mask::tests::drawn;
    use crate::{Annotation, Layout, Split, open};

    #[test]
    fn text_files_boxes_and_segmentations() {
        let dir = files_in(&[
            (
                "CUB_200_2011/images.txt",
                "1 001.Albatross/a.png\n2 002.Auk/b.png\n",
            ),
            ("CUB_200_2011/image_class_labels.txt", "1 1\n2 2\n"),
            ("CUB_200_2011/classes.txt", "1 001.Albatross\n2 002.Auk\n"),
            ("CUB_200_2011/train_test_split.txt", "1 0\n2 1\n"),
            (
                "CUB_200_2011/bounding_boxes.txt",
                "1 1.0 0.0 2.0 1.0\n2 0.0 1.0 1.0 1.0\n",
            ),
        ]);
        picture(dir.path(), "CUB_200_2011/images/001.Albatross/a.png", 4, 2);
        picture(dir.path(), "CUB_200_2011/images/002.Auk/b.png", 4, 2);
        let set = open(dir.path()).unwrap();
        assert_eq!((set.layout, set.annotation), (Layout::Cub, Annotation::Box));
        let b = &set.samples[1];
        assert_eq!((b.id.as_str(), b.split), ("002.Auk/b", Some(Split::Train)));
        assert_eq!(b.class.as_ref().unwrap().number, 1);
        assert_eq!(
            set.samples[0].target_mask().unwrap().unwrap(),
            drawn(&[".##.", "...."])
        );

        let mut mask = image::GrayImage::new(4, 2);
        mask.put_pixel(3, 1, image::Luma([128]));
        mask.put_pixel(2, 1, image::Luma([127]));
        let folder = dir.path().join("segmentations/001.Albatross");
        std::fs::create_dir_all(&folder).unwrap();
        mask.save(folder.join("a.png")).unwrap();
        let set = open(dir.path()).unwrap();
        assert_eq!(
            set.samples[0].target_mask().unwrap().unwrap(),
            drawn(&["....", "...#"])
        );
        let labels = dir.path().join("CUB_200_2011/image_class_labels.txt");
        std::fs::write(labels, "1 1\n2 3\n").unwrap();
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("line 2: expected one of `classes.txt`, found class 3"),
            "{error}"
        );
    }
}
