//! COCO instances: `instances.json` beside `images/`, or `annotations/instances_val2017.json` beside `val2017/`.
//!
//! `category_id` is the class's number. Boxes and polygons are in pixels from the left and top edges; a mask is a list of run lengths or a
//! compressed string. Three fields are this crate's own and optional: an image's `category_id` and `split`, and an annotation's
//! `difficult`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::read::Read;
use crate::runs::{check_runs, decompress};
use crate::sample::target;
use crate::{Class, Error, Object, Picture, Rect, Result, Sample, Shape, Split, files};

#[derive(Serialize, Deserialize)]
pub(super) struct Instances {
    pub(super) images: Vec<Image>,
    #[serde(default)]
    pub(super) annotations: Vec<Annotated>,
    pub(super) categories: Vec<Category>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Image {
    pub(super) id: u64,
    pub(super) file_name: String,
    pub(super) width: usize,
    pub(super) height: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) category_id: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) split: Option<Split>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Annotated {
    #[serde(default)]
    pub(super) id: u64,
    pub(super) image_id: u64,
    pub(super) category_id: usize,
    #[serde(default)]
    pub(super) iscrowd: u8,
    #[serde(default)]
    pub(super) difficult: bool,
    #[serde(default)]
    pub(super) area: f64,
    #[serde(default)]
    pub(super) bbox: Option<[f64; 4]>,
    #[serde(default)]
    pub(super) segmentation: Option<Segmentation>,
}

