//! YOLO, as Ultralytics reads it: `images/1.jpg` and `labels/1.txt` with a row for each object; `data.yaml` or `classes.txt` names the classes.
//!
//! A row is `class cx cy w h`, a box by its centre, or `class x1 y1 x2 y2 x3 y3 …`, an outline of at least three corners. Coordinates are shares
//! of the sides of the upright picture, 0 to 1. Splits are folders in both (`images/train`, `labels/train`) or around both (`train/images`,
//! `train/labels`). A picture without a file of labels has no objects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::names;
use super::read::Read;
use crate::sample::target;
use crate::{Class, Error, Object, Picture, Rect, Result, Sample, Shape, Split, files};

/// The most bytes of one picture's labels.
const LIMIT: u64 = 16 << 20;

/// A folder `images` with the folder `labels` beside it.
struct Part {
    images: PathBuf,
    labels: PathBuf,
    /// The folder around both, if it is a split.
    around: Option<String>,
}

impl Part {
    fn of(folder: &Path, around: Option<String>) -> Option<Part> {
        let [images, labels] = ["images", "labels"].map(|name| folder.join(name));
        let part = Part {
            images,
            labels,
            around,
        };
        part.images.is_dir().then_some(part)
    }

    /// Lists the pictures by their paths below `images`.
    fn pictures(&self) -> Result<BTreeMap<String, PathBuf>> {
        files::pictures_by(&self.images, |path| files::id(&self.images, path))
    }

    /// Lists the files of labels by their paths below `labels`.
    fn labels(&self) -> Result<BTreeMap<String, PathBuf>> {
        if !self.labels.is_dir() {
            return Ok(BTreeMap::new());
        }
        let is_text = |path: &Path| path.extension().is_some_and(|ending| ending == "txt");
        let found = files::below(&self.labels, &is_text)?.into_iter();
        let found = found.filter(|path| *path != self.labels.join(names::TEXT));
        Ok(found
            .map(|path| (files::id(&self.labels, &path), path))
            .collect())
    }
}

fn parts(root: &Path) -> Vec<Part> {
    let around = files::folders(root).unwrap_or_default();
    let around = around.iter().filter_map(|folder| {
        let name = files::name(folder);
        split(&name).and_then(|_| Part::of(folder, Some(name)))
    });
    Part::of(root, None).into_iter().chain(around).collect()
}

/// Returns the split that a folder holds; its name may end in a year (`train2017`).
fn split(name: &str) -> Option<Split> {
    Split::of(name.trim_end_matches(|c: char| c.is_ascii_digit()))
}

pub(super) fn matches(path: &Path) -> bool {
    parts(path).iter().any(|part| {
        let (pictures, labels) = (part.pictures(), part.labels());
        let (pictures, labels) = (pictures.unwrap_or_default(), labels.unwrap_or_default());
        labels.keys().any(|id| pictures.contains_key(id))
    })
}

pub(super) fn read(root: &Path) -> Read {
    let classes = names::read(root)?;
    let mut samples = Vec::new();
    for part in parts(root) {
        let mut labels = part.labels()?;
        for (id, picture) in part.pictures()? {
            let file = labels.remove(&id);
            let objects = file.map_or(Ok(Vec::new()), |file| objects(&file, &classes))?;
            let id = match &part.around {
                Some(around) => format!("{around}/{id}"),
                None => id,
            };
            samples.push(Sample {
                split: id.split_once('/').and_then(|(first, _)| split(first)),
                id,
                picture: Picture::File(picture),
                class: target(&objects),
                objects,
            });
        }
        files::all_there(&part.labels, &part.images, labels.into_keys().collect())?;
    }
    Ok((classes.into_values().collect(), samples))
}

fn objects(file: &Path, classes: &BTreeMap<usize, Class>) -> Result<Vec<Object>> {
    let text = files::text_within(file, LIMIT)?;
    let rows = text.lines().enumerate();
    let rows = rows.filter(|(_, row)| !row.trim().is_empty());
    rows.map(|(i, row)| object(file, i + 1, row, classes))
        .collect()
}

