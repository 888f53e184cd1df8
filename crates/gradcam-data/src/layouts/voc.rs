//! Pascal VOC: `JPEGImages/*.jpg`, `Annotations/*.xml`, and for some pictures `SegmentationObject/*.png`; `ImageSets/Main/*.txt` list the
//! splits.
//!
//! Boxes count pixels from 1 and include their last row and column (VOC development kit). In `SegmentationObject`, colour `i` of VOC's
//! colour map marks the `i`-th object of the XML; white marks borders. A picture with such a file has masks as well as boxes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::read::Read;
use super::xml;
use crate::class::numbered;
use crate::sample::target;
use crate::{Class, Error, Ink, Object, Picture, Result, Sample, Shape, Split, files};

/// The classes of VOC2007 to VOC2012, in the devkit's order.
const CLASSES: [&str; 20] = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
];

/// Finds a year's folder: the path itself, or the only year in it (`VOCdevkit`).
fn year(path: &Path) -> Option<PathBuf> {
    let is_year = |p: &Path| p.join("JPEGImages").is_dir() && p.join("Annotations").is_dir();
    if is_year(path) {
        return Some(path.to_path_buf());
    }
    let mut years = files::folders(path)
        .ok()?
        .into_iter()
        .filter(|p| is_year(p));
    years.next().filter(|_| years.next().is_none())
}

pub(super) fn matches(path: &Path) -> bool {
    year(path).is_some()
}

pub(super) fn read(path: &Path) -> Read {
    let root = year(path).ok_or_else(|| {
        Error::annotation(
            path,
            "",
            "`JPEGImages` and `Annotations`",
            "no such folders",
        )
    })?;
    let (images, annotations) = (root.join("JPEGImages"), root.join("Annotations"));
    let pictures = files::pictures_by_stem(&images)?;
    let mut named = BTreeMap::new();
    for file in files::named(&annotations, |name| name.ends_with(".xml")) {
        named.insert(files::stem(&file), xml::objects(&file, 1.0)?);
    }
    let missing = named.keys().filter(|id| !pictures.contains_key(*id));
    files::all_there(&annotations, &images, missing.cloned().collect())?;

    let names: BTreeSet<&str> = named.values().flatten().map(|o| o.name.as_str()).collect();
    let classes = if names.iter().all(|name| CLASSES.contains(name)) {
        numbered(CLASSES)
    } else {
        numbered(&names)
    };
    let by_name: BTreeMap<&str, &Class> = classes.iter().map(|c| (&*c.name, c)).collect();
    let splits = splits(&root)?;
    let mut samples = Vec::new();
    for (id, picture) in &pictures {
        let masks = root.join("SegmentationObject").join(format!("{id}.png"));
        let segmented = masks.is_file();
        let boxes = named.get(id).map(Vec::as_slice).unwrap_or_default();
        let objects: Vec<Object> = boxes
            .iter()
            .enumerate()
            .filter_map(|(i, found)| {
                let class = by_name.get(found.name.as_str())?;
                let shape = if segmented {
                    Shape::File {
                        path: masks.clone(),
                        ink: Ink::Color(color(i + 1)),
                    }
                } else {
                    Shape::Box(found.rect)
                };
                Some(Object {
                    rect: Some(found.rect),
                    difficult: found.difficult,
                    ..Object::new((*class).clone(), shape)
                })
            })
            .collect();
        samples.push(Sample {
            id: id.clone(),
            picture: Picture::File(picture.clone()),
            class: target(&objects),
            objects,
            split: splits.get(id).copied(),
        });
    }
    Ok((classes, samples))
}

fn splits(root: &Path) -> Result<BTreeMap<String, Split>> {
    let mut splits = BTreeMap::new();
    for part in ["train", "val", "test"] {
        let lists = ["Main", "Segmentation"].map(|set| root.join("ImageSets").join(set));
        let list = files::first(lists.map(|folder| folder.join(format!("{part}.txt"))));
        if let (Some(list), Some(split)) = (list, Split::of(part)) {
            let text = files::text(&list)?;
            let ids = text
                .lines()
                .filter_map(|line| line.split_whitespace().next());
            splits.extend(ids.map(|id| (id.to_string(), split)));
        }
    }
    Ok(splits)
}

