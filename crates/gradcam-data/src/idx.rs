//! MNIST's file format: a header of big-endian numbers followed by bytes, plain or gzipped.
//!
//! Image files hold `00 00 08 03`, count, rows, columns, and one byte per pixel; label files hold `00 00 08 01`, count, and one byte per
//! label (LeCun, Cortes and Burges, "The MNIST database").

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use image::GrayImage;

use crate::{Error, Result, files};

/// The images of an IDX file.
#[derive(Debug)]
pub struct Images {
    path: PathBuf,
    count: usize,
    height: usize,
    width: usize,
    /// The unpacked bytes of a gzipped file, which has no random access. A plain file is read on demand.
    held: Option<Vec<u8>>,
}

const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;
const HEADER: usize = 16;

impl Images {
    /// Reads the header and checks the file's length.
    ///
    /// # Errors
    /// [`Error::Read`], and [`Error::Annotation`] for another kind of file, or if its length does not match its header.
    pub fn open(path: &Path) -> Result<Images> {
        let gzipped = is_gzipped(path)?;
        let held = if gzipped { Some(read(path)?) } else { None };
        let mut header = [0; HEADER];
        let length = match &held {
            Some(bytes) => {
                let start = bytes
                    .get(..HEADER)
                    .ok_or_else(|| short(path, bytes.len()))?;
                header.copy_from_slice(start);
                bytes.len() as u64
            }
            None => {
                let mut file = files::open(path)?;
                let length = file.metadata().map_err(Error::read(path))?.len();
                file.read_exact(&mut header)
                    .map_err(|_| short(path, length as usize))?;
                length
            }
        };
        let [_, count, height, width] = [0, 4, 8, 12].map(|at| number(&header, at));
        magic(path, number(&header, 0), IMAGES, "images")?;
        let pixels = u64::from(height) * u64::from(width);
        let expected = pixels
            .checked_mul(u64::from(count))
            .and_then(|n| n.checked_add(HEADER as u64));
        if expected != Some(length) || pixels == 0 {
            let expected = format!("{count} images of {width} × {height} pixels");
            let found = format!("{length} bytes");
            return Err(Error::annotation(path, "", expected, found));
        }
        Ok(Images {
            path: path.to_path_buf(),
            count: count as usize,
            height: height as usize,
            width: width as usize,
            held,
        })
    }

    /// Returns the number of images.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the height and width of every image, in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// Reads one image; white is 255.
    ///
    /// # Errors
    /// [`Error::Read`], and [`Error::Annotation`] if there is no such image.
    pub fn picture(&self, index: usize) -> Result<GrayImage> {
        let size = self.height * self.width;
        // The file's length was checked against the count, so nothing below overflows.
        let start = HEADER + index.min(self.count) * size;
        let pixels = match &self.held {
            _ if index >= self.count => None,
            Some(bytes) => bytes.get(start..start + size).map(<[u8]>::to_vec),
            None => {
                let mut pixels = vec![0; size];
                let mut file = files::open(&self.path)?;
                file.seek(SeekFrom::Start(start as u64))
                    .and_then(|_| file.read_exact(&mut pixels))
                    .map_err(Error::read(&self.path))?;
                Some(pixels)
            }
        };
        pixels
            .and_then(|p| GrayImage::from_raw(self.width as u32, self.height as u32, p))
            .ok_or_else(|| {
                let expected = format!("an image below {}", self.count);
                Error::annotation(&self.path, "", expected, index.to_string())
            })
    }
}

/// Reads the labels of an IDX file.
///
/// # Errors
/// [`Error::Read`], and [`Error::Annotation`] for another kind of file, or if its length does not match its header.
pub fn read_labels(path: &Path) -> Result<Vec<u8>> {
    let bytes = read(path)?;
    let Some((header, labels)) = bytes.split_at_checked(8) else {
        return Err(short(path, bytes.len()));
    };
    magic(path, number(header, 0), LABELS, "labels")?;
    let count = number(header, 4);
    if labels.len() as u64 != u64::from(count) {
        let found = format!("{}", labels.len());
        return Err(Error::annotation(
            path,
            "",
            format!("{count} labels"),
            found,
        ));
    }
    Ok(labels.to_vec())
}

/// Writes the header of an image file.
pub(crate) fn images_header(out: &mut impl Write, sides: [u32; 3]) -> std::io::Result<()> {
    let [count, height, width] = sides;
    [IMAGES, count, height, width]
        .iter()
        .try_for_each(|n| out.write_all(&n.to_be_bytes()))
}

/// Returns the bytes of a label file.
pub(crate) fn labels_bytes(labels: &[u8]) -> Vec<u8> {
    let header = [LABELS, labels.len() as u32].map(u32::to_be_bytes);
    [header.as_flattened(), labels].concat()
}

fn is_gzipped(path: &Path) -> Result<bool> {
    let start = files::open(path)?.take(2);
    Ok(files::whole(path, start, 2)? == [0x1f, 0x8b])
}

/// The most bytes that are unpacked; EMNIST's largest file has half as many.
const MAX_BYTES: u64 = 1 << 30;

fn read(path: &Path) -> Result<Vec<u8>> {
    let file = files::open(path)?;
    if is_gzipped(path)? {
        files::whole(path, MultiGzDecoder::new(file), MAX_BYTES)
    } else {
        files::whole(path, file, MAX_BYTES)
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4]
        .iter()
        .fold(0, |n, &byte| n << 8 | u32::from(byte))
}

fn magic(path: &Path, found: u32, wanted: u32, what: &str) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    let expected = format!("an IDX file of {what} (`{wanted:#010x}`)");
    Err(Error::annotation(
        path,
        "",
        expected,
        format!("`{found:#010x}`"),
    ))
}

fn short(path: &Path, length: usize) -> Error {
    Error::annotation(path, "", "an IDX header", format!("{length} bytes"))
}
