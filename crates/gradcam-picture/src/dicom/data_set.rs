//! The elements of a data set that describe its pixels.

use super::broken::{TRUNCATED, broken};
use crate::PictureError;

/// How elements are encoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encoding {
    /// Whether each element states its type.
    pub(super) explicit: bool,
    /// Whether the most significant byte comes first.
    pub(super) big: bool,
}

/// The pixel data, as they lie in the file.
#[derive(Debug)]
pub(super) enum Pixels<'a> {
    Native(&'a [u8]),
    /// Compressed: the table of frame offsets, which may be empty, and the fragments.
    Fragments {
        offsets: &'a [u8],
        fragments: Vec<&'a [u8]>,
    },
}

/// The top-level elements of a data set that describe its pixels.
#[derive(Debug)]
pub(super) struct DataSet<'a> {
    pub(super) encoding: Encoding,
    pub(super) rows: u32,
    pub(super) columns: u32,
    pub(super) frames: u32,
    pub(super) samples_per_pixel: u16,
    pub(super) photometric: &'a str,
    /// Whether a frame stores all red samples before the green and blue ones.
    pub(super) planar: bool,
    pub(super) bits_allocated: u16,
    pub(super) bits_stored: u16,
    pub(super) high_bit: u16,
    pub(super) signed: bool,
    pub(super) slope: f64,
    pub(super) intercept: f64,
    /// The values that become black and white.
    pub(super) window: Option<(f64, f64)>,
    pub(super) pixels: Option<Pixels<'a>>,
}

type Tag = (u16, u16);

const ITEM: Tag = (0xfffe, 0xe000);
const ITEM_END: Tag = (0xfffe, 0xe00d);
const SEQUENCE_END: Tag = (0xfffe, 0xe0dd);
const PIXEL_DATA: Tag = (0x7fe0, 0x0010);
/// An undefined length: an end marker follows.
const UNDEFINED: u32 = u32::MAX;
/// The deepest nesting of sequences; real files have a handful of levels.
const DEPTH: usize = 32;