/// Returns a colour of VOC's colour map: the number's bits, three at a time, fill red, green and blue from their highest bits down.
fn color(number: usize) -> [u8; 3] {
    let mut color = [0; 3];
    for level in 0..8 {
        for (channel, value) in color.iter_mut().enumerate() {
            *value |= ((number >> (3 * level + channel) & 1) as u8) << (7 - level);
        }
    }
    color
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fixtures::{files_in, picture};
    use crate::mask::tests::drawn;
    use crate::{Annotation, Layout, Rect, open};

    const XML: &str = "<annotation>\n<size><width>4</width></size>\n<object>\n<name>dog</name><difficult>1</difficult>\n\
        <part><name>head</name><bndbox><xmin>9</xmin></bndbox></part>\n\
        <bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>3</ymax></bndbox>\n</object>\n\
        <object><name>cat</name><bndbox><xmin>4</xmin><ymin>1</ymin><xmax>4</xmax><ymax>1.0</ymax></bndbox></object></annotation>";

    #[test]
    fn boxes_count_from_one_and_hold_their_last_pixel() {
        let dir = files_in(&[
            ("VOC2012/Annotations/a.xml", XML),
            ("VOC2012/ImageSets/Main/val.txt", "a\n"),
        ]);
        picture(dir.path(), "VOC2012/JPEGImages/a.png", 4, 3);
        picture(dir.path(), "VOC2012/JPEGImages/b.png", 4, 3);
        let set = open(dir.path()).unwrap();
        assert_eq!((set.layout, set.annotation), (Layout::Voc, Annotation::Box));
        let a = &set.samples[0];
        assert_eq!(a.split, Some(Split::Validation));
        // The target is the first object's class; `dog` is the twelfth.
        let class = a.class.as_ref().unwrap();
        assert_eq!((class.number, &*class.name), (11, "dog"));
        assert!(a.objects[0].difficult && !a.objects[1].difficult);
        let expected = Rect {
            x: 0.0,
            y: 1.0,
            width: 3.0,
            height: 2.0,
        };
        assert_eq!(a.rects().unwrap()[0], Some(expected));
        let mask = a.target_mask().unwrap().unwrap();
        assert_eq!(mask, drawn(&["....", "###.", "###."]));
        let all = a.mask(|_| true).unwrap();
        assert_eq!(all, drawn(&["...#", "###.", "###."]));
        assert!(set.samples[1].class.is_none());
    }

    #[test]
    fn a_segmented_picture_has_masks_by_colour() {
        let dir = files_in(&[("Annotations/a.xml", XML)]);
        picture(dir.path(), "JPEGImages/a.png", 4, 3);
        let mut masks = image::RgbImage::new(4, 3);
        masks.put_pixel(1, 1, image::Rgb([128, 0, 0]));
        masks.put_pixel(3, 0, image::Rgb([0, 128, 0]));
        masks.put_pixel(2, 1, image::Rgb([224, 224, 192]));
        std::fs::create_dir(dir.path().join("SegmentationObject")).unwrap();
        masks
            .save(dir.path().join("SegmentationObject/a.png"))
            .unwrap();
        let set = open(dir.path()).unwrap();
        assert_eq!(set.annotation, Annotation::Mask);
        let target = set.samples[0].target_mask().unwrap().unwrap();
        assert_eq!(target, drawn(&["....", ".#..", "...."]));
        // The box stays as annotated.
        assert_eq!(set.samples[0].rects().unwrap()[0].unwrap().width, 3.0);
        assert_eq!(
            [color(3), color(8), color(20)],
            [[128, 128, 0], [64, 0, 0], [0, 64, 128]]
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let wrong = XML.replace("<xmax>3</xmax>", "<xmax>three</xmax>");
        let dir = files_in(&[("Annotations/a.xml", &wrong)]);
        picture(dir.path(), "JPEGImages/a.png", 4, 3);
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("a.xml`, line 6: expected a number, found `three`"),
            "{error}"
        );
        let dir = files_in(&[("Annotations/a.xml", XML), ("Annotations/c.xml", XML)]);
        picture(dir.path(), "JPEGImages/a.png", 4, 3);
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("names 1 pictures") && error.contains("`c`"),
            "{error}"
        );
    }
}
