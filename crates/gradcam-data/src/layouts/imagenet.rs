//! The validation set of ILSVRC 2012, as packed by the challenge or by Kaggle.
//!
//! Pictures are in `ILSVRC/Data/CLS-LOC/val/`, `Data/CLS-LOC/val/` or `val/`, flat or in one folder per synset. The class comes from that
//! folder, or else from the picture's first box. Boxes come from the XML (`Annotations/CLS-LOC/val/`), or else from `LOC_val_solution.csv`.
//! Class numbers are the lines of `LOC_synset_mapping.txt`, from 0. Without that file they are the synsets' positions in sorted order,
//! which equal ImageNet's numbers only if all 1000 occur.
//!
//! Boxes count pixels from 0 and include their last row and column: zeros occur among the minima, and the challenge's own overlap adds 1 to
//! each difference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::read::Read;
use super::table::Table;
use super::xml;
use crate::class::numbered;
use crate::{Class, Error, Object, Picture, Rect, Result, Sample, Shape, Split, files};

const SOLUTION: &str = "LOC_val_solution.csv";
const SYNSETS: &str = "LOC_synset_mapping.txt";

fn pictures(root: &Path) -> Option<PathBuf> {
    let below = ["ILSVRC/Data/CLS-LOC/val", "Data/CLS-LOC/val", "val"];
    files::first(below.map(|folder| root.join(folder)))
}

fn annotations(root: &Path) -> Option<PathBuf> {
    let below = [
        "ILSVRC/Annotations/CLS-LOC/val",
        "Annotations/CLS-LOC/val",
        "Annotations/val",
    ];
    files::first(below.map(|folder| root.join(folder)))
}

pub(super) fn matches(path: &Path) -> bool {
    let known = [SOLUTION, SYNSETS].iter().any(|f| path.join(f).is_file());
    pictures(path).is_some() && (known || annotations(path).is_some())
}

/// A synset and its box.
type Located = (String, Rect);

pub(super) fn read(root: &Path) -> Read {
    let folder = pictures(root)
        .ok_or_else(|| Error::annotation(root, "", "pictures in `val`", "no such folder"))?;
    let pictures = files::pictures_by_stem(&folder)?;
    let mut located = solution(root)?;
    let solved = located.keys().filter(|id| !pictures.contains_key(*id));
    files::all_there(&root.join(SOLUTION), &folder, solved.cloned().collect())?;
    if let Some(boxes) = annotations(root) {
        for file in files::named(&boxes, |name| name.ends_with(".xml")) {
            let all = xml::objects(&file, 0.0)?.into_iter();
            located.insert(files::stem(&file), all.map(|o| (o.name, o.rect)).collect());
        }
        let missing = located.keys().filter(|id| !pictures.contains_key(*id));
        files::all_there(&boxes, &folder, missing.cloned().collect())?;
    }
    let synset = |id: &String, picture: &Path| -> Option<String> {
        let parent = picture.parent().filter(|parent| *parent != folder);
        let first = || Some(located.get(id)?.first()?.0.clone());
        parent.map(files::name).or_else(first)
    };
    let found: BTreeMap<&String, Option<String>> = pictures
        .iter()
        .map(|(id, picture)| (id, synset(id, picture)))
        .collect();
    let boxes = located.values().flatten().map(|(synset, _)| synset);
    let seen: BTreeSet<&String> = found.values().flatten().chain(boxes).collect();
    let by_synset = classes(root, &seen)?;
    let class = |synset: &String| {
        by_synset.get(synset).cloned().ok_or_else(|| {
            let expected = format!("the synset `{synset}`");
            Error::annotation(&root.join(SYNSETS), "", expected, "no such line")
        })
    };
    let mut samples = Vec::new();
    for (id, picture) in &pictures {
        let mut objects = Vec::new();
        for (synset, rect) in located.get(id).map(Vec::as_slice).unwrap_or_default() {
            objects.push(Object::new(class(synset)?, Shape::Box(*rect)));
        }
        let synset = found.get(id).and_then(Option::as_ref);
        samples.push(Sample {
            id: id.clone(),
            picture: Picture::File(picture.clone()),
            class: synset.map(class).transpose()?,
            objects,
            split: Some(Split::Validation),
        });
    }
    let mut classes: Vec<Class> = by_synset.into_values().collect();
    classes.sort_unstable();
    Ok((classes, samples))
}

