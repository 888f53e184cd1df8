//! A sample: a picture, its class, and its objects' positions.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use serde::{Deserialize, Serialize};

use crate::shape::rectangle;
use crate::{Class, Error, Mask, Picture, Rect, Result, Shape};

/// A picture and its annotations.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Sample {
    /// Unique in the data set, and the same on every machine.
    pub id: String,
    /// The picture.
    pub picture: Picture,
    /// The picture's class; `None` if it has no annotation. If its objects have several classes, this is the class of the first object that
    /// is not a crowd.
    pub class: Option<Class>,
    /// The annotated objects, in the order of the annotations.
    pub objects: Vec<Object>,
    /// The part of the data set to which the picture belongs.
    pub split: Option<Split>,
}

impl Sample {
    /// Creates a sample without annotations; assign the fields to add them.
    pub fn new(id: impl Into<String>, picture: Picture) -> Sample {
        Sample {
            id: id.into(),
            picture,
            class: None,
            objects: Vec::new(),
            split: None,
        }
    }
}

/// An object in a picture.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Object {
    /// What it is.
    pub class: Class,
    /// Where it is.
    pub shape: Shape,
    /// The annotated box, if there is one beside the shape.
    pub rect: Option<Rect>,
    /// Whether the object is annotated as hard to recognise; the data set's own evaluation leaves such objects out.
    pub difficult: bool,
    /// Whether this is a region with many objects rather than one object.
    pub crowd: bool,
}

impl Object {
    /// Creates an object without a separate box that is neither difficult nor a crowd.
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

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Split {
    /// For fitting.
    Train,
    /// For choosing.
    Validation,
    /// For measuring.
    Test,
}

impl Split {
    /// Returns the split that a folder or file of this name holds, in any of the usual spellings.
    pub(crate) fn of(name: &str) -> Option<Split> {
        match name.to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Split::Train),
            "val" | "valid" | "validation" | "dev" => Some(Split::Validation),
            "test" | "testing" | "t10k" => Some(Split::Test),
            _ => None,
        }
    }
}

impl Sample {
    /// Returns the EXIF rotation or flip to apply before the picture is viewed or its objects are marked.
    ///
    /// A picture with objects stays as stored, because data sets annotate the stored pixels, unless an object was drawn on a picture of the
    /// turned size or all objects are in shares of its sides.
    ///
    /// # Errors
    /// [`Error::Sample`] with the reason.
    pub fn orientation(&self) -> Result<Orientation> {
        self.named(|| Ok(self.header()?.1))
    }

    /// Returns the upright picture's height and width, in pixels. Of a file, only the header is read.
    ///
    /// # Errors
    /// [`Error::Sample`] with the reason.
    pub fn size(&self) -> Result<(usize, usize)> {
        self.named(|| Ok(self.header()?.0))
    }

    /// Returns the viewed picture's height and width, and the turn that leads to it.
    fn header(&self) -> Result<((usize, usize), Orientation)> {
        let (stored, own) = self.picture.header()?;
        let upright = turned(stored, own);
        let relative = |object: &Object| object.shape.is_relative();
        if own == Orientation::NoTransforms || self.objects.iter().all(relative) {
            return Ok((upright, own));
        }
        let mut drawn_on = None;
        for object in &self.objects {
            drawn_on = drawn_on.or(object.shape.drawn_on()?);
        }
        if upright != stored && drawn_on == Some(upright) {
            return Ok((upright, own));
        }
        Ok((stored, Orientation::NoTransforms))
    }

    /// Loads the picture as 8-bit RGB, turned by [`orientation`](Sample::orientation). Alpha is dropped, and grey is copied to all
    /// channels.
    ///
    /// # Errors
    /// As [`Picture::rgb`].
    pub fn rgb(&self) -> Result<RgbImage> {
        let mut image = DynamicImage::ImageRgb8(self.picture.rgb()?);
        image.apply_orientation(self.header()?.1);
        Ok(image.into_rgb8())
    }

    /// Returns the union of the wanted objects at [`size`](Sample::size). The mask is empty if no object is wanted.
    ///
    /// # Errors
    /// [`Error::Sample`] with the reason.
    pub fn mask(&self, wanted: impl Fn(&Object) -> bool) -> Result<Mask> {
        let (height, width) = self.size()?;
        self.named(|| {
            let mut union = Mask::empty(height, width)?;
            for object in self.objects.iter().filter(|object| wanted(object)) {
                union.add(&object.shape.mask(height, width)?)?;
            }
            Ok(union)
        })
    }

