//! MNIST, Fashion-MNIST and other sets that come as `train-images-idx3-ubyte` with labels, plain or gzipped.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::read::Read;
use crate::idx::{Images, images_header, labels_bytes, read_labels};
use crate::{Class, Error, Picture, Result, Sample, Split, files};

/// The parts in reading order; `t10k` is MNIST's name for the test set.
const PARTS: [(&str, Split); 2] = [("train", Split::Train), ("t10k", Split::Test)];

/// Finds the file of a part in any common spelling: `-idx3-ubyte` or `.idx3-ubyte`, with or without `.gz`.
fn file(root: &Path, part: &str, what: &str) -> Option<PathBuf> {
    let spellings = ["-", "."].into_iter().flat_map(|dash| {
        ["", ".gz"].map(|ending| format!("{part}-{}{dash}{}-ubyte{ending}", what, kind(what)))
    });
    files::first(spellings.map(|name| root.join(name)))
}

fn kind(what: &str) -> &'static str {
    if what == "images" { "idx3" } else { "idx1" }
}

pub(super) fn matches(path: &Path) -> bool {
    PARTS
        .iter()
        .any(|(part, _)| file(path, part, "images").is_some())
}

pub(super) fn read(root: &Path) -> Read {
    let mut samples = Vec::new();
    let mut classes: BTreeMap<u8, Class> = BTreeMap::new();
    for (part, split) in PARTS {
        let Some(path) = file(root, part, "images") else {
            continue;
        };
        let images = Arc::new(Images::open(&path)?);
        let labels = file(root, part, "labels").ok_or_else(|| {
            let expected = format!("`{part}-labels-idx1-ubyte` beside it");
            Error::annotation(&path, "", expected, "no such file")
        })?;
        let numbers = read_labels(&labels)?;
        if numbers.len() != images.count() {
            let expected = format!("{} labels, one per image", images.count());
            return Err(Error::annotation(
                &labels,
                "",
                expected,
                numbers.len().to_string(),
            ));
        }
        for (index, number) in numbers.into_iter().enumerate() {
            let class = classes.entry(number).or_insert_with(|| class(number));
            samples.push(Sample {
                id: format!("{part}/{index:05}"),
                picture: Picture::Record {
                    images: Arc::clone(&images),
                    index,
                },
                class: Some(class.clone()),
                objects: Vec::new(),
                split: Some(split),
            });
        }
    }
    Ok((classes.into_values().collect(), samples))
}

/// Names a class by its number: the files have no names.
fn class(number: u8) -> Class {
    Class {
        number: number.into(),
        name: number.to_string().into(),
    }
}

