//! Writes COCO instances: PNGs in `images/`, and `instances.json` with every mask as a list of run lengths.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use super::coco::{Annotated, Category, Counts, Image, Instances, Segmentation};
use crate::runs::to_runs;
use crate::shape::rectangle;
use crate::{Class, Error, Object, Rect, Result, Sample};

/// Writes samples, one at a time, into an existing folder. Boxes stay boxes; everything else becomes run lengths.
///
/// # Errors
/// [`Error::Write`], and the errors of loading a picture or an object.
pub(crate) fn write(
    classes: &[Class],
    samples: impl Iterator<Item = Result<Sample>>,
    folder: &Path,
) -> Result<()> {
    let pictures = folder.join("images");
    fs::create_dir(&pictures).map_err(Error::write(&pictures))?;
    let mut all = Instances {
        images: Vec::new(),
        annotations: Vec::new(),
        categories: Vec::new(),
    };
    for class in classes {
        all.categories.push(Category {
            id: class.number,
            name: class.name.to_string(),
        });
    }
    for (id, sample) in samples.enumerate() {
        let sample = sample?;
        let image = sample.rgb()?;
        let (height, width) = (image.height() as usize, image.width() as usize);
        let file_name = format!("{id:06}.png");
        let path = pictures.join(&file_name);
        image.save(&path).map_err(|error| match error {
            image::ImageError::IoError(source) => Error::write(&path)(source),
            other => Error::write(&path)(std::io::Error::other(other)),
        })?;
        for object in &sample.objects {
            let number = all.annotations.len() as u64;
            let annotated = annotated(object, height, width)?;
            all.annotations.push(Annotated {
                id: number,
                image_id: id as u64,
                ..annotated
            });
        }
        all.images.push(Image {
            id: id as u64,
            file_name,
            width,
            height,
            category_id: sample.class.as_ref().map(|class| class.number),
            split: sample.split,
        });
    }
    json(&folder.join("instances.json"), &all)
}

/// Writes a new JSON file that ends with a line break.
pub(crate) fn json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let file = File::create_new(path).map_err(Error::write(path))?;
    let mut out = BufWriter::new(file);
    serde_json::to_writer(&mut out, value).map_err(|error| Error::write(path)(error.into()))?;
    out.write_all(b"\n")
        .and_then(|()| out.flush())
        .map_err(Error::write(path))
}

fn annotated(object: &Object, height: usize, width: usize) -> Result<Annotated> {
    let rect = rectangle(&object.shape, object.rect, height, width)?;
    let (area, segmentation) = if object.shape.is_box() {
        (rect.map_or(0.0, |rect| rect.width * rect.height), None)
    } else {
        let mask = object.shape.mask(height, width)?;
        let runs = Segmentation::Runs {
            size: [height, width],
            counts: Counts::List(to_runs(&mask)),
        };
        (mask.area() as f64, Some(runs))
    };
    let corner = |rect: Rect| [rect.x, rect.y, rect.width, rect.height];
    Ok(Annotated {
        id: 0,
        image_id: 0,
        category_id: object.class.number,
        iscrowd: object.crowd.into(),
        difficult: object.difficult,
        area,
        bbox: rect.map(corner),
        segmentation,
    })
}
