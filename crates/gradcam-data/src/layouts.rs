//! Layouts of data sets on disk: one file per layout, with a test whether a folder has it and a reader. A row of the table here makes it a
//! [`Layout`].

use std::path::Path;
use std::str::FromStr;

use gradcam_names::nearest;
use serde::{Deserialize, Serialize};

use self::read::Read;
use crate::{Error, Result};

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
mod names;
mod read;
mod rsna;
mod siim;
mod table;
mod voc;
mod xml;
mod yolo;

pub(crate) use coco_write::{json as write_json, write as write_coco};
pub(crate) use idx::write as write_idx;

/// Writes the enum `Layout` and what follows from its rows: `Variant = "name" => file;`. [`open`](crate::open) tries the layouts in this
/// order.
macro_rules! layouts {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal => $file:ident;)*) => {
        /// The layout of a data set on disk.
        ///
        /// ```
        /// use gradcam_data::Layout;
        ///
        /// assert_eq!("coco".parse::<Layout>()?, Layout::Coco);
        /// assert!("cocoa".parse::<Layout>().is_err());
        /// # Ok::<(), gradcam_data::Error>(())
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Layout {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)*
            /// Drawn on demand; not on disk.
            #[serde(rename = "generated")]
            Generated,
        }

        impl Layout {
            /// The layouts that a folder can have, in the order in which [`open`](crate::open) tries them.
            pub const ALL: &[Layout] = &[$(Layout::$variant),*];

            /// Returns the layout's name on a command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Layout::$variant => $name,)*
                    Layout::Generated => "generated",
                }
            }

            /// Returns one sentence of Markdown that says which files the layout has.
            pub fn about(self) -> &'static str {
                match self {
                    $(Layout::$variant => concat!($($doc),+).trim_ascii(),)*
                    Layout::Generated => "Drawn on demand; not on disk.",
                }
            }

            /// Tells whether a path looks like the layout.
            pub(crate) fn matches(self, path: &Path) -> bool {
                match self {
                    $(Layout::$variant => $file::matches(path),)*
                    Layout::Generated => false,
                }
            }

            /// Reads a path with the layout.
            pub(crate) fn read(self, path: &Path) -> Read {
                match self {
                    $(Layout::$variant => $file::read(path),)*
                    Layout::Generated => Err(Error::no_layout(path, "it is not on disk")),
                }
            }
        }
    };
}

layouts! {
    /// CUB-200-2011: `images.txt` and the text files beside it, and `segmentations/` if it is there.
    Cub = "cub" => cub;
    /// MNIST's IDX files, plain or gzipped: `train-images-idx3-ubyte` with its labels, `t10k-` likewise.
    Idx = "idx" => idx;
    /// CheXlocalize: `gt_segmentations_*.json` or `gt_annotations_*.json`, and CheXpert's pictures below the same folder.
    CheXlocalize = "chexlocalize" => chexlocalize;
    /// SIIM-ACR pneumothorax segmentation: the CSV with `EncodedPixels`, and the pictures below the same folder.
    Siim = "siim" => siim;
    /// RSNA pneumonia detection: the CSV of boxes with `Target`, and the pictures below the same folder.
    Rsna = "rsna" => rsna;
    /// Pascal VOC: `JPEGImages/`, `Annotations/`, and `SegmentationObject/` if it is there.
    Voc = "voc" => voc;
    /// The validation set of ILSVRC 2012, as the challenge or Kaggle packs it: `val/` with boxes as XML or CSV.
    ImageNet = "imagenet" => imagenet;
    /// BAM, Benchmarking Attribution Methods: one of its label sets, the folder `obj`, `scene` or `scene_only`.
    Bam = "bam" => bam;
    /// COCO instances: `instances.json` beside `images/`, or `annotations/instances_val2017.json` beside `val2017/`.
    Coco = "coco" => coco;
    /// Your own masks: a folder of pictures beside the folder `masks/`, which holds a mask of the same name for each.
    Masks = "masks" => masks;
    /// YOLO, as Ultralytics reads it: `images/` and `labels/` with files of the same names, and `data.yaml` or `classes.txt`.
    Yolo = "yolo" => yolo;
    /// Pictures without annotations, in one folder or in one folder per class.
    Folder = "folder" => folder;
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(name: &str) -> Result<Layout> {
        let all = Layout::ALL.iter().copied();
        let found = all.clone().find(|layout| layout.name() == name);
        found.ok_or_else(|| Error::UnknownLayout {
            name: name.to_string(),
            nearest: nearest(name, all.map(Layout::name)),
        })
    }
}
