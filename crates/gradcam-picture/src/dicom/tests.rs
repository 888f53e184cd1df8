#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{Cursor, Write};

use image::{GrayImage, ImageFormat, Luma};

use crate::{Limits, Options, Picture, PictureError, Samples, Window, header, load};

const IMPLICIT: &str = "1.2.840.10008.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const BIG: &str = "1.2.840.10008.1.2.2";
const JPEG: &str = "1.2.840.10008.1.2.4.50";
const RLE: &str = "1.2.840.10008.1.2.5";

/// An element: tag, type, value.
type Element<'a> = (u16, u16, &'a [u8; 2], Vec<u8>);

fn short(value: u16) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

fn even(mut value: Vec<u8>) -> Vec<u8> {
    if value.len() % 2 == 1 {
        value.push(b' ');
    }
    value
}

/// Encodes elements whose numbers are passed with the least significant byte first.
fn encode(elements: &[Element<'_>], uid: &str) -> Vec<u8> {
    let (explicit, big) = (uid != IMPLICIT, uid == BIG);
    let two = |v: u16| {
        if big {
            v.to_be_bytes()
        } else {
            v.to_le_bytes()
        }
    };
    let four = |v: u32| {
        if big {
            v.to_be_bytes()
        } else {
            v.to_le_bytes()
        }
    };
    let mut bytes = Vec::new();
    for (group, element, kind, value) in elements {
        let mut value = even(value.clone());
        if big && matches!(*kind, b"US" | b"OW") {
            value.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        }
        bytes.extend([two(*group), two(*element)].concat());
        let long = matches!(*kind, b"OW" | b"OB" | b"SQ");
        if explicit {
            bytes.extend(*kind);
        }
        if explicit && long {
            bytes.extend([0, 0]);
        }
        // Fragments and sequences include their end marker.
        let undefined = *kind == b"SQ" || (*kind == b"OB" && value.starts_with(&[0xfe, 0xff]));
        match (explicit && !long, undefined) {
            (true, _) => bytes.extend(two(value.len() as u16)),
            (_, true) => bytes.extend([0xff; 4]),
            (_, false) => bytes.extend(four(value.len() as u32)),
        }
        bytes.extend(value);
    }
    bytes
}

/// Makes a file of 3 × 2 pixels with these elements.
fn file(uid: &str, mut own: Vec<Element<'_>>) -> Vec<u8> {
    let mut elements: Vec<Element<'_>> = vec![
        (0x0028, 0x0002, b"US", short(1)),
        (0x0028, 0x0004, b"CS", b"MONOCHROME2".to_vec()),
        (0x0028, 0x0010, b"US", short(2)),
        (0x0028, 0x0011, b"US", short(3)),
        (0x0028, 0x0100, b"US", short(16)),
        (0x0028, 0x0101, b"US", short(12)),
        (0x0028, 0x0102, b"US", short(11)),
        (0x0028, 0x0103, b"US", short(0)),
    ];
    elements.retain(|(group, element, ..)| !own.iter().any(|o| (o.0, o.1) == (*group, *element)));
    elements.append(&mut own);
    elements.sort_by_key(|(group, element, ..)| (*group, *element));
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    let mut name = uid.as_bytes().to_vec();
    if name.len() % 2 == 1 {
        name.push(0);
    }
    bytes.extend(encode(&[(2, 0x10, b"UI", name)], EXPLICIT));
    let set = encode(&elements, uid);
    if uid == DEFLATED {
        let mut packed =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&set).unwrap();
        bytes.extend(packed.finish().unwrap());
    } else {
        bytes.extend(set);
    }
    bytes
}

fn words(values: &[u16]) -> Element<'static> {
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    (0x7fe0, 0x0010, b"OW", bytes)
}

fn fragments(codes: &[&[u8]]) -> Element<'static> {
    let mut value = vec![0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0];
    for code in codes {
        let code = even(code.to_vec());
        value.extend([0xfe, 0xff, 0x00, 0xe0]);
        value.extend((code.len() as u32).to_le_bytes());
        value.extend(code);
    }
    value.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    (0x7fe0, 0x0010, b"OB", value)
}

fn grey(picture: &Picture) -> Vec<u16> {
    match &picture.samples {
        Samples::Words(image) => image.pixels().map(|p| p.0[0]).collect(),
        Samples::Bytes(image) => image.pixels().map(|p| u16::from(p.0[0])).collect(),
    }
}