    /// Returns the pixels of the objects of the picture's own class, except crowds; `None` if there is no such object.
    ///
    /// # Errors
    /// [`Error::Sample`] with the reason.
    pub fn target_mask(&self) -> Result<Option<Mask>> {
        let wanted = |object: &Object| Some(&object.class) == self.class.as_ref() && !object.crowd;
        if !self.objects.iter().any(wanted) {
            return Ok(None);
        }
        self.mask(wanted).map(Some)
    }

    /// Returns each object's rectangle: the annotated one, or else the bounding box of its pixels (`None` for an object without pixels).
    ///
    /// # Errors
    /// [`Error::Sample`] with the reason.
    pub fn rects(&self) -> Result<Vec<Option<Rect>>> {
        let (height, width) = self.size()?;
        self.named(|| {
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

/// Returns the height and width of a picture after its turn.
fn turned((height, width): (usize, usize), how: Orientation) -> (usize, usize) {
    match how {
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => (height, width),
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (width, height),
    }
}

/// Returns the class of the first object that is not a crowd.
pub(crate) fn target(objects: &[Object]) -> Option<Class> {
    let object = objects.iter().find(|object| !object.crowd)?;
    Some(object.class.clone())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use image::{Rgb, RgbImage};

    use super::*;
    use crate::class::numbered;
    use crate::fixtures::{files_in, oriented};
    use crate::{describe, open};

    /// Three columns and two rows; the upper left pixel is white.
    fn marked() -> RgbImage {
        let mut image = RgbImage::new(3, 2);
        image.put_pixel(0, 0, Rgb([255; 3]));
        image
    }

    #[test]
    fn a_picture_without_objects_is_upright() {
        let dir = files_in(&[]);
        // A quarter turn clockwise, and half a turn.
        oriented(dir.path(), "cat/1.png", &marked(), 6);
        oriented(dir.path(), "cat/2.png", &marked(), 3);
        oriented(dir.path(), "cat/3.png", &marked(), 1);
        let set = open(dir.path()).unwrap();
        let white: Vec<_> = set
            .samples
            .iter()
            .map(|sample| {
                let image = sample.rgb().unwrap();
                let size = (image.height() as usize, image.width() as usize);
                assert_eq!(sample.size().unwrap(), size);
                let found = image.enumerate_pixels().find(|(.., p)| p.0 == [255; 3]);
                found.map(|(x, y, _)| (size, (x, y))).unwrap()
            })
            .collect();
        assert_eq!(
            white,
            [((3, 2), (1, 0)), ((2, 3), (2, 1)), ((2, 3), (0, 0))]
        );
        assert_eq!(set.samples[0].picture.size().unwrap(), (2, 3));
        let sizes = describe(&set).sizes.unwrap();
        assert_eq!((sizes.least, sizes.most), ((2, 2), (3, 3)));
    }

    #[test]
    fn objects_keep_the_picture_that_they_were_drawn_on() {
        let dir = files_in(&[]);
        oriented(dir.path(), "1.png", &marked(), 6);
        let mut sample = open(dir.path()).unwrap().samples.remove(0);
        let class = numbered(["cat"]).remove(0);
        let mut with = |shape: Shape| {
            sample.class = Some(class.clone());
            sample.objects = vec![Object::new(class.clone(), shape)];
            let mask = sample.target_mask().unwrap().unwrap();
            let image = sample.rgb().unwrap();
            assert_eq!((mask.height, mask.width), sample.size().unwrap());
            assert_eq!(
                (image.height() as usize, image.width() as usize),
                sample.size().unwrap()
            );
            (sample.size().unwrap(), sample.orientation().unwrap())
        };
        let rect = Shape::Box(Rect::whole(1, 1));
        assert_eq!(with(rect), ((2, 3), Orientation::NoTransforms));
        let mask = |height, width| Shape::Mask(Arc::new(Mask::empty(height, width).unwrap()));
        assert_eq!(with(mask(2, 3)), ((2, 3), Orientation::NoTransforms));
        // Drawn in a program that turned the picture.
        assert_eq!(with(mask(3, 2)), ((3, 2), Orientation::Rotate90));
    }
}
