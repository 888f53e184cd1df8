//! CheXlocalize (Saporta et al. 2022): `gt_segmentations_*.json` (run lengths) or `gt_annotations_*.json` (polygons), and CheXpert's
//! pictures in any folder beside it.
//!
//! A picture's key, `patient64541_study1_view1_frontal`, is the end of its path, joined with `_`. Each pathology of a picture is one
//! object; the target is the first in the order of [`TASKS`]. The files list findings only: a picture that is not in them is not in the
//! data set. If a split has both files, the segmentations are used.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::keys::Keys;
use super::read::Read;
use crate::class::numbered;
use crate::runs::{check_runs, decompress};
use crate::sample::target;
use crate::{Class, Error, Object, Picture, Result, Sample, Shape, Split, files};

/// The ten pathologies, numbered from 0.
const TASKS: [&str; 10] = [
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Lesion",
    "Airspace Opacity",
    "Edema",
    "Consolidation",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Support Devices",
];

#[derive(Deserialize)]
struct Encoded {
    size: [usize; 2],
    counts: String,
}

#[derive(Deserialize)]
struct Outlined {
    img_size: [usize; 2],
    #[serde(flatten)]
    tasks: Keys<Vec<Vec<[f64; 2]>>>,
}

fn file(root: &Path, what: &str, part: &str) -> Option<PathBuf> {
    let name = format!("gt_{what}_{part}.json");
    files::first([root.join(&name), root.join("CheXlocalize").join(&name)])
}

const PARTS: [&str; 2] = ["val", "test"];

pub(super) fn matches(path: &Path) -> bool {
    let any = |part| file(path, "segmentations", part).or(file(path, "annotations", part));
    PARTS.iter().any(|part| any(part).is_some())
}

pub(super) fn read(root: &Path) -> Read {
    let classes = numbered(TASKS);
    let pictures = files::pictures_by(root, |path| {
        let id = files::id(root, path);
        let parts: Vec<&str> = id.split('/').collect();
        // `val/patient1/study1/view1_frontal`, or one file name with all parts.
        let start = parts.iter().rposition(|part| part.starts_with("patient"));
        parts[start.unwrap_or(parts.len() - 1)..].join("_")
    })?;
    let mut samples = Vec::new();
    for part in PARTS {
        let (path, found) = match (
            file(root, "segmentations", part),
            file(root, "annotations", part),
        ) {
            (Some(path), _) => (path.clone(), segmentations(&path)?),
            (None, Some(path)) => (path.clone(), outlines(&path)?),
            (None, None) => continue,
        };
        let missing = found.keys().filter(|id| !pictures.contains_key(*id));
        files::all_there(&path, root, missing.cloned().collect())?;
        for (id, (size, tasks)) in found {
            let picture = Picture::File(pictures[&id].clone());
            // An unreadable picture is reported when it is loaded.
            if let Ok(actual) = picture.size()
                && actual != (size[0], size[1])
            {
                let expected = format!("{} × {}, the picture's size", actual.1, actual.0);
                let found = format!("{} × {}", size[1], size[0]);
                return Err(Error::annotation(&path, &id, expected, found));
            }
            let objects = objects(&path, &id, tasks, &classes)?;
            samples.push(Sample {
                id,
                picture,
                class: target(&objects),
                objects,
                split: Split::of(part),
            });
        }
    }
    Ok((classes, samples))
}

/// Each picture's height and width, and its shapes by pathology.
type Found = BTreeMap<String, ([usize; 2], BTreeMap<String, Shape>)>;

fn objects(
    path: &Path,
    id: &str,
    mut tasks: BTreeMap<String, Shape>,
    classes: &[Class],
) -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    for class in classes {
        let shape = tasks.remove(&*class.name);
        objects.extend(shape.map(|shape| Object::new(class.clone(), shape)));
    }
    match tasks.into_keys().next() {
        None => Ok(objects),
        Some(task) => {
            let expected = format!("one of `{}`", TASKS.join("`, `"));
            Err(Error::annotation(path, id, expected, files::quoted(&task)))
        }
    }
}

fn segmentations(path: &Path) -> Result<Found> {
    let parsed: Keys<Keys<Encoded>> = json(path)?;
    let mut found = BTreeMap::new();
    for (id, Keys(tasks)) in parsed.0 {
        let mut shapes = BTreeMap::new();
        let mut common = None;
        for (task, Encoded { size, counts }) in tasks {
            let [height, width] = size;
            let runs = decompress(&counts)
                .and_then(|runs| check_runs(&runs, height, width).map(|()| runs));
            let runs = runs.map_err(|error| {
                let at = format!("`{id}`, `{task}`");
                Error::annotation(path, at, "run lengths", error.to_string())
            })?;
            // A pathology that was not found has a mask of zeros.
            if runs.iter().skip(1).step_by(2).any(|&run| run > 0) {
                shapes.insert(
                    task,
                    Shape::Runs {
                        height,
                        width,
                        runs,
                    },
                );
            }
            common = Some(size);
        }
        if let Some(size) = common.filter(|_| !shapes.is_empty()) {
            found.insert(id, (size, shapes));
        }
    }
    Ok(found)
}