fn shown(bytes: &[u8]) -> Vec<u16> {
    grey(&load(bytes, &Options::default()).unwrap())
}

#[test]
fn twelve_bits_are_all_of_them_in_every_uncompressed_syntax() {
    let values = [0, 1, 2048, 4094, 4095, 819];
    // The upper four bits are not part of the value.
    let stored: Vec<u16> = values.iter().map(|v| v | 0xa000).collect();
    for uid in [IMPLICIT, EXPLICIT, DEFLATED, BIG] {
        let picture = load(&file(uid, vec![words(&stored)]), &Options::default()).unwrap();
        assert_eq!(picture.dimensions(), (3, 2));
        let wanted = values.map(|v| (f64::from(v) * 65535.0 / 4095.0).round() as u16);
        assert_eq!(grey(&picture), wanted, "{uid}");
        assert!(!picture.range.unwrap().is_narrow());
    }
}

#[test]
fn rescale_window_and_sign_give_hounsfield_units() {
    let signed = |v: i16| v as u16;
    let elements = || {
        vec![
            (0x0028, 0x0103, b"US", short(1)),
            (0x0028, 0x0101, b"US", short(16)),
            (0x0028, 0x0102, b"US", short(15)),
            (0x0028, 0x1052, b"DS", b"-1000".to_vec()),
            (0x0028, 0x1053, b"DS", b"2".to_vec()),
            words(&[-10, 0, 500, 550, 600, 2000].map(signed)),
        ]
    };
    // -1020, -1000, 0, 100, 200, 3000.
    let mut windowed = elements();
    windowed.push((0x0028, 0x1050, b"DS", b"100.5\\40".to_vec()));
    windowed.push((0x0028, 0x1051, b"DS", b"201\\400".to_vec()));
    let bytes = file(EXPLICIT, windowed);
    assert_eq!(shown(&bytes), [0, 0, 0, 32768, 65535, 65535]);
    let options = Options {
        window: Some(Window::Between {
            low: -1000.0,
            high: 3000.0,
        }),
        ..Options::default()
    };
    let picture = load(&bytes, &options).unwrap();
    assert_eq!(picture.range.unwrap().found, (-1020.0, 3000.0));
    assert_eq!(grey(&picture)[..3], [0, 0, 16384]);
    let mut inverted = elements();
    inverted.push((0x0028, 0x0004, b"CS", b"MONOCHROME1".to_vec()));
    let picture = load(&file(EXPLICIT, inverted), &options).unwrap();
    assert_eq!(grey(&picture)[..3], [65535, 65535, 49151]);
}

#[test]
fn frames_are_counted_from_zero() {
    let elements = vec![
        (0x0028, 0x0008, b"IS", b"2".to_vec()),
        words(&[0, 0, 0, 0, 0, 0, 4095, 0, 0, 0, 0, 4095]),
    ];
    let bytes = file(IMPLICIT, elements);
    let at = |frame| {
        let options = Options {
            frame: Some(frame),
            ..Options::default()
        };
        load(&bytes, &options)
    };
    assert_eq!(grey(&at(0).unwrap()), [0; 6]);
    assert_eq!(grey(&at(1).unwrap()), [65535, 0, 0, 0, 0, 65535]);
    let error = at(2).unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no frame 2: the DICOM data have 2, counted from 0"
    );
}

#[test]
fn compressed_pixels_are_unpacked() {
    let eight = |own: Vec<Element<'static>>| {
        let mut elements = vec![
            (0x0028, 0x0100, b"US", short(8)),
            (0x0028, 0x0101, b"US", short(8)),
            (0x0028, 0x0102, b"US", short(7)),
        ];
        elements.extend(own);
        elements
    };
    let flat = GrayImage::from_pixel(3, 2, Luma([77]));
    let mut jpeg = Cursor::new(Vec::new());
    flat.write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    let picture = load(
        &file(JPEG, eight(vec![fragments(&[&jpeg])])),
        &Options::default(),
    )
    .unwrap();
    // The same as the JPEG without DICOM around it.
    assert_eq!(
        picture.into_rgb8(),
        load(&jpeg, &Options::default()).unwrap().into_rgb8()
    );

    // Two segments of six bytes, the high one first: a run and a copy.
    let mut rle = [2_u32, 64, 68]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect::<Vec<_>>();
    rle.resize(64, 0);
    rle.extend([-5_i8 as u8, 0x01, 0x80, 0x80]);
    rle.extend([5, 1, 2, 3, 4, 5, 6]);
    let picture = load(&file(RLE, vec![fragments(&[&rle])]), &Options::default()).unwrap();
    assert_eq!(picture.range.unwrap().found, (257.0, 262.0));

    let error = load(
        &file("1.2.840.10008.1.2.4.90", vec![fragments(&[&rle])]),
        &Options::default(),
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("compressed as JPEG 2000") && error.contains("gdcmconv"),
        "{error}"
    );
    // A JPEG whose size differs from the header's.
    let mut other = eight(vec![fragments(&[&jpeg])]);
    other.push((0x0028, 0x0011, b"US", short(4)));
    let error = load(&file(JPEG, other), &Options::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("3 × 2 pixels, its header says 4 × 2"),
        "{error}"
    );
}