/// The bytes that remain to be read.
#[derive(Clone, Copy)]
struct Rest<'a> {
    bytes: &'a [u8],
    encoding: Encoding,
}

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], PictureError> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(TRUNCATED)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, PictureError> {
        self.take(2).map(|bytes| u16_of(bytes, self.encoding.big))
    }

    fn u32(&mut self) -> Result<u32, PictureError> {
        let bytes = self.take(4)?;
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        Ok(if self.encoding.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    /// Reads the tag and the length of the next element.
    fn element(&mut self) -> Result<(Tag, u32), PictureError> {
        let tag = (self.u16()?, self.u16()?);
        // Items and end markers have no type.
        if !self.encoding.explicit || tag.0 == ITEM.0 {
            return Ok((tag, self.u32()?));
        }
        let long = match self.take(2)? {
            b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN"
            | b"UR" | b"UT" | b"UV" => true,
            kind if kind.iter().all(u8::is_ascii_uppercase) => false,
            kind => {
                return Err(broken(format!(
                    "the element ({:04x},{:04x}) has the type `{}`",
                    tag.0,
                    tag.1,
                    kind.escape_ascii()
                )));
            }
        };
        if long {
            self.take(2)?;
            return Ok((tag, self.u32()?));
        }
        Ok((tag, self.u16()?.into()))
    }

    /// Skips an element's value.
    fn skip(&mut self, length: u32, depth: usize) -> Result<(), PictureError> {
        if length != UNDEFINED {
            return self.take(length as usize).map(|_| ());
        }
        if depth == DEPTH {
            return Err(broken("sequences are nested too deeply"));
        }
        loop {
            match self.element()? {
                (SEQUENCE_END, _) => return Ok(()),
                (ITEM, UNDEFINED) => loop {
                    match self.element()? {
                        (ITEM_END, _) => break,
                        (_, length) => self.skip(length, depth + 1)?,
                    }
                },
                (ITEM, length) => self.skip(length, depth)?,
                ((group, element), _) => {
                    return Err(broken(format!(
                        "a sequence has ({group:04x},{element:04x}) where an item is expected"
                    )));
                }
            }
        }
    }
}

fn u16_of(bytes: &[u8], big: bool) -> u16 {
    let bytes = [bytes[0], bytes[1]];
    if big {
        u16::from_be_bytes(bytes)
    } else {
        u16::from_le_bytes(bytes)
    }
}

/// Strips the spaces and zeros that pad a text to an even length.
fn text(value: &[u8]) -> &str {
    let text = std::str::from_utf8(value).unwrap_or("");
    text.trim_matches(|c: char| c == '\0' || c.is_whitespace())
}

/// Parses the first number of an element whose numbers are text.
fn number(value: &[u8]) -> Option<f64> {
    let first = text(value).split('\\').next()?;
    first.trim().parse().ok().filter(|v: &f64| v.is_finite())
}

/// Reads the transfer syntax from the file meta elements, and returns the rest of the file.
pub(super) fn transfer_syntax(bytes: &[u8]) -> Result<(&str, &[u8]), PictureError> {
    let encoding = Encoding {
        explicit: true,
        big: false,
    };
    let mut rest = Rest { bytes, encoding };
    let mut found = None;
    // Group 2 has the same encoding in every file.
    while rest.bytes.starts_with(&[2, 0]) {
        let (tag, length) = rest.element()?;
        let value = rest.take(length as usize)?;
        if tag == (2, 0x10) {
            found = Some(text(value));
        }
    }
    let found = found.ok_or_else(|| broken("it does not say its transfer syntax"))?;
    Ok((found, rest.bytes))
}

impl<'a> DataSet<'a> {
    /// Reads up to the pixel data.
    pub(super) fn read(bytes: &'a [u8], encoding: Encoding) -> Result<Self, PictureError> {
        let mut rest = Rest { bytes, encoding };
        let mut set = DataSet {
            encoding,
            rows: 0,
            columns: 0,
            frames: 1,
            samples_per_pixel: 1,
            photometric: "MONOCHROME2",
            planar: false,
            bits_allocated: 16,
            bits_stored: 0,
            high_bit: 0,
            signed: false,
            slope: 1.0,
            intercept: 0.0,
            window: None,
            pixels: None,
        };
        let (mut stored, mut high) = (None, None);
        let (mut centre, mut width, mut function) = (None, None, "");
        while !rest.bytes.is_empty() {
            let (tag, length) = rest.element()?;
            if tag == PIXEL_DATA {
                set.pixels = Some(match length {
                    UNDEFINED => fragments(&mut rest)?,
                    _ => Pixels::Native(rest.take(length as usize)?),
                });
                break;
            }
            if tag.0 != 0x0028 || length == UNDEFINED {
                rest.skip(length, 0)?;
                continue;
            }
            let value = rest.take(length as usize)?;
            let short = || match value.len() {
                2.. => Ok(u16_of(value, encoding.big)),
                _ => Err(broken(format!("(0028,{:04x}) has no number", tag.1))),
            };
            match tag.1 {
                0x0002 => set.samples_per_pixel = short()?,
                0x0004 => set.photometric = text(value),
                0x0006 => set.planar = short()? == 1,
                // The number of frames is 32 bits by its type.
                0x0008 => set.frames = number(value).map_or(1, |frames| frames as u32),
                0x0010 => set.rows = short()?.into(),
                0x0011 => set.columns = short()?.into(),
                0x0100 => set.bits_allocated = short()?,
                0x0101 => stored = Some(short()?),
                0x0102 => high = Some(short()?),
                0x0103 => set.signed = short()? == 1,
                0x1050 => centre = number(value),
                0x1051 => width = number(value),
                0x1052 => set.intercept = number(value).unwrap_or(0.0),
                0x1053 => set.slope = number(value).unwrap_or(1.0),
                0x1056 => function = text(value),
                _ => {}
            }
        }
        set.bits_stored = stored.unwrap_or(set.bits_allocated);
        set.high_bit = high.unwrap_or(set.bits_stored.saturating_sub(1));
        if set.bits_stored == 0
            || set.bits_stored > set.bits_allocated
            || set.high_bit >= set.bits_allocated
            || set.high_bit + 1 < set.bits_stored
        {
            return Err(broken(format!(
                "it has {} bits per sample in {}, the highest being bit {}",
                set.bits_stored, set.bits_allocated, set.high_bit
            )));
        }
        set.window = centre.zip(width).map(|(centre, width)| match function {
            // PS3.3 C.11.2.1.3.2; a sigmoid is steep over the same width.
            "LINEAR_EXACT" | "SIGMOID" => (centre - width / 2.0, centre + width / 2.0),
            // C.11.2.1.2.1: a width of 1 is a threshold.
            _ => {
                let half = (width - 1.0).max(0.0) / 2.0;
                (centre - 0.5 - half, centre - 0.5 + half)
            }
        });
        Ok(set)
    }
}

/// Reads the offset table and the fragments of compressed pixels (PS3.5 A.4).
fn fragments<'a>(rest: &mut Rest<'a>) -> Result<Pixels<'a>, PictureError> {
    let mut items = Vec::new();
    loop {
        match rest.element()? {
            (ITEM, length) if length != UNDEFINED => items.push(rest.take(length as usize)?),
            (SEQUENCE_END, _) => break,
            ((group, element), _) => {
                return Err(broken(format!(
                    "the pixel data have ({group:04x},{element:04x}) where a fragment is expected"
                )));
            }
        }
    }
    if items.is_empty() {
        return Err(broken("the pixel data have no fragments"));
    }
    let fragments = items.split_off(1);
    Ok(Pixels::Fragments {
        offsets: items[0],
        fragments,
    })
}
