//! A data set: samples, their classes, and the origin of both.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Class, Layout, Sample};

/// Pictures with their annotations. Nothing is decoded until it is asked for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Dataset {
    /// The name of the folder or the generator.
    pub name: String,
    /// How it lies on the disk.
    pub layout: Layout,
    /// Whether the pictures were collected or computed.
    pub kind: Kind,
    /// The classes, sorted by number. The numbers have gaps if the data set's own do.
    pub classes: Vec<Class>,
    /// The weakest annotation among the objects.
    pub annotation: Annotation,
    /// The pictures, in a fixed order.
    pub samples: Vec<Sample>,
}

impl Dataset {
    /// Creates a real data set with the layout [`Layout::Folder`]. Its classes are those of the samples and their objects. To change a
    /// field, assign it.
    pub fn new(name: impl Into<String>, samples: Vec<Sample>) -> Dataset {
        let shown = samples.iter().flat_map(|sample| &sample.class);
        let objects = samples.iter().flat_map(|sample| &sample.objects);
        let classes: BTreeSet<&Class> = shown.chain(objects.map(|object| &object.class)).collect();
        Dataset {
            name: name.into(),
            layout: Layout::Folder,
            kind: Kind::Real,
            classes: classes.into_iter().cloned().collect(),
            annotation: annotation(&samples),
            samples,
        }
    }
}

/// The origin of a data set. There is no third kind, so the enum is exhaustive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Kind {
    /// Collected. A set without a `synthetic.json` counts as real.
    Real,
    /// Computed; results on it must not be compared with published ones.
    Synthetic {
        /// The generator's name.
        generator: String,
        /// Its seed.
        seed: u64,
        /// Its parameters.
        parameters: serde_json::Value,
    },
}

/// The weakest annotation among a data set's objects. There are only these three, so the enum is exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Annotation {
    /// There are no objects.
    None,
    /// At least one object has only a box.
    Box,
    /// Every object has a mask or outlines.
    Mask,
}

/// Returns the weakest annotation among the samples' objects.
pub(crate) fn annotation(samples: &[Sample]) -> Annotation {
    let objects = || samples.iter().flat_map(|sample| &sample.objects);
    if objects().next().is_none() {
        Annotation::None
    } else if objects().any(|object| object.shape.is_box()) {
        Annotation::Box
    } else {
        Annotation::Mask
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use image::RgbImage;

    use super::*;
    use crate::class::numbered;
    use crate::{Object, Picture, Rect, Shape};

    #[test]
    fn a_data_set_has_the_classes_of_its_samples() {
        let classes = numbered(["cat", "dog", "drake"]);
        let mut sample = Sample::new("1", Picture::Memory(Arc::new(RgbImage::new(3, 2))));
        sample.class = Some(classes[1].clone());
        sample.objects = vec![Object::new(
            classes[0].clone(),
            Shape::Box(Rect::whole(1, 1)),
        )];
        let set = Dataset::new("own", vec![sample]);
        assert_eq!(set.classes, classes[..2]);
        assert_eq!(set.annotation, Annotation::Box);
    }
}