#[test]
fn colours_lie_side_by_side_or_in_planes() {
    let colour = |planar: u16, photometric: &[u8], bytes: [u8; 18]| {
        file(
            EXPLICIT,
            vec![
                (0x0028, 0x0002, b"US", short(3)),
                (0x0028, 0x0004, b"CS", photometric.to_vec()),
                (0x0028, 0x0006, b"US", short(planar)),
                (0x0028, 0x0100, b"US", short(8)),
                (0x0028, 0x0101, b"US", short(8)),
                (0x0028, 0x0102, b"US", short(7)),
                (0x7fe0, 0x0010, b"OW", bytes.to_vec()),
            ],
        )
    };
    let bytes = std::array::from_fn(|i| i as u8);
    let first = |bytes: &[u8]| {
        load(bytes, &Options::default())
            .unwrap()
            .into_rgb8()
            .get_pixel(0, 0)
            .0
    };
    assert_eq!(first(&colour(0, b"RGB", bytes)), [0, 1, 2]);
    assert_eq!(first(&colour(1, b"RGB", bytes)), [0, 6, 12]);
    let mut ybr = [128; 18];
    ybr[..3].copy_from_slice(&[76, 85, 255]);
    assert_eq!(first(&colour(0, b"YBR_FULL", ybr)), [254, 0, 0]);
    let error = load(&colour(0, b"PALETTE COLOR", bytes), &Options::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("its colours are `PALETTE COLOR`"), "{error}");
}

#[test]
fn sequences_are_stepped_over() {
    // One item of undefined length with one element, and the end markers.
    let item = [
        [0xfe, 0xff, 0x00, 0xe0].as_slice(),
        &[0xff; 4],
        &encode(&[(0x0028, 0x0010, b"US", short(9))], EXPLICIT),
        &[0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0],
        &[0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0],
    ]
    .concat();
    let elements = vec![(0x0008, 0x1140, b"SQ", item), words(&[1; 6])];
    let picture = load(&file(EXPLICIT, elements), &Options::default()).unwrap();
    assert_eq!(picture.dimensions(), (3, 2));
}

#[test]
fn what_the_header_says_is_checked_before_anything_is_made() {
    let large = vec![
        (0x0028, 0x0010, b"US", short(65_535)),
        (0x0028, 0x0011, b"US", short(65_535)),
        words(&[1; 6]),
    ];
    let error = load(&file(EXPLICIT, large), &Options::default()).unwrap_err();
    assert!(
        matches!(error, PictureError::TooLarge { width: 65_535, .. }),
        "{error}"
    );
    let whole = file(EXPLICIT, vec![words(&[1; 6])]);
    for end in 133..whole.len() {
        assert!(load(&whole[..end], &Options::default()).is_err(), "{end}");
    }
    for bytes in [whole, file(RLE, vec![fragments(&[&[1; 70]])])] {
        for at in 132..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut broken = bytes.clone();
                broken[at] ^= flip;
                // Success and an error are both right.
                let limits = Limits { max_pixels: 4096 };
                let _ = load(
                    &broken,
                    &Options {
                        limits,
                        ..Options::default()
                    },
                );
            }
        }
    }
}

#[test]
fn the_header_tells_the_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.dcm");
    std::fs::write(&path, file(DEFLATED, vec![words(&[1; 6])])).unwrap();
    let found = header(&path, Limits::default()).unwrap();
    assert_eq!((found.width, found.height, found.bytes()), (3, 2, 36));
}
