//! A note in a picture's file about how it was made.
//!
//! The note is the description in an EXIF block whose software is `gradcam`, so that every viewer shows it. The block's fixed layout tells
//! the program's own pictures from all others.

use std::io::{BufReader, Cursor, Read, Seek};

use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{ImageDecoder, ImageFormat, ImageResult};

/// The longest note in bytes: a JPEG segment holds at most 64 KiB.
pub(crate) const LONGEST: usize = 32 * 1024;
/// The bytes of a JPEG that are read: the note is near the start, and the decoder would read the whole file.
const JPEG_HEAD: u64 = 64 * 1024;
/// The note's offset in the block.
const AT: usize = 46;

/// Makes the block's bytes before a note of `length` bytes (TIFF 6.0, section 2).
fn head(length: usize) -> Option<Vec<u8>> {
    // Little-endian; 42 marks a TIFF; the directory lies at 8 and has two entries.
    let mut block = b"II*\0\x08\0\0\0\x02\0".to_vec();
    // ImageDescription and Software (section 8), both ASCII, with their lengths and offsets.
    for (tag, length, at) in [
        (0x010e_u16, u32::try_from(length).ok()?, 46_u32),
        (0x0131, 8, 38),
    ] {
        block.extend(tag.to_le_bytes());
        block.extend([2, 0]);
        block.extend(length.to_le_bytes());
        block.extend(at.to_le_bytes());
    }
    // No further directory.
    block.extend([0; 4]);
    block.extend(b"gradcam\0");
    Some(block)
}

/// Makes the EXIF block of a note; `None` if the note is too long.
pub(crate) fn block(note: &str) -> Option<Vec<u8>> {
    // TIFF stores values of up to four bytes inline.
    let length = (note.len() + 1).max(5);
    if length > LONGEST {
        return None;
    }
    let mut block = head(length)?;
    block.extend(note.as_bytes());
    block.resize(AT + length, 0);
    Some(block)
}

/// Reads the note from an EXIF block.
fn read(block: &[u8]) -> Option<String> {
    let length = block.len().checked_sub(AT).filter(|&n| n <= LONGEST)?;
    let text = block.strip_prefix(head(length)?.as_slice())?;
    let text = std::str::from_utf8(text).ok()?;
    Some(text.trim_end_matches('\0').to_string())
}

/// Reads the note that [`encode_with_note`](crate::encode_with_note) left in a picture's file; `None` if there is none or the file cannot
/// be read. The pixels are not decoded.
pub fn note(file: impl Read + Seek) -> Option<String> {
    let mut file = BufReader::new(file);
    let mut start = Vec::new();
    file.by_ref().take(16).read_to_end(&mut start).ok()?;
    file.rewind().ok()?;
    let exif = match image::guess_format(&start).ok()? {
        ImageFormat::Png => exif(PngDecoder::new(file)),
        ImageFormat::WebP => exif(WebPDecoder::new(file)),
        ImageFormat::Jpeg => {
            let mut head = Vec::new();
            file.take(JPEG_HEAD).read_to_end(&mut head).ok()?;
            exif(JpegDecoder::new(Cursor::new(head)))
        }
        // This crate writes no other format.
        _ => None,
    };
    read(&exif?)
}

fn exif<D: ImageDecoder>(decoder: ImageResult<D>) -> Option<Vec<u8>> {
    decoder.ok()?.exif_metadata().ok()?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use image::RgbImage;

    use super::*;
    use crate::{Format, encode, encode_with_note};

    #[test]
    fn a_note_is_read_back_and_changes_no_pixel() {
        let picture = RgbImage::from_fn(300, 200, |x, y| {
            image::Rgb([x as u8, y as u8, (x * y) as u8])
        });
        let long = "ü".repeat(10_000);
        for format in [Format::Png, Format::Jpeg, Format::WebP] {
            let plain = encode(&picture, format).unwrap();
            assert_eq!(note(Cursor::new(&plain)), None, "{format}");
            let pixels = image::load_from_memory(&plain).unwrap();
            for text in ["x", "{\"--method\":\"grad-cam\"}", &long] {
                let noted = encode_with_note(&picture, format, text).unwrap();
                assert_eq!(note(Cursor::new(&noted)).as_deref(), Some(text), "{format}");
                assert_eq!(image::load_from_memory(&noted).unwrap(), pixels, "{format}");
                // A truncated file may lose the note, but never yields another.
                for end in (0..noted.len().min(600)).step_by(7) {
                    let found = note(Cursor::new(&noted[..end]));
                    assert!(found.is_none_or(|found| found == text), "{format} {end}");
                }
            }
        }
    }

    #[test]
    fn other_exif_is_no_note() {
        let mut camera = block("a note").unwrap();
        camera[AT - 8..AT].copy_from_slice(b"camera1\0");
        assert_eq!(read(&camera), None);
        assert_eq!(read(&block("a note").unwrap()[..AT - 1]), None);
        assert_eq!(note(Cursor::new(b"plain text")), None);
        let one = RgbImage::new(1, 1);
        assert!(encode_with_note(&one, Format::Jpeg, &"x".repeat(LONGEST)).is_err());
    }
}
