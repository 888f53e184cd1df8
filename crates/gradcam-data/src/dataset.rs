//! A data set: pictures, their classes, and where the objects are.

use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::nearest;
use crate::shape::rectangle;
use crate::{Error, Mask, Picture, Rect, Result, Shape};

/// Pictures with their annotations. Nothing is decoded until it is asked for.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The name of its folder or of its generator.
    pub name: String,
    /// How it lies on the disk.
    pub layout: Layout,
    /// Whether it was photographed or computed.
    pub kind: Kind,
    /// Its classes by number. Numbers may have gaps where the data set's own numbers do.
    pub classes: Vec<Class>,
    /// The least that its objects are annotated with.
    pub annotation: Annotation,
    /// The pictures, in a fixed order.
    pub samples: Vec<Sample>,
}

/// A class: its number in the data set, and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Class {
    /// The number, from 0; the data set's own where it has one.
    pub number: usize,
    /// The name as the data set says it.
    pub name: Arc<str>,
}

/// A picture and what is in it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Unique in the data set, and the same on every machine.
    pub id: String,
    /// The picture.
    pub picture: Picture,
    /// What the picture shows, if that is annotated. Where its objects have several classes, it is the first object's that is no crowd.
    pub class: Option<Class>,
    /// What is where, in the annotations' order.
    pub objects: Vec<Object>,
    /// The part of the data set that the picture belongs to.
    pub split: Option<Split>,
}

/// An object in a picture.
#[derive(Debug, Clone)]
pub struct Object {
    /// What it is.
    pub class: Class,
    /// Where it is.
    pub shape: Shape,
    /// Its annotated box, where there is one beside the shape.
    pub rect: Option<Rect>,
    /// Annotated as hard to recognise, and not counted by the data set's own evaluation.
    pub difficult: bool,
    /// A region with many objects rather than one.
    pub crowd: bool,
}

impl Object {
    /// An object without further remarks.
    pub fn new(class: Class, shape: Shape) -> Object {
        Object {
            class,
            shape,
            rect: None,
            difficult: false,
            crowd: false,
        }
    }
}

/// How a data set came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Kind {
    /// Collected. A set without a `synthetic.json` counts as real.
    Real,
    /// Computed; never to be compared with published figures.
    Synthetic {
        /// The generator's name.
        generator: String,
        /// Its seed.
        seed: u64,
        /// Its parameters.
        parameters: serde_json::Value,
    },
}

/// The least that a data set's objects are annotated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Annotation {
    /// There are no objects.
    None,
    /// Some objects have only a box.
    Box,
    /// Every object has its pixels.
    Mask,
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// For fitting.
    Train,
    /// For choosing.
    Validation,
    /// For measuring.
    Test,
}

impl Split {
    /// The split that a folder or file of this name holds, in any of the usual spellings.
    pub(crate) fn of(name: &str) -> Option<Split> {
        match name.to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Split::Train),
            "val" | "valid" | "validation" | "dev" => Some(Split::Validation),
            "test" | "testing" | "t10k" => Some(Split::Test),
            _ => None,
        }
    }
}

/// How a data set lies on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Pictures in a folder, or in one for each class.
    Folder,
    /// The validation set of ILSVRC.
    ImageNet,
    /// Pascal VOC.
    Voc,
    /// COCO's instances.
    Coco,
    /// CUB-200-2011.
    Cub,
    /// Benchmarking Attribution Methods.
    Bam,
    /// MNIST's IDX files.
    Idx,
    /// CheXlocalize.
    CheXlocalize,
    /// SIIM-ACR pneumothorax segmentation.
    Siim,
    /// RSNA pneumonia detection.
    Rsna,
    /// Drawn when it is asked for, and not on a disk.
    Generated,
}

impl Layout {
    /// Those that a folder can have, in the order in which [`open`](crate::open) tries them.
    pub const ALL: [Layout; 10] = [
        Layout::Cub,
        Layout::Idx,
        Layout::CheXlocalize,
        Layout::Siim,
        Layout::Rsna,
        Layout::Voc,
        Layout::ImageNet,
        Layout::Bam,
        Layout::Coco,
        Layout::Folder,
    ];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Folder => "folder",
            Layout::ImageNet => "imagenet",
            Layout::Voc => "voc",
            Layout::Coco => "coco",
            Layout::Cub => "cub",
            Layout::Bam => "bam",
            Layout::Idx => "idx",
            Layout::CheXlocalize => "chexlocalize",
            Layout::Siim => "siim",
            Layout::Rsna => "rsna",
            Layout::Generated => "generated",
        }
    }
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(name: &str) -> Result<Layout> {
        let found = Layout::ALL.into_iter().find(|layout| layout.name() == name);
        found.ok_or_else(|| Error::UnknownLayout {
            name: name.to_string(),
            nearest: nearest(name, Layout::ALL.into_iter().map(Layout::name)),
        })
    }
}

impl Sample {
    /// The union of the wanted objects, at the picture's own size. Without any it is empty.
    ///
    /// # Errors
    /// [`Error::Sample`] with the reason.
    pub fn mask(&self, wanted: impl Fn(&Object) -> bool) -> Result<Mask> {
        self.named(|| {
            let (height, width) = self.picture.size()?;
            let mut union = Mask::empty(height, width)?;
            for object in self.objects.iter().filter(|object| wanted(object)) {
                union.add(&object.shape.mask(height, width)?)?;
            }
            Ok(union)
        })
    }

    /// The pixels of the objects of the picture's own class, crowds aside; none where there is no such object.
    ///
    /// # Errors
    /// [`Error::Sample`] with the reason.
    pub fn target_mask(&self) -> Result<Option<Mask>> {
        let wanted = |object: &Object| Some(&object.class) == self.class.as_ref() && !object.crowd;
        match self.objects.iter().any(wanted) {
            true => self.mask(wanted).map(Some),
            false => Ok(None),
        }
    }

    /// The rectangle of each object: the annotated one, or the smallest around its pixels (none for an object without pixels).
    ///
    /// # Errors
    /// [`Error::Sample`] with the reason.
    pub fn rects(&self) -> Result<Vec<Option<Rect>>> {
        self.named(|| {
            let (height, width) = self.picture.size()?;
            let all = self.objects.iter();
            all.map(|object| rectangle(&object.shape, object.rect, height, width))
                .collect()
        })
    }

    fn named<T>(&self, load: impl FnOnce() -> Result<T>) -> Result<T> {
        load().map_err(|source| Error::Sample {
            id: self.id.clone(),
            source: Box::new(source),
        })
    }
}

/// The class of the first object that is no crowd.
pub(crate) fn target(objects: &[Object]) -> Option<Class> {
    let object = objects.iter().find(|object| !object.crowd)?;
    Some(object.class.clone())
}

/// The least that the samples' objects are annotated with.
pub(crate) fn annotation(samples: &[Sample]) -> Annotation {
    let objects = || samples.iter().flat_map(|sample| &sample.objects);
    match objects().any(|object| object.shape.is_box()) {
        true => Annotation::Box,
        false if objects().next().is_some() => Annotation::Mask,
        false => Annotation::None,
    }
}

/// Classes numbered by their place.
pub(crate) fn numbered<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Vec<Class> {
    let class = |(number, name): (usize, T)| Class {
        number,
        name: name.as_ref().into(),
    };
    names.into_iter().enumerate().map(class).collect()
}
