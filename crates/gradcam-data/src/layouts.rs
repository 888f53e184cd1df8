//! Layouts of data sets on disk: one file per layout, with a test whether a folder has it and a reader.

use std::collections::BTreeSet;
use std::path::Path;

use crate::dataset::annotation;
use crate::{Dataset, Error, Kind, Layout, Result, files};

mod bam;
mod chexlocalize;
mod coco;
mod coco_write;
mod cub;
mod findings;
mod folder;
mod idx;
mod imagenet;
mod keys;
mod masks;
mod read;
mod rsna;
mod siim;
mod table;
mod voc;
mod xml;

pub(crate) use coco_write::{json as write_json, write as write_coco};
pub(crate) use idx::write as write_idx;

/// Tells whether a path looks like a layout.
pub(crate) fn matches(layout: Layout, path: &Path) -> bool {
    match layout {
        Layout::Folder => folder::matches(path),
        Layout::ImageNet => imagenet::matches(path),
        Layout::Voc => voc::matches(path),
        Layout::Coco => coco::matches(path),
        Layout::Masks => masks::matches(path),
        Layout::Cub => cub::matches(path),
        Layout::Bam => bam::matches(path),
        Layout::Idx => idx::matches(path),
        Layout::CheXlocalize => chexlocalize::matches(path),
        Layout::Siim => siim::matches(path),
        Layout::Rsna => rsna::matches(path),
        Layout::Generated => false,
    }
}

/// Reads a path with a known layout.
pub(crate) fn read(layout: Layout, path: &Path) -> Result<Dataset> {
    let (classes, samples) = match layout {
        Layout::Folder => folder::read(path),
        Layout::ImageNet => imagenet::read(path),
        Layout::Voc => voc::read(path),
        Layout::Coco => coco::read(path),
        Layout::Masks => masks::read(path),
        Layout::Cub => cub::read(path),
        Layout::Bam => bam::read(path),
        Layout::Idx => idx::read(path),
        Layout::CheXlocalize => chexlocalize::read(path),
        Layout::Siim => siim::read(path),
        Layout::Rsna => rsna::read(path),
        Layout::Generated => return Err(Error::no_layout(path, "it is not on disk")),
    }?;
    if samples.is_empty() {
        let endings = gradcam_picture::ENDINGS.join(", ");
        let found = format!("no pictures found (files that end in {endings})");
        return Err(Error::no_layout(path, &found));
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = samples.iter().find(|s| !seen.insert(s.id.as_str())) {
        let found = format!("two pictures are called `{}`", twice.id);
        return Err(Error::no_layout(path, &found));
    }
    let folder = match path.is_file() {
        true => path.parent().unwrap_or(path),
        false => path,
    };
    Ok(Dataset {
        name: files::folder_name(folder),
        layout,
        kind: Kind::Real,
        annotation: annotation(&samples),
        classes,
        samples,
    })
}