#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a `segmentation` that is neither polygons nor `size` and `counts`"
)]
pub(super) enum Segmentation {
    Polygons(Vec<Vec<f64>>),
    Runs { size: [usize; 2], counts: Counts },
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "`counts` that are neither a list nor a text")]
pub(super) enum Counts {
    List(Vec<u32>),
    Text(String),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Category {
    pub(super) id: usize,
    pub(super) name: String,
}

/// Lists the instances files of a path.
fn instances(path: &Path) -> Vec<PathBuf> {
    let is_instances = |name: &str| name.starts_with("instances") && name.ends_with(".json");
    if path.is_file() {
        let is_json = path.extension().is_some_and(|ending| ending == "json");
        return is_json.then(|| path.to_path_buf()).into_iter().collect();
    }
    let beside = files::named(path, is_instances);
    if beside.is_empty() {
        files::named(&path.join("annotations"), is_instances)
    } else {
        beside
    }
}

pub(super) fn matches(path: &Path) -> bool {
    !instances(path).is_empty()
}

pub(super) fn read(path: &Path) -> Read {
    let mut classes = BTreeMap::new();
    let mut samples = Vec::new();
    for file in instances(path) {
        let bytes = files::bytes(&file)?;
        let parsed: Instances = serde_json::from_slice(&bytes).map_err(|error| {
            let at = files::at_line(error.line());
            Error::annotation(&file, at, "COCO's instances", error.to_string())
        })?;
        for category in &parsed.categories {
            let class = Class {
                number: category.id,
                name: category.name.as_str().into(),
            };
            let before = classes.insert(category.id, class);
            if let Some(before) = before.filter(|b| *b.name != *category.name) {
                let expected = format!("the category {} to be `{}`", category.id, before.name);
                let found = files::quoted(&category.name);
                return Err(Error::annotation(&file, "", expected, found));
            }
        }
        samples.extend(read_samples(&file, parsed, &classes)?);
    }
    Ok((classes.into_values().collect(), samples))
}

fn read_samples(
    file: &Path,
    parsed: Instances,
    classes: &BTreeMap<usize, Class>,
) -> Result<Vec<Sample>> {
    let class = |number: usize, at: &str| {
        classes.get(&number).cloned().ok_or_else(|| {
            let found = format!("the category {number}, which is not among them");
            Error::annotation(file, at, "one of the file's categories", found)
        })
    };
    let mut images: BTreeMap<u64, &Image> = BTreeMap::new();
    for image in &parsed.images {
        if images.insert(image.id, image).is_some() {
            let found = format!("two with the id {}", image.id);
            return Err(Error::annotation(file, "", "one image of each id", found));
        }
    }
    let mut objects: BTreeMap<u64, Vec<Object>> = BTreeMap::new();
    for annotated in parsed.annotations {
        let at = format!("annotation {}", annotated.id);
        let image = images.get(&annotated.image_id).ok_or_else(|| {
            let found = format!("the image {}", annotated.image_id);
            Error::annotation(file, &at, "one of the file's images", found)
        })?;
        let class = class(annotated.category_id, &at)?;
        let of_image = objects.entry(image.id).or_default();
        of_image.push(object(file, &at, annotated, image, class)?);
    }
    let split = files::stem(file)
        .split(['_', '-'])
        .find_map(|word| Split::of(word.trim_end_matches(|c: char| c.is_ascii_digit())));
    let folder = folder(file, &parsed.images);
    let mut missing = Vec::new();
    let mut samples = Vec::new();
    for image in &parsed.images {
        let picture = folder.join(&image.file_name);
        if !picture.is_file() {
            missing.push(image.file_name.clone());
        }
        let objects = objects.remove(&image.id).unwrap_or_default();
        let given = image.category_id;
        let given = given.map(|number| class(number, &format!("image {}", image.id)));
        samples.push(Sample {
            id: files::id(&folder, &picture),
            picture: Picture::File(picture),
            class: given.transpose()?.or_else(|| target(&objects)),
            objects,
            split: image.split.or(split),
        });
    }
    files::all_there(file, &folder, missing)?;
    Ok(samples)
}

/// Finds the pictures' folder: the one named by the file's suffix (`instances_val2017.json`: `val2017`), `images`, or the file's own.
fn folder(file: &Path, images: &[Image]) -> PathBuf {
    let beside = file.parent().unwrap_or(Path::new("")).to_path_buf();
    let root = if files::name(&beside) == "annotations" {
        beside.parent().unwrap_or(&beside).to_path_buf()
    } else {
        beside
    };
    let stem = files::stem(file);
    let suffix = stem.strip_prefix("instances_").unwrap_or(&stem);
    let folders = [
        root.join(suffix),
        root.join("images").join(suffix),
        root.join("images"),
        root.clone(),
    ];
    let has_first = |folder: &&PathBuf| {
        let first = images.first();
        first.is_some_and(|image| folder.join(&image.file_name).is_file())
    };
    let found = folders.iter().find(has_first);
    found.cloned().unwrap_or_else(|| {
        let existing = folders.iter().find(|folder| folder.is_dir());
        existing.cloned().unwrap_or(root)
    })
}

fn object(
    file: &Path,
    at: &str,
    annotated: Annotated,
    image: &Image,
    class: Class,
) -> Result<Object> {
    let wrong = |expected: &str, found: String| Error::annotation(file, at, expected, found);
    let rect = annotated.bbox.map(|[x, y, width, height]| Rect {
        x,
        y,
        width,
        height,
    });
    if let Some(rect) = rect.filter(|rect| !rect.is_valid()) {
        return Err(wrong("a `bbox` of x, y, width, height", rect.to_string()));
    }
    let shape = match annotated.segmentation {
        None => None,
        Some(Segmentation::Polygons(polygons)) if polygons.is_empty() => None,
        Some(Segmentation::Polygons(polygons)) => {
            let corners = |flat: &Vec<f64>| -> Result<Vec<[f64; 2]>> {
                match flat.as_chunks() {
                    (corners, []) => Ok(corners.to_vec()),
                    _ => Err(wrong("pairs of x and y", format!("{} numbers", flat.len()))),
                }
            };
            let all: Result<_> = polygons.iter().map(corners).collect();
            Some(Shape::Polygons {
                height: image.height,
                width: image.width,
                polygons: all?,
            })
        }
        Some(Segmentation::Runs {
            size: [height, width],
            counts,
        }) => {
            if (height, width) != (image.height, image.width) {
                let expected = format!("a mask of {} × {}", image.width, image.height);
                return Err(wrong(&expected, format!("{width} × {height}")));
            }
            let runs = match counts {
                Counts::List(runs) => Ok(runs),
                Counts::Text(text) => decompress(&text),
            };
            let checked = runs.and_then(|runs| check_runs(&runs, height, width).map(|()| runs));
            let runs = checked.map_err(|error| wrong("run lengths", error.to_string()))?;
            Some(Shape::Runs {
                height,
                width,
                runs,
            })
        }
    };
    let shape = shape.or(rect.map(Shape::Box));
    Ok(Object {
        rect,
        difficult: annotated.difficult,
        crowd: annotated.iscrowd != 0,
        ..Object::new(
            class,
            shape.ok_or_else(|| wrong("a `bbox` or a `segmentation`", "neither".to_string()))?,
        )
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::fixtures::{files_in, picture};
    use crate::mask::tests::drawn;
    use crate::{Annotation, Error, Layout, Split, open};

    /// Classes 7 and 97; the first image has a crowd, a list, a string, polygons; the second nothing.
    const JSON: &str = r#"{"info": {}, "images": [
        {"id": 5, "file_name": "a.png", "width": 4, "height": 2}, {"id": 3, "file_name": "b.png", "width": 4, "height": 2}],
        "annotations": [
        {"id": 1, "image_id": 5, "category_id": 7, "iscrowd": 1, "bbox": [0, 0, 4, 2], "segmentation": {"size": [2, 4], "counts": [0, 8]}},
        {"id": 2, "image_id": 5, "category_id": 97, "iscrowd": 0, "bbox": [1, 0, 2, 2], "segmentation": {"size": [2, 4], "counts": [2, 3, 3]}},
        {"id": 3, "image_id": 5, "category_id": 97, "segmentation": {"size": [2, 4], "counts": "61N"}},
        {"id": 4, "image_id": 5, "category_id": 7, "segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]]}],
        "categories": [{"id": 97, "name": "drake"}, {"id": 7, "name": "cock"}]}"#;

    #[test]
    fn every_form_of_mask_and_the_sets_own_numbers() {
        let dir = files_in(&[("annotations/instances_val2017.json", JSON)]);
        picture(dir.path(), "val2017/a.png", 4, 2);
        picture(dir.path(), "val2017/b.png", 4, 2);
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("annotation 3: expected run lengths, found bad"),
            "{error}"
        );
        // 6, 1, 1: the third is not yet a difference.
        let json = JSON.replace("61N", "611");
        std::fs::write(dir.path().join("annotations/instances_val2017.json"), json).unwrap();
        let set = open(dir.path()).unwrap();
        assert_eq!(
            (set.layout, set.annotation),
            (Layout::Coco, Annotation::Mask)
        );
        let classes: Vec<_> = set.classes.iter().map(|c| (c.number, &*c.name)).collect();
        assert_eq!(classes, [(7, "cock"), (97, "drake")]);
        let a = &set.samples[0];
        // The crowd comes first and is not the target.
        assert_eq!((a.id.as_str(), a.class.as_ref().unwrap().number), ("a", 97));
        assert_eq!(a.split, Some(Split::Validation));
        let target = a.target_mask().unwrap().unwrap();
        assert_eq!(target, drawn(&[".###", ".#.."]));
        let cock = a.mask(|o| o.class.number == 7 && !o.crowd).unwrap();
        assert_eq!(cock, drawn(&["#...", "...."]));
        assert!(set.samples[1].target_mask().unwrap().is_none());
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            (
                JSON.replace(
                    "\"image_id\": 5, \"category_id\": 7, \"iscrowd\"",
                    "\"image_id\": 6, \"category_id\": 7, \"iscrowd\"",
                ),
                "annotation 1: expected one of the file's images, found the image 6",
            ),
            (
                JSON.replace(
                    "\"category_id\": 97, \"iscrowd\"",
                    "\"category_id\": 9, \"iscrowd\"",
                ),
                "annotation 2: expected one of the file's categories",
            ),
            (
                JSON.replace("[2, 3, 3]", "[2, 3, 4]"),
                "found bad run-length code: expected 8 pixels (4 × 2), found 9",
            ),
            (
                JSON.replace("61N", "611")
                    .replace("[0, 0, 1, 0, 1, 1, 0, 1]", "[0, 0, 1]"),
                "annotation 4: expected pairs of x and y, found 3 numbers",
            ),
            (
                JSON.replace("[1, 0, 2, 2]", "[1, 0, -2, 2]"),
                "annotation 2: expected a `bbox`",
            ),
            (
                JSON.replace(
                    "\"size\": [2, 4], \"counts\": [0, 8]",
                    "\"size\": [4, 2], \"counts\": [0, 8]",
                ),
                "expected a mask of 4 × 2, found 2 × 4",
            ),
            (
                "{\n\"images\": 3}".to_string(),
                "line 2: expected COCO's instances",
            ),
            (JSON.replace("61N", "611"), "names 1 pictures"),
            (
                JSON.replace("61N", "611")
                    .replace("\"id\": 3, \"file", "\"id\": 5, \"file"),
                "expected one image of each id, found two with the id 5",
            ),
        ];
        for (json, expected) in cases {
            let dir = files_in(&[("instances.json", &json)]);
            picture(dir.path(), "images/a.png", 4, 2);
            let error = open(dir.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}\n{expected}");
        }
    }

    /// A picture that was made smaller after it was annotated.
    #[test]
    fn outlines_have_the_size_that_their_picture_has() {
        let json = r#"{"images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 4}],
            "annotations": [{"image_id": 1, "category_id": 1, "segmentation": [[0, 0, 4, 0, 4, 4, 0, 4]]}],
            "categories": [{"id": 1, "name": "cat"}]}"#;
        let dir = files_in(&[("instances.json", json)]);
        picture(dir.path(), "images/a.png", 8, 4);
        let set = open(dir.path()).unwrap();
        assert_eq!(set.samples[0].target_mask().unwrap().unwrap().area(), 16);
        picture(dir.path(), "images/a.png", 4, 2);
        let error = set.samples[0].target_mask().unwrap_err();
        let Error::Sample { source, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(
            source.to_string(),
            "expected a mask of 4 × 2 pixels, the size of its picture, found 8 × 4"
        );
    }
}
