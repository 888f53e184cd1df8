//! RSNA pneumonia detection: a CSV `patientId,x,y,width,height,Target` with one row for each box, and the pictures as PNG or JPEG in
//! any folder beside it, named by their `patientId`.
//!
//! Boxes are in pixels from the left and top edge; a row with `Target` 0 has none. Classes are 0, `no opacity`, and 1, `lung opacity`.

use std::collections::BTreeMap;
use std::path::Path;

use super::Read;
use super::table::{Table, with_columns};
use crate::dataset::numbered;
use crate::{Error, Object, Picture, Rect, Sample, Shape, Split, files};

const COLUMNS: [&str; 6] = ["patientId", "x", "y", "width", "height", "Target"];

pub(super) fn matches(path: &Path) -> bool {
    !with_columns(path, &COLUMNS).is_empty()
}

pub(super) fn read(path: &Path) -> Read {
    let folder = match path.is_file() {
        true => path.parent().unwrap_or(path),
        false => path,
    };
    let pictures = files::pictures_by_stem(folder)?;
    let classes = numbered(["no opacity", "lung opacity"]);
    let mut samples = Vec::new();
    for file in with_columns(path, &COLUMNS) {
        let table = Table::read(&file)?;
        let mut boxes: BTreeMap<&str, Vec<Object>> = BTreeMap::new();
        for row in table.rows() {
            let of_patient = boxes.entry(row.field("patientId")?).or_default();
            if row.field("Target")? == "0" {
                continue;
            }
            let rect = Rect {
                x: row.number("x")?,
                y: row.number("y")?,
                width: row.number("width")?,
                height: row.number("height")?,
            };
            if !rect.is_valid() {
                let found = format!("{rect:?}");
                let at = files::at_line(row.line);
                return Err(Error::annotation(&file, at, "a box", found));
            }
            of_patient.push(Object::new(classes[1].clone(), Shape::Box(rect)));
        }
        let missing = boxes.keys().filter(|id| !pictures.contains_key(**id));
        files::all_there(&file, folder, missing.map(|id| id.to_string()).collect())?;
        let split = files::stem(&file).split(['-', '_']).find_map(Split::of);
        for (id, objects) in boxes {
            samples.push(Sample {
                id: id.to_string(),
                picture: Picture::File(pictures[id].clone()),
                class: Some(classes[usize::from(!objects.is_empty())].clone()),
                objects,
                split,
            });
        }
    }
    Ok((classes, samples))
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
