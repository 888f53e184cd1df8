//! Recognises formats: supported, known but unsupported, or unknown.

use image::ImageFormat;

use crate::{PictureError, dicom, nifti};

/// A supported format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A format of the crate `image`, with its name for messages.
    Image(ImageFormat, &'static str),
    Dicom,
    Nifti,
}

impl Format {
    /// Recognises the format by the first bytes.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, PictureError> {
        if dicom::is_dicom(bytes) {
            return Ok(Format::Dicom);
        }
        if nifti::is_nifti(bytes) {
            return Ok(Format::Nifti);
        }
        if let Some((found, tool)) = unread(bytes) {
            return Err(PictureError::Unread { found, tool });
        }
        let found = match image::guess_format(bytes) {
            Ok(format @ ImageFormat::Jpeg) => return Ok(Format::Image(format, "JPEG")),
            Ok(format @ ImageFormat::Png) => return Ok(Format::Image(format, "PNG")),
            Ok(format @ ImageFormat::WebP) => return Ok(Format::Image(format, "WebP")),
            Ok(format @ ImageFormat::Bmp) => return Ok(Format::Image(format, "BMP")),
            Ok(format @ ImageFormat::Gif) => return Ok(Format::Image(format, "GIF")),
            Ok(format @ ImageFormat::Tiff) => return Ok(Format::Image(format, "TIFF")),
            Ok(other) => format!("{} data", other.extensions_str()[0].to_uppercase()),
            Err(_) => describe(bytes),
        };
        Err(PictureError::Format { found })
    }
}

/// Recognises known but unsupported formats, and names a program that converts them to PNG.
///
/// AVIF and HEIC are boxes of ISO/IEC 14496-12, whose brand names the codec. JPEG XL and JPEG 2000 have their own signatures (ISO/IEC
/// 18181-2, 15444-1).
fn unread(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    if bytes.get(4..8) == Some(b"ftyp") {
        const AVIF: (&str, &str) = ("AVIF", "avifdec IN.avif OUT.png");
        const HEIC: (&str, &str) = ("HEIC", "heif-convert IN.heic OUT.png");
        // A codec-neutral brand leaves the codec to the list of compatible brands.
        let end = bytes.len().min(64);
        let mut brands = bytes.get(16..end).unwrap_or_default().chunks_exact(4);
        return match bytes.get(8..12)? {
            b"avif" | b"avis" => Some(AVIF),
            b"mif1" | b"msf1" if brands.any(|brand| brand == b"avif") => Some(AVIF),
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => {
                Some(HEIC)
            }
            _ => None,
        };
    }
    let starts = |signature: &[u8]| bytes.starts_with(signature);
    if starts(b"\xff\x0a") || starts(b"\0\0\0\x0cJXL \r\n\x87\n") {
        return Some(("JPEG XL", "djxl IN.jxl OUT.png"));
    }
    if starts(b"\0\0\0\x0cjP  \r\n\x87\n") || starts(b"\xff\x4f\xff\x51") {
        return Some(("JPEG 2000", "opj_decompress -i IN.jp2 -o OUT.png"));
    }
    None
}

/// Describes bytes of no known picture format.
fn describe(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(512)];
    if head.is_empty() {
        return "an empty file".into();
    }
    // The cut may split a character; only the part before it must be text.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or("")
        }
        Err(_) => "",
    };
    if !text.is_empty() && !text.contains(|c: char| c.is_control() && !c.is_whitespace()) {
        return "text".into();
    }
    let start: Vec<String> = head.iter().take(4).map(|b| format!("{b:02x}")).collect();
    format!("unknown data that start with `{}`", start.join(" "))
}

/// Checks that the data reach the end announced by their container. The PNG decoder checks this itself.
pub(crate) fn is_complete(format: ImageFormat, bytes: &[u8]) -> bool {
    match format {
        ImageFormat::Jpeg => jpeg_is_complete(bytes),
        ImageFormat::WebP => webp_is_complete(bytes),
        _ => true,
    }
}

/// Checks that the file is as long as its RIFF header says (RFC 9649, 2.4).
fn webp_is_complete(bytes: &[u8]) -> bool {
    match bytes.get(4..8) {
        Some(&[a, b, c, d]) => {
            bytes.len() as u64 >= 8 + u64::from(u32::from_le_bytes([a, b, c, d]))
        }
        _ => false,
    }
}

/// Checks that the JPEG's marker `EOI` (end of image) follows its scan data.
///
/// Walks the segments (ITU T.81, B.1.1), so that the end of a thumbnail in a segment does not count.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&b| b == 0xff) {
        let Some(&marker) = rest.get(at + 1) else {
            return false;
        };
        match marker {
            0xd9 => return true,
            // A fill byte: the marker's code may still follow.
            0xff => rest = &rest[at + 1..],
            // A stuffed byte of the scan, or a marker without a segment (TEM, RSTn, SOI).
            0x00 | 0x01 | 0xd0..=0xd8 => rest = &rest[at + 2..],
            _ => {
                let length = match rest.get(at + 2..at + 4) {
                    Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
                    _ => return false,
                };
                rest = rest.get(at + 2 + length..).unwrap_or(&[]);
            }
        }
    }
    false
}