fn object(file: &Path, line: usize, row: &str, classes: &BTreeMap<usize, Class>) -> Result<Object> {
    let wrong = |expected: &str, found: String| {
        Error::annotation(file, files::at_line(line), expected, found)
    };
    let mut words = row.split_whitespace();
    let number = words.next().unwrap_or_default();
    let number: usize = files::number(file, line, "the number of a class, from 0", number)?;
    let class = classes.get(&number).ok_or_else(|| {
        let expected = format!("one of the {} classes that have a name", classes.len());
        wrong(&expected, format!("class {number}"))
    })?;
    let mut numbers = Vec::new();
    for word in words {
        let expected = "a share of the picture's side, 0 to 1";
        let share: f64 = files::number(file, line, expected, word)?;
        if !(0.0..=1.0).contains(&share) {
            return Err(wrong(expected, files::quoted(word)));
        }
        numbers.push(share);
    }
    let shape = match (numbers.as_slice(), numbers.as_chunks::<2>()) {
        (&[x, y, width, height], _) => Shape::RelativeBox(Rect {
            x: x - width / 2.0,
            y: y - height / 2.0,
            width,
            height,
        }),
        (_, (corners @ [_, _, _, ..], [])) => Shape::RelativePolygons(vec![corners.to_vec()]),
        _ => {
            let expected =
                "a class with the 4 numbers of a box, or with x and y of at least 3 corners";
            return Err(wrong(expected, format!("{} numbers", numbers.len())));
        }
    };
    Ok(Object::new(class.clone(), shape))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::LIMIT;
    use crate::fixtures::{files_in, oriented, picture};
    use crate::mask::tests::drawn;
    use crate::{Annotation, Layout, Rect, Split, open};

    #[test]
    fn boxes_and_outlines_in_shares() {
        let dir = files_in(&[
            ("data.yaml", "path: .\nnc: 2\nnames: [cat, dog]\n"),
            ("labels/a.txt", "1 0.5 0.5 0.5 1\n0 0.125 0.25 0.25 0.5\n"),
            ("labels/b.txt", "\n0 0 0 0.5 0 0.5 1 0 1\n"),
        ]);
        for name in ["a", "b", "c"] {
            picture(dir.path(), &format!("images/{name}.png"), 4, 2);
        }
        let set = open(dir.path()).unwrap();
        assert_eq!(
            (set.layout, set.annotation),
            (Layout::Yolo, Annotation::Box)
        );
        let [a, b, c] = &set.samples[..] else {
            panic!("{:?}", set.samples);
        };
        let class = a.class.as_ref().unwrap();
        assert_eq!((a.id.as_str(), class.number, &*class.name), ("a", 1, "dog"));
        assert_eq!(a.target_mask().unwrap().unwrap(), drawn(&[".##.", ".##."]));
        let rect = Rect {
            x: 0.0,
            y: 0.0,
            width: 1.0,
            height: 1.0,
        };
        assert_eq!(a.rects().unwrap()[1], Some(rect));
        assert_eq!(b.target_mask().unwrap().unwrap(), drawn(&["##..", "##.."]));
        assert!(c.class.is_none() && c.objects.is_empty() && c.split.is_none());
    }

    #[test]
    fn splits_are_folders_in_both_or_around_both() {
        let dir = files_in(&[
            ("classes.txt", "cat\n"),
            ("labels/train2017/1.txt", "0 0.5 0.5 1 1"),
            ("labels/val/x/2.txt", "0 0 0 1 0 1 1"),
            ("test/labels/3.txt", ""),
        ]);
        for path in ["images/train2017/1", "images/val/x/2", "test/images/3"] {
            picture(dir.path(), &format!("{path}.png"), 4, 2);
        }
        let set = open(dir.path()).unwrap();
        assert_eq!(set.layout, Layout::Yolo);
        let found: Vec<_> = set.samples.iter().map(|s| (&*s.id, s.split)).collect();
        assert_eq!(
            found,
            [
                ("train2017/1", Some(Split::Train)),
                ("val/x/2", Some(Split::Validation)),
                ("test/3", Some(Split::Test))
            ]
        );
    }

    /// Ultralytics applies the EXIF orientation before it reads the shares.
    #[test]
    fn shares_are_of_the_upright_picture() {
        for (row, expected) in [
            ("0 0.75 0.166667 0.5 0.333333", [(1, 0)]),
            ("0 0.5 0 1 0 1 0.333333 0.5 0.333333", [(1, 0)]),
        ] {
            let dir = files_in(&[("classes.txt", "cat"), ("labels/1.txt", row)]);
            let mut image = RgbImage::new(3, 2);
            image.put_pixel(0, 0, Rgb([255; 3]));
            // A quarter turn clockwise: the white pixel gets to the upper right.
            oriented(dir.path(), "images/1.png", &image, 6);
            let set = open(dir.path()).unwrap();
            let sample = &set.samples[0];
            assert_eq!(sample.size().unwrap(), (3, 2));
            assert_eq!(sample.rgb().unwrap().get_pixel(1, 0).0, [255; 3]);
            let mask = sample.target_mask().unwrap().unwrap();
            let marked = (0..6).filter(|&i| mask.values[i]).map(|i| (i % 2, i / 2));
            assert_eq!(marked.collect::<Vec<_>>(), expected, "{row}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            (
                "0 0.5 nan 0.5 0.5",
                "a share of the picture's side, 0 to 1, found `nan`",
            ),
            ("0 0.5 inf 0.5 0.5", "found `inf`"),
            ("0 0.5 -0.1 0.5 0.5", "found `-0.1`"),
            ("0 320 240 100 100", "found `320`"),
            ("0 0 0 1 0 1 1.01", "found `1.01`"),
            ("0 0.5 x 0.5 0.5", "found `x`"),
            ("0 0.5 0.5 0.5", "found 3 numbers"),
            ("0 0.5 0.5 0.5 0.5 0.9", "found 5 numbers"),
            ("0 0 0 1 0 1 1 1", "found 7 numbers"),
            ("0", "found 0 numbers"),
            (
                "2 0.5 0.5 0.5 0.5",
                "one of the 2 classes that have a name, found class 2",
            ),
            (
                "-1 0.5 0.5 0.5 0.5",
                "the number of a class, from 0, found `-1`",
            ),
            ("cat 0.5 0.5 0.5 0.5", "found `cat`"),
            (
                "99999999999999999999 0.5 0.5 0.5 0.5",
                "found `99999999999999999999`",
            ),
        ];
        for (row, expected) in cases {
            let text = format!("1 0.5 0.5 0.5 0.5\n{row}\n");
            let dir = files_in(&[("classes.txt", "cat\ndog"), ("labels/a.txt", &text)]);
            picture(dir.path(), "images/a.png", 4, 2);
            let error = open(dir.path()).unwrap_err().to_string();
            assert!(error.contains("a.txt`, line 2: expected "), "{error}");
            assert!(error.ends_with(expected), "{error}\n{expected}");
        }
    }

    #[test]
    fn files_that_are_missing_or_huge_are_named() {
        let dir = files_in(&[("labels/a.txt", ""), ("labels/b.txt", "")]);
        picture(dir.path(), "images/a.png", 4, 2);
        let said = || open(dir.path()).unwrap_err().to_string();
        assert!(said().contains("`data.yaml` with `names`"), "{}", said());
        // Where some tools put it.
        std::fs::write(dir.path().join("labels/classes.txt"), "cat").unwrap();
        assert!(
            said().contains("names 1 pictures that are not"),
            "{}",
            said()
        );
        picture(dir.path(), "images/b.png", 4, 2);
        assert_eq!(open(dir.path()).unwrap().samples.len(), 2);
        let huge = std::fs::File::create(dir.path().join("labels/b.txt")).unwrap();
        huge.set_len(LIMIT + 1).unwrap();
        assert!(said().starts_with("cannot read "), "{}", said());
        // Pictures beside other texts are a folder of pictures.
        let dir = files_in(&[("labels/notes.txt", "")]);
        picture(dir.path(), "images/a.png", 4, 2);
        assert_eq!(open(dir.path()).unwrap().layout, Layout::Folder);
    }
}
