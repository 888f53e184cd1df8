//! RSNA pneumonia detection: a CSV `patientId,x,y,width,height,Target` with one row per box, and the pictures as DICOM, PNG or JPEG in any
//! folder beside it, named by their `patientId`.
//!
//! Boxes are in pixels from the left and top edges; a row with `Target` 0 has none. Classes are 0, `no opacity`, and 1, `lung opacity`.

use std::path::Path;

use super::findings;
use super::read::Read;
use super::table::with_columns;
use crate::{Rect, Shape};

const COLUMNS: [&str; 6] = ["patientId", "x", "y", "width", "height", "Target"];

pub(super) fn matches(path: &Path) -> bool {
    !with_columns(path, &COLUMNS).is_empty()
}

pub(super) fn read(path: &Path) -> Read {
    findings::read(path, &COLUMNS, ["no opacity", "lung opacity"], |row, _| {
        if row.field("Target")? == "0" {
            return Ok(None);
        }
        let rect = Rect {
            x: row.number("x")?,
            y: row.number("y")?,
            width: row.number("width")?,
            height: row.number("height")?,
        };
        if rect.is_valid() {
            Ok(Some(Shape::Box(rect)))
        } else {
            Err(row.wrong("a box", rect.to_string()))
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::fixtures::{files_in, picture};
    use crate::mask::tests::drawn;
    use crate::{Annotation, Layout, open};

    #[test]
    fn boxes_of_a_patient_unite() {
        let csv =
            "patientId,x,y,width,height,Target\np2,,,,,0\np1,0.0,1.0,2.0,1.0,1\np1,3,0,1,2,1\n";
        let dir = files_in(&[("stage_2_train_labels.csv", csv)]);
        picture(dir.path(), "p1.png", 4, 2);
        picture(dir.path(), "p2.png", 4, 2);
        let set = open(&dir.path().join("stage_2_train_labels.csv")).unwrap();
        assert_eq!(
            (set.layout, set.annotation),
            (Layout::Rsna, Annotation::Box)
        );
        let mask = set.samples[0].target_mask().unwrap().unwrap();
        assert_eq!(mask, drawn(&["...#", "##.#"]));
        assert_eq!(set.samples[1].class.as_ref().unwrap().number, 0);
        let wrong = csv.replace("p1,3,0", "p1,3,");
        std::fs::write(dir.path().join("stage_2_train_labels.csv"), wrong).unwrap();
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("line 4: expected a number in `y`"),
            "{error}"
        );
    }
}