fn outlines(path: &Path) -> Result<Found> {
    let parsed: Keys<Outlined> = json(path)?;
    let all = parsed.0.into_iter().map(|(id, outlined)| {
        let [height, width] = outlined.img_size;
        let shape = |polygons| Shape::Polygons {
            height,
            width,
            polygons,
        };
        let tasks = outlined.tasks.0.into_iter();
        let shapes = tasks.map(|(task, polygons)| (task, shape(polygons)));
        (id, (outlined.img_size, shapes.collect()))
    });
    Ok(all.collect())
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = files::bytes(path)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let at = files::at_line(error.line());
        Error::annotation(path, at, "CheXlocalize's ground truth", error.to_string())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::fixtures::{bytes, files_in, picture};
    use crate::mask::tests::drawn;
    use crate::{Layout, Split, open};

    #[test]
    fn segmentations_by_pathology() {
        // 2 × 4: runs 2, 3, 1, 2; the fourth is stored as 2 - 3 = -1, 31 + 48.
        let json = r#"{"patient1_study1_view1_frontal": {
            "Edema": {"size": [2, 4], "counts": "8"}, "Pleural Effusion": {"size": [2, 4], "counts": "62"},
            "Atelectasis": {"size": [2, 4], "counts": "231O"}}}"#;
        let dir = files_in(&[("CheXlocalize/gt_segmentations_val.json", json)]);
        picture(
            dir.path(),
            "CheXpert/val/patient1/study1/view1_frontal.png",
            4,
            2,
        );
        picture(
            dir.path(),
            "CheXpert/val/patient2/study1/view1_frontal.png",
            4,
            2,
        );
        let set = open(dir.path()).unwrap();
        assert_eq!((set.layout, set.samples.len()), (Layout::CheXlocalize, 1));
        let sample = &set.samples[0];
        assert_eq!(sample.split, Some(Split::Validation));
        let names: Vec<&str> = sample.objects.iter().map(|o| &*o.class.name).collect();
        assert_eq!(names, ["Atelectasis", "Pleural Effusion"]);
        let target = sample.target_mask().unwrap().unwrap();
        assert_eq!(target, drawn(&[".###", ".#.#"]));
    }

    #[test]
    fn polygons_and_mistakes() {
        let json = r#"{"patient1_study1_view1_frontal": {"img_size": [2, 4], "Edema": [[[0, 0], [2, 0], [2, 1], [0, 1]]]}}"#;
        let dir = files_in(&[("gt_annotations_test.json", json)]);
        picture(dir.path(), "patient1_study1_view1_frontal.png", 4, 2);
        let set = open(dir.path()).unwrap();
        let target = set.samples[0].target_mask().unwrap().unwrap();
        assert_eq!(target, drawn(&["##..", "...."]));
        bytes(dir.path(), "patient1_study1_view1_frontal.png", b"broken");
        let broken = &open(dir.path()).unwrap().samples[0];
        assert!(broken.rgb().is_err() && broken.objects.len() == 1);
        for (from, to, expected) in [
            ("Edema", "Oedema", "found `Oedema`"),
            (
                "[2, 4]",
                "[4, 2]",
                "expected 4 × 2, the picture's size, found 2 × 4",
            ),
            ("patient1", "patient3", "names 1 pictures"),
            ("[0, 1]", "[0]", "line 1: expected CheXlocalize"),
        ] {
            let dir = files_in(&[("gt_annotations_test.json", &json.replace(from, to))]);
            picture(dir.path(), "patient1_study1_view1_frontal.png", 4, 2);
            let error = open(dir.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}\n{expected}");
        }
    }

    #[test]
    fn what_is_there_twice_is_refused() {
        let outlines = r#"{"patient1_frontal": {"img_size": [2, 4], "Edema": [[[0, 0]]], "Edema": [[[0, 0], [2, 0], [2, 1]]]}}"#;
        let masks = r#"{"patient1_frontal": {"Edema": {"size": [2, 4], "counts": "62"}, "Edema": {"size": [2, 4], "counts": "8"}}}"#;
        let pictures = r#"{"patient1_frontal": {"Edema": {"size": [2, 4], "counts": "62"}}, "patient1_frontal": {}}"#;
        for (name, json, twice) in [
            ("annotations", outlines, "Edema"),
            ("segmentations", masks, "Edema"),
            ("segmentations", pictures, "patient1_frontal"),
        ] {
            let dir = files_in(&[(&format!("gt_{name}_val.json"), json)]);
            picture(dir.path(), "patient1_frontal.png", 4, 2);
            let error = open(dir.path()).unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{twice}` occurs twice")),
                "{error}"
            );
        }
        let once = r#"{"patient1_frontal": {"Edema": {"size": [2, 4], "counts": "62"}}}"#;
        let dir = files_in(&[("gt_segmentations_val.json", once)]);
        picture(dir.path(), "large/patient1_frontal.png", 4, 2);
        assert_eq!(open(dir.path()).unwrap().samples.len(), 1);
        picture(dir.path(), "small/patient1/frontal.png", 2, 1);
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("one picture of each name"), "{error}");
    }
}