/// Writes a set's pictures, in grey, and its labels: test pictures to `t10k`, all others to `train`.
///
/// # Errors
/// [`Error::Write`], [`Error::Size`] if pictures differ in size, [`Error::Setting`] if a class has no number below 256, and the errors of
/// loading a picture.
pub(crate) fn write(all: &[Sample], folder: &Path) -> Result<()> {
    for (part, _) in PARTS {
        let wanted = |s: &&Sample| (s.split == Some(Split::Test)) == (part == "t10k");
        let samples: Vec<&Sample> = all.iter().filter(wanted).collect();
        let Some(first) = samples.first() else {
            continue;
        };
        let (height, width) = first.size()?;
        let path = folder.join(format!("{part}-images-idx3-ubyte"));
        let mut out = fs::File::create_new(&path).map_err(Error::write(&path))?;
        let sides = [samples.len(), height, width].map(|n| n as u32);
        images_header(&mut out, sides).map_err(Error::write(&path))?;
        let mut labels = Vec::new();
        for sample in samples {
            let image = image::DynamicImage::ImageRgb8(sample.rgb()?).into_luma8();
            if (image.height() as usize, image.width() as usize) != (height, width) {
                return Err(Error::Size {
                    expected: (height, width),
                    found: (image.height() as usize, image.width() as usize),
                });
            }
            out.write_all(&image).map_err(Error::write(&path))?;
            let number = sample.class.as_ref().map(|class| class.number);
            let label = number.and_then(|number| u8::try_from(number).ok());
            labels.push(label.ok_or_else(|| Error::Setting {
                field: "class",
                expected: "a number below 256 for each picture",
                found: match number {
                    Some(number) => format!("{number} for `{}`", sample.id),
                    None => format!("none for `{}`", sample.id),
                },
            })?);
        }
        let path = folder.join(format!("{part}-labels-idx1-ubyte"));
        fs::write(&path, labels_bytes(&labels)).map_err(Error::write(&path))?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use crate::fixtures::{bytes, files_in};
    use crate::{Layout, Split, open};

    const IMAGES: [u8; 28] = [
        0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254,
        255,
    ];
    const LABELS: [u8; 10] = [0, 0, 8, 1, 0, 0, 0, 2, 7, 3];

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn plain_and_gzipped_records() {
        let dir = files_in(&[]);
        bytes(dir.path(), "train-images-idx3-ubyte.gz", &gzip(&IMAGES));
        bytes(dir.path(), "train-labels-idx1-ubyte.gz", &gzip(&LABELS));
        bytes(dir.path(), "t10k-images.idx3-ubyte", &IMAGES);
        bytes(dir.path(), "t10k-labels.idx1-ubyte", &LABELS);
        let set = open(dir.path()).unwrap();
        assert_eq!((set.layout, set.samples.len()), (Layout::Idx, 4));
        let numbers: Vec<usize> = set.classes.iter().map(|c| c.number).collect();
        assert_eq!(numbers, [3, 7]);
        for sample in [&set.samples[1], &set.samples[3]] {
            assert_eq!(sample.class.as_ref().unwrap().number, 3);
            assert_eq!(sample.picture.size().unwrap(), (2, 3));
            let image = sample.picture.rgb().unwrap();
            assert_eq!(image.get_pixel(2, 1).0, [255; 3]);
            assert_eq!(image.get_pixel(0, 0).0, [250; 3]);
        }
        // A class's name is in memory once, however many pictures have it.
        let class = |i: usize| set.samples[i].class.as_ref().unwrap();
        assert!(Arc::ptr_eq(&class(1).name, &class(3).name));
        assert!(Arc::ptr_eq(&class(1).name, &set.classes[0].name));
        let splits = [0, 2].map(|i: usize| set.samples[i].split);
        assert_eq!(splits, [Some(Split::Train), Some(Split::Test)]);
    }

    #[test]
    fn broken_files_are_refused() {
        let short = &IMAGES[..27];
        let mut wrong = IMAGES;
        wrong[3] = 1;
        let mut huge = IMAGES;
        huge[4..16].fill(255);
        let mut labels = LABELS.to_vec();
        labels.push(1);
        let mut three = labels.clone();
        three[7] = 3;
        let cases: [(&[u8], &[u8], &str); 6] = [
            (
                short,
                &LABELS,
                "expected 2 images of 3 × 2 pixels, found 27 bytes",
            ),
            (&wrong, &LABELS, "`0x00000803`"),
            (&huge, &LABELS, "found 28 bytes"),
            (
                &IMAGES[..5],
                &LABELS,
                "expected an IDX header, found 5 bytes",
            ),
            (&IMAGES, &labels, "expected 2 labels, found 3"),
            (&IMAGES, &three, "expected 2 labels, one per image, found 3"),
        ];
        for (images, labels, expected) in cases {
            for pack in [|b: &[u8]| b.to_vec(), gzip] {
                let dir = files_in(&[]);
                bytes(dir.path(), "t10k-images-idx3-ubyte", &pack(images));
                bytes(dir.path(), "t10k-labels-idx1-ubyte", &pack(labels));
                let error = open(dir.path()).unwrap_err().to_string();
                assert!(error.contains(expected), "{error}\n{expected}");
            }
        }
    }
}
