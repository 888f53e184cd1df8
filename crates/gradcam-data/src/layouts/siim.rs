//! SIIM-ACR pneumothorax segmentation: a CSV `ImageId, EncodedPixels` with one row per region, and the pictures as DICOM, PNG or JPEG in
//! any folder beside it, named by their `ImageId`.
//!
//! `EncodedPixels` holds pairs of a start, counted from the previous run's end, and a length, down the columns (see [`from_relative`]). It
//! is `-1` or empty if nothing is marked. Masks have the picture's size, 1024 × 1024 in the original. Classes are 0, `no pneumothorax`, and
//! 1, `pneumothorax`.

use std::path::Path;

use super::findings;
use super::read::Read;
use super::table::with_columns;
use crate::Shape;
use crate::runs::from_relative;

const COLUMNS: [&str; 2] = ["ImageId", "EncodedPixels"];

pub(super) fn matches(path: &Path) -> bool {
    !with_columns(path, &COLUMNS).is_empty()
}

pub(super) fn read(path: &Path) -> Read {
    let classes = ["no pneumothorax", "pneumothorax"];
    findings::read(path, &COLUMNS, classes, |row, picture| {
        let text = row.field("EncodedPixels")?;
        // Checked first, because the picture need not be opened then.
        if ["-1", ""].contains(&text) {
            return Ok(None);
        }
        // An unreadable picture is reported when it is loaded; until then its object has no pixels.
        let Ok((height, width)) = picture.size() else {
            return Ok(Some(Shape::Polygons {
                height: 0,
                width: 0,
                polygons: Vec::new(),
            }));
        };
        let runs = from_relative(text, height, width)
            .map_err(|error| row.wrong("relative run lengths", error.to_string()))?;
        Ok(Some(Shape::Runs {
            height,
            width,
            runs,
        }))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::fixtures::{bytes, files_in, picture};
    use crate::mask::tests::drawn;
    use crate::{Layout, open};

    #[test]
    fn rows_of_a_picture_unite() {
        let csv = "ImageId, EncodedPixels\n1.2.3, 1 2 1 1\n1.2.4, -1\n1.2.3,8 1\n";
        let dir = files_in(&[("train-rle.csv", csv)]);
        picture(dir.path(), "png/1.2.3.png", 3, 3);
        picture(dir.path(), "png/1.2.4.png", 3, 3);
        let set = open(dir.path()).unwrap();
        assert_eq!(set.layout, Layout::Siim);
        let numbers: Vec<usize> = set
            .samples
            .iter()
            .map(|s| s.class.as_ref().unwrap().number)
            .collect();
        assert_eq!(numbers, [1, 0]);
        // Pixels 1, 2 and 4, then 8, down the columns.
        let mask = set.samples[0].target_mask().unwrap().unwrap();
        assert_eq!(mask, drawn(&["...", "##.", "#.#"]));
        bytes(dir.path(), "png/1.2.4.png", b"broken");
        assert_eq!(open(dir.path()).unwrap().samples.len(), 2);
        bytes(dir.path(), "png/1.2.3.png", b"broken");
        let broken = &open(dir.path()).unwrap().samples[0];
        assert_eq!(broken.class.as_ref().unwrap().number, 1);
        assert!(broken.rgb().is_err() && broken.target_mask().is_err());
        picture(dir.path(), "png/1.2.3.png", 3, 3);
        let wrong = csv.replace("8 1", "8 x");
        std::fs::write(dir.path().join("train-rle.csv"), wrong).unwrap();
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("line 4") && error.contains("`x`"), "{error}");
    }

    #[test]
    fn an_empty_field_marks_nothing_and_masks_are_no_pictures() {
        let dir = files_in(&[("train-rle.csv", "ImageId, EncodedPixels\na,\n")]);
        picture(dir.path(), "images/a.png", 3, 3);
        let set = open(dir.path()).unwrap();
        assert!(set.samples[0].objects.is_empty());
        assert_eq!(set.samples[0].class.as_ref().unwrap().number, 0);
        picture(dir.path(), "masks/a.png", 3, 3);
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("one picture of each name"), "{error}");
    }

    #[test]
    fn missing_pictures_are_counted() {
        let dir = files_in(&[("train-rle.csv", "ImageId, EncodedPixels\na,-1\nb,-1\n")]);
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("names 2 pictures") && error.contains("`a`, `b`"),
            "{error}"
        );
    }
}