/// Maps synsets to classes.
fn classes(root: &Path, seen: &BTreeSet<&String>) -> Result<BTreeMap<String, Class>> {
    let mapping = root.join(SYNSETS);
    if !mapping.is_file() {
        let all = numbered(seen.iter().map(|synset| synset.as_str())).into_iter();
        return Ok(all.map(|class| (class.name.to_string(), class)).collect());
    }
    let lines = files::pairs(&mapping)?;
    let class = |(number, (_, synset, names)): (usize, (usize, String, String))| {
        // The synset's first name, as in ImageNet's labels.
        let name = names.split(',').next().unwrap_or_default().trim().into();
        (synset, Class { number, name })
    };
    Ok(lines.into_iter().enumerate().map(class).collect())
}

/// Reads `ImageId,PredictionString`: groups of a synset and four numbers.
fn solution(root: &Path) -> Result<BTreeMap<String, Vec<Located>>> {
    let path = root.join(SOLUTION);
    let mut located = BTreeMap::new();
    if !path.is_file() {
        return Ok(located);
    }
    for row in Table::read(&path)?.rows() {
        let text = row.field("PredictionString")?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let (groups, []) = words.as_chunks::<5>() else {
            let expected = "groups of a synset and four numbers";
            return Err(row.wrong(expected, files::quoted(text)));
        };
        let mut boxes = Vec::new();
        for [synset, x0, y0, x1, y1] in groups {
            let number = |word: &str| files::number::<f64>(&path, row.line, "a number", word);
            let low = [number(x0)?, number(y0)?];
            let rect = Rect::inclusive(low, [number(x1)?, number(y1)?]);
            if !rect.is_valid() {
                return Err(row.wrong("a box", files::quoted(text)));
            }
            boxes.push((synset.to_string(), rect));
        }
        located.insert(row.field("ImageId")?.to_string(), boxes);
    }
    Ok(located)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::fixtures::{files_in, picture};
    use crate::{Layout, Rect, open};

    const MAPPING: &str = "n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n";

    #[test]
    fn flat_with_the_solution() {
        let csv = "ImageId,PredictionString\nILSVRC2012_val_00000002,n01443537 0 1 2 2 n01440764 1 1 1 1 \nILSVRC2012_val_00000001,n01440764 0 0 3 2\n";
        let dir = files_in(&[
            ("LOC_synset_mapping.txt", MAPPING),
            ("LOC_val_solution.csv", csv),
        ]);
        for i in 1..=2 {
            let path = format!("ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_{i:08}.png");
            picture(dir.path(), &path, 4, 3);
        }
        let set = open(dir.path()).unwrap();
        assert_eq!(set.layout, Layout::ImageNet);
        let second = &set.samples[1];
        let class = second.class.as_ref().unwrap();
        assert_eq!((class.number, &*class.name), (1, "goldfish"));
        let expected = Rect {
            x: 0.0,
            y: 1.0,
            width: 3.0,
            height: 2.0,
        };
        assert_eq!(second.rects().unwrap()[0], Some(expected));
        // The tench's box is not the target's.
        assert_eq!(second.target_mask().unwrap().unwrap().area(), 6);
        std::fs::write(
            dir.path().join("LOC_val_solution.csv"),
            csv.replace("0 1 2 2", "0 1 2"),
        )
        .unwrap();
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("line 2: expected groups of a synset"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_a_synset_with_xml() {
        let xml = "<annotation><object><name>n01443537</name><bndbox><xmin>1</xmin><ymin>0</ymin><xmax>1</xmax><ymax>0</ymax></bndbox></object></annotation>";
        let dir = files_in(&[
            ("LOC_synset_mapping.txt", MAPPING),
            ("Annotations/CLS-LOC/val/v_2.xml", xml),
        ]);
        picture(dir.path(), "val/n01440764/v_1.png", 4, 3);
        picture(dir.path(), "val/n01443537/v_2.png", 4, 3);
        let set = open(dir.path()).unwrap();
        let numbers: Vec<_> = set
            .samples
            .iter()
            .map(|s| s.class.as_ref().unwrap().number)
            .collect();
        assert_eq!(numbers, [0, 1]);
        assert_eq!(set.samples[1].target_mask().unwrap().unwrap().area(), 1);
        std::fs::remove_file(dir.path().join("val/n01443537/v_2.png")).unwrap();
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("names 1 pictures"), "{error}");
    }
}
