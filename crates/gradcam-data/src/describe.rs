//! The contents of a data set, in numbers.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Annotation, Class, Dataset, Kind, Layout, Sample, Split};

/// The contents of a data set, in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The data set's name.
    pub name: String,
    /// The layout on disk.
    pub layout: Layout,
    /// Whether the pictures were collected or computed.
    #[serde(flatten)]
    pub kind: Kind,
    /// The weakest annotation among the objects.
    pub annotation: Annotation,
    /// Number of pictures.
    pub pictures: usize,
    /// Number of pictures in each split; pictures without a split are not counted.
    pub splits: BTreeMap<Split, usize>,
    /// The classes with their numbers of pictures and objects.
    pub classes: Vec<ClassCount>,
    /// Number of annotated objects, including crowds.
    pub objects: usize,
    /// Number of objects marked as difficult.
    pub difficult: usize,
    /// Number of crowds.
    pub crowds: usize,
    /// Number of pictures without a class.
    pub without_class: usize,
    /// Number of pictures without objects.
    pub without_objects: usize,
    /// The smallest and the largest height and width in a sample of at most [`LOOKED_AT`] pictures, spread over the set; `None` if none can
    /// be read.
    pub sizes: Option<Sizes>,
    /// The ids of the pictures of that sample that cannot be read.
    pub unreadable: Vec<String>,
}

/// A class and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClassCount {
    /// The class.
    #[serde(flatten)]
    pub class: Class,
    /// Pictures of this class.
    pub pictures: usize,
    /// Objects of this class.
    pub objects: usize,
}

/// Sizes of pictures in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Sizes {
    /// The smallest height and the smallest width.
    pub least: (usize, usize),
    /// The largest height and the largest width.
    pub most: (usize, usize),
}

/// The most picture headers that [`describe`] reads.
pub const LOOKED_AT: usize = 32;

/// Counts a data set's pictures, classes and objects, and reads the headers of some pictures.
pub fn describe(dataset: &Dataset) -> Summary {
    let samples = &dataset.samples;
    let mut splits = BTreeMap::new();
    let mut pictures: BTreeMap<usize, usize> = BTreeMap::new();
    let mut objects: BTreeMap<usize, usize> = BTreeMap::new();
    for sample in samples {
        if let Some(split) = sample.split {
            *splits.entry(split).or_default() += 1;
        }
        if let Some(class) = &sample.class {
            *pictures.entry(class.number).or_default() += 1;
        }
        for object in &sample.objects {
            *objects.entry(object.class.number).or_default() += 1;
        }
    }
    let count = |counts: &BTreeMap<usize, usize>, class: &Class| {
        counts.get(&class.number).copied().unwrap_or_default()
    };
    let classes = dataset.classes.iter().map(|class| ClassCount {
        class: class.clone(),
        pictures: count(&pictures, class),
        objects: count(&objects, class),
    });
    let all = || samples.iter().flat_map(|sample| &sample.objects);
    let (sizes, unreadable) = look(samples);
    Summary {
        name: dataset.name.clone(),
        layout: dataset.layout,
        kind: dataset.kind.clone(),
        annotation: dataset.annotation,
        pictures: samples.len(),
        splits,
        classes: classes.collect(),
        objects: all().count(),
        difficult: all().filter(|object| object.difficult).count(),
        crowds: all().filter(|object| object.crowd).count(),
        without_class: samples.iter().filter(|s| s.class.is_none()).count(),
        without_objects: samples.iter().filter(|s| s.objects.is_empty()).count(),
        sizes,
        unreadable,
    }
}

fn look(samples: &[Sample]) -> (Option<Sizes>, Vec<String>) {
    let mut sizes: Option<Sizes> = None;
    let mut unreadable = Vec::new();
    let step = samples.len().div_ceil(LOOKED_AT).max(1);
    for sample in samples.iter().step_by(step) {
        let Ok((height, width)) = sample.size() else {
            unreadable.push(sample.id.clone());
            continue;
        };
        let Sizes { least, most } = sizes.unwrap_or(Sizes {
            least: (height, width),
            most: (height, width),
        });
        sizes = Some(Sizes {
            least: (least.0.min(height), least.1.min(width)),
            most: (most.0.max(height), most.1.max(width)),
        });
    }
    (sizes, unreadable)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fixtures::{bytes, files_in, picture};
    use crate::open;

    #[test]
    fn counts_sizes_and_what_is_broken() {
        let dir = files_in(&[]);
        picture(dir.path(), "train/cat/1.png", 4, 3);
        picture(dir.path(), "train/dog/1.png", 2, 5);
        picture(dir.path(), "val/dog/2.png", 3, 3);
        bytes(dir.path(), "val/dog/3.png", b"no picture");
        let found = describe(&open(dir.path()).unwrap());
        assert_eq!(
            (found.pictures, found.objects, found.without_objects),
            (4, 0, 4)
        );
        let counts: Vec<usize> = found.classes.iter().map(|c| c.pictures).collect();
        assert_eq!(counts, [1, 3]);
        assert_eq!(
            found.splits,
            BTreeMap::from([(Split::Train, 2), (Split::Validation, 2)])
        );
        let sizes = Sizes {
            least: (3, 2),
            most: (5, 4),
        };
        assert_eq!(
            (found.sizes, found.unreadable.clone()),
            (Some(sizes), vec!["val/dog/3".to_string()])
        );
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(json["kind"], "real");
        assert_eq!(json["splits"]["train"], 2);
        assert_eq!(json["classes"][1]["name"], "dog");
    }
}
