#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

use super::{
    Header, Limits, Options, PictureError, Samples, Turn, Window, decode, has_ending, header, load,
    read,
};

const ANY: Limits = Limits {
    max_pixels: u64::MAX,
};

const GREY: u8 = 0;
const RGB: u8 = 2;
const PALETTE: u8 = 3;
const GREY_ALPHA: u8 = 4;
const RGBA: u8 = 6;

/// Makes an uncompressed PNG (ISO/IEC 15948) from the packed samples in `rows`, with `extra` chunks before the data.
fn png(
    size: (u32, u32),
    depth: u8,
    colour: u8,
    extra: &[(&[u8; 4], &[u8])],
    rows: &[&[u8]],
) -> Vec<u8> {
    let mut header = [size.0.to_be_bytes(), size.1.to_be_bytes()].concat();
    header.extend([depth, colour, 0, 0, 0]);
    let raw: Vec<u8> = rows.iter().flat_map(|row| [&[0], *row].concat()).collect();
    // One stored deflate block inside zlib's frame (RFC 1950, 1951).
    let length = raw.len() as u16;
    let (mut a, mut b) = (1u32, 0u32);
    for &byte in &raw {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let mut data = vec![0x78, 0x01, 0x01];
    data.extend(length.to_le_bytes());
    data.extend((!length).to_le_bytes());
    data.extend(&raw);
    data.extend((b << 16 | a).to_be_bytes());

    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], body: &[u8]| {
        let named = [name.as_slice(), body].concat();
        let crc = named.iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |c, _| {
                (c >> 1) ^ (0xedb8_8320 * (c & 1))
            })
        });
        bytes.extend((body.len() as u32).to_be_bytes());
        bytes.extend(named);
        bytes.extend((!crc).to_be_bytes());
    };
    chunk(b"IHDR", &header);
    for (name, body) in extra {
        chunk(name, body);
    }
    chunk(b"IDAT", &data);
    chunk(b"IEND", &[]);
    bytes
}

/// Makes a picture whose four quarters tell every orientation apart; 16 × 32, so that JPEG keeps the quarters exact.
fn quarters() -> RgbImage {
    RgbImage::from_fn(16, 32, |x, y| match (x < 8, y < 16) {
        (true, true) => Rgb([200, 200, 200]),
        (false, true) => Rgb([150, 150, 150]),
        (true, false) => Rgb([100, 100, 100]),
        (false, false) => Rgb([50, 50, 50]),
    })
}

fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Makes a TIFF block with the single entry `Orientation`, as in EXIF.
fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    tiff.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    tiff.extend([0; 4]);
    tiff
}

/// Inserts an APP1 segment with `body` after the first marker of `jpeg`.
fn with_app1(jpeg: &[u8], body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, body, &jpeg[2..]].concat()
}

fn pixels(picture: &RgbImage) -> Vec<[u8; 3]> {
    picture.pixels().map(|p| p.0).collect()
}

const FORMATS: [ImageFormat; 6] = [
    ImageFormat::Jpeg,
    ImageFormat::Png,
    ImageFormat::WebP,
    ImageFormat::Bmp,
    ImageFormat::Gif,
    ImageFormat::Tiff,
];

#[test]
fn reads_the_formats_by_content() {
    let picture = quarters();
    for format in FORMATS.into_iter().filter(|f| *f != ImageFormat::Jpeg) {
        assert_eq!(decode(&encoded(&picture, format), ANY).unwrap(), picture);
    }
    let jpeg = decode(&encoded(&picture, ImageFormat::Jpeg), ANY).unwrap();
    assert_eq!(jpeg.dimensions(), (16, 32));
    for (found, wanted) in jpeg.iter().zip(picture.iter()) {
        assert!(found.abs_diff(*wanted) <= 2, "{found} for {wanted}");
    }
}

#[test]
fn a_wrong_extension_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.jpg");
    std::fs::write(&path, encoded(&quarters(), ImageFormat::Png)).unwrap();
    assert_eq!(read(&path, ANY).unwrap(), quarters());
}

#[test]
fn all_eight_exif_orientations_come_out_upright() {
    // Grey levels of the corners (upper left, upper right, lower left, lower right) after the turn (CIPA DC-008, 4.6.4).
    let corners = [
        [200, 150, 100, 50],
        [150, 200, 50, 100],
        [50, 100, 150, 200],
        [100, 50, 200, 150],
        [200, 100, 150, 50],
        [100, 200, 50, 150],
        [50, 150, 100, 200],
        [150, 50, 200, 100],
    ];
    for (orientation, wanted) in (1..=8).zip(corners) {
        let tiff = exif(orientation);
        let jpeg = with_app1(
            &encoded(&quarters(), ImageFormat::Jpeg),
            &[b"Exif\0\0", tiff.as_slice()].concat(),
        );
        let rows: Vec<Vec<u8>> = quarters().chunks(16 * 3).map(<[u8]>::to_vec).collect();
        let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
        let png = png((16, 32), 8, RGB, &[(b"eXIf", tiff.as_slice())], &rows);
        for bytes in [jpeg, png] {
            let picture = decode(&bytes, ANY).unwrap();
            let (w, h) = picture.dimensions();
            let turned = orientation >= 5;
            assert_eq!((w, h), if turned { (32, 16) } else { (16, 32) });
            let at = [(0, 0), (w - 1, 0), (0, h - 1), (w - 1, h - 1)];
            for ((x, y), wanted) in at.into_iter().zip(wanted) {
                let found = picture.get_pixel(x, y).0[0];
                assert!(
                    found.abs_diff(wanted) <= 2,
                    "orientation {orientation} at {x}, {y}: {found}, expected {wanted}"
                );
            }
        }
    }
}

#[test]
fn sixteen_bits_keep_their_high_byte() {
    let grey = png(
        (3, 1),
        16,
        GREY,
        &[],
        &[&[0x00, 0xff, 0x12, 0x80, 0xff, 0xff]],
    );
    assert_eq!(
        pixels(&decode(&grey, ANY).unwrap()),
        [[0; 3], [0x12; 3], [255; 3]]
    );
    let rgb = png(
        (1, 1),
        16,
        RGB,
        &[],
        &[&[0x01, 0xff, 0x80, 0x00, 0xfe, 0xff]],
    );
    assert_eq!(pixels(&decode(&rgb, ANY).unwrap()), [[0x01, 0x80, 0xfe]]);
    let rgba = png((1, 1), 16, RGBA, &[], &[&[1, 2, 3, 4, 5, 6, 0, 0]]);
    assert_eq!(pixels(&decode(&rgba, ANY).unwrap()), [[1, 3, 5]]);
    let grey_alpha = png((1, 1), 16, GREY_ALPHA, &[], &[&[7, 200, 0, 0]]);
    assert_eq!(pixels(&decode(&grey_alpha, ANY).unwrap()), [[7; 3]]);
}

#[test]
fn alpha_is_dropped() {
    let grey = png((2, 1), 8, GREY_ALPHA, &[], &[&[10, 0, 90, 255]]);
    assert_eq!(pixels(&decode(&grey, ANY).unwrap()), [[10; 3], [90; 3]]);
    let colour = png((1, 1), 8, RGBA, &[], &[&[9, 8, 7, 0]]);
    assert_eq!(pixels(&decode(&colour, ANY).unwrap()), [[9, 8, 7]]);

    let mut webp = Cursor::new(Vec::new());
    let transparent = image::RgbaImage::from_pixel(2, 2, image::Rgba([40, 80, 120, 128]));
    DynamicImage::ImageRgba8(transparent)
        .write_to(&mut webp, ImageFormat::WebP)
        .unwrap();
    let picture = decode(&webp.into_inner(), ANY).unwrap();
    assert_eq!(pixels(&picture), [[40, 80, 120]; 4]);
}

#[test]
fn a_palette_and_few_bits_are_expanded() {
    let colours: [u8; 9] = [1, 2, 3, 40, 50, 60, 200, 210, 220];
    // Two bits per index: 2, 0, 1, 1; the first colour is transparent, which changes nothing.
    let palette = png(
        (4, 1),
        2,
        PALETTE,
        &[(b"PLTE", &colours), (b"tRNS", &[0])],
        &[&[0b10_00_01_01]],
    );
    assert_eq!(
        pixels(&decode(&palette, ANY).unwrap()),
        [[200, 210, 220], [1, 2, 3], [40, 50, 60], [40, 50, 60]]
    );
    let bits = png((3, 1), 1, GREY, &[], &[&[0b1010_0000]]);
    assert_eq!(
        pixels(&decode(&bits, ANY).unwrap()),
        [[255; 3], [0; 3], [255; 3]]
    );
    let crumbs = png((4, 1), 2, GREY, &[], &[&[0b00_01_10_11]]);
    assert_eq!(
        pixels(&decode(&crumbs, ANY).unwrap()),
        [[0; 3], [85; 3], [170; 3], [255; 3]]
    );
}

#[test]
fn a_cmyk_jpeg_becomes_rgb() {
    // Pillow 13.0: Image.new("CMYK", (8, 8), (0, 200, 100, 20)).save(…, "JPEG", quality=90, optimize=True);
    // its own convert("RGB") gives (235, 51, 143).
    let hex = "ffd8ffee000e41646f626500640000000000ffdb00430003020203020203030303040303040508050504\
               04050a070706080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f17181614181214\
               1514ffc000140800080008044311004d11005911004b1100ffc40016000101010000000000000000000000\
               0000090708ffc40014100100000000000000000000000000000000ffda000e0443004d0059004b00003f00\
               54d8f14823afffd9";
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let picture = decode(&bytes, ANY).unwrap();
    for pixel in picture.pixels() {
        for (found, wanted) in pixel.0.into_iter().zip([235, 51, 143]) {
            assert!(found.abs_diff(wanted) <= 2, "{pixel:?}");
        }
    }
}

#[test]
fn a_claim_of_too_many_pixels_is_refused_before_decoding() {
    let claim = png((100_000, 50_000), 8, RGB, &[], &[]);
    let error = decode(&claim, Limits::default()).unwrap_err();
    assert!(matches!(
        error,
        PictureError::TooLarge {
            width: 100_000,
            height: 50_000,
            limit: 178_956_970
        }
    ));
    assert_eq!(
        error.to_string(),
        "the picture is too large: 100000 × 50000 is 5000000000 pixels, the limit is 178956970"
    );

    for format in FORMATS {
        let bytes = encoded(&quarters(), format);
        let limit = |max_pixels| Limits { max_pixels };
        assert!(decode(&bytes, limit(512)).is_ok());
        let error = decode(&bytes, limit(511)).unwrap_err();
        assert!(matches!(error, PictureError::TooLarge { limit: 511, .. }));
    }
}

#[test]
fn truncated_data_are_an_error_wherever_they_end() {
    // Noise, which no format can pack into the first bytes.
    let noise = RgbImage::from_fn(40, 40, |x, y| {
        let v = (x * 7919 + y * 104_729 + x * y * 31) as u8;
        Rgb([v, v.wrapping_mul(13), v.wrapping_mul(57)])
    });
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let bytes = encoded(&noise, format);
        // A PNG's last chunk is empty: without it the picture is still whole.
        let tail = if format == ImageFormat::Png {
            12 + 4
        } else {
            0
        };
        // From twelve bytes on, every format is recognised.
        for end in 12..bytes.len() - tail {
            match decode(&bytes[..end], ANY) {
                Err(PictureError::Truncated { .. }) => {}
                other => panic!("{format:?} cut to {end} of {}: {other:?}", bytes.len()),
            }
        }
    }
}

#[test]
fn truncated_rows_are_an_error_in_the_other_formats() {
    let picture = quarters();
    for format in [ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Tiff] {
        let bytes = encoded(&picture, format);
        // A GIF ends with a trailer byte and the end of its last block; this TIFF ends with its directory.
        let tail = if format == ImageFormat::Gif { 3 } else { 1 };
        for end in (12..bytes.len() - tail).step_by(7) {
            match decode(&bytes[..end], ANY) {
                Err(PictureError::Truncated { .. } | PictureError::Decode { .. }) => {}
                other => panic!("{format:?} cut to {end} of {}: {other:?}", bytes.len()),
            }
        }
    }
}

#[test]
fn the_end_of_a_thumbnail_does_not_end_the_jpeg() {
    let whole = encoded(&quarters(), ImageFormat::Jpeg);
    let body = [b"Exif\0\0", exif(1).as_slice(), &whole].concat();
    let mut jpeg = with_app1(&whole, &body);
    assert!(decode(&jpeg, ANY).is_ok());
    jpeg.truncate(jpeg.len() - 40);
    assert!(matches!(
        decode(&jpeg, ANY),
        Err(PictureError::Truncated { format: "JPEG" })
    ));
}

#[test]
fn zero_sides_are_an_error() {
    let is_refused = |bytes: &[u8]| {
        matches!(
            decode(bytes, ANY),
            Err(PictureError::Empty { .. } | PictureError::Decode { .. })
        )
    };
    assert!(is_refused(&png((0, 4), 8, GREY, &[], &[])));
    let mut jpeg = encoded(&quarters(), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|m| m == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 7].fill(0);
    assert!(is_refused(&jpeg));
}

#[test]
fn a_damaged_picture_says_what_is_wrong() {
    let mut bytes = encoded(&quarters(), ImageFormat::Png);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    let error = decode(&bytes, ANY).unwrap_err().to_string();
    assert!(
        error.starts_with("the PNG data cannot be decoded: CRC error"),
        "{error}"
    );
}

#[test]
fn what_is_no_picture_is_named() {
    let found = |bytes: &[u8]| match decode(bytes, ANY) {
        Err(PictureError::Format { found }) => found,
        other => panic!("{other:?}"),
    };
    assert_eq!(found(b""), "an empty file");
    assert_eq!(found("a note, not a photo: é\n".as_bytes()), "text");
    assert_eq!(found(b"qoif\0\0\0\x01"), "QOI data");
    assert_eq!(
        found(&[0, 1, 2, 3, 4]),
        "unknown data that start with `00 01 02 03`"
    );
    // The head ends in the middle of a character.
    assert_eq!(found(format!("a{}", "é".repeat(400)).as_bytes()), "text");
}

#[test]
fn a_text_file_named_png_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.png");
    std::fs::write(&path, "not a picture").unwrap();
    assert_eq!(
        read(&path, ANY).unwrap_err().to_string(),
        "not a picture that can be read: expected JPEG, PNG, WebP, BMP, GIF, TIFF, DICOM or NIfTI, found text"
    );
    let missing = read(&folder.path().join("none.png"), ANY);
    assert!(matches!(missing, Err(PictureError::Read(_))));
}

#[test]
fn broken_bytes_never_panic() {
    // Every single-byte change of small files, headers included.
    for format in FORMATS {
        let bytes = encoded(&quarters(), format);
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut broken = bytes.clone();
                broken[at] ^= flip;
                // Success and an error are both right; the limit keeps a wild size from costing time.
                let _ = decode(&broken, Limits { max_pixels: 4096 });
            }
        }
    }
}

/// Makes 16-bit grey with 12-bit values.
fn twelve_bits() -> Vec<u8> {
    let values: [u16; 4] = [0, 1, 2048, 4095];
    let row: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
    png((4, 1), 16, GREY, &[], &[&row])
}

fn words(bytes: &[u8], window: Option<Window>) -> Vec<u16> {
    let options = Options {
        window,
        ..Options::default()
    };
    match load(bytes, &options).unwrap().samples {
        Samples::Words(image) => image.pixels().map(|p| p.0[0]).collect(),
        Samples::Bytes(_) => panic!("8 bits"),
    }
}

#[test]
fn sixteen_bits_are_all_kept_and_a_window_spreads_them() {
    let bytes = twelve_bits();
    assert_eq!(words(&bytes, None), [0, 1, 2048, 4095]);
    let spread = [0, 16, 32776, 65535];
    assert_eq!(words(&bytes, Some(Window::Auto)), spread);
    let whole = Window::Between {
        low: 0.0,
        high: 4095.0,
    };
    assert_eq!(words(&bytes, Some(whole)), spread);
    let range = load(&bytes, &Options::default()).unwrap().range.unwrap();
    assert!(range.is_narrow());
    assert_eq!((range.found, range.shown), ((0.0, 4095.0), (0.0, 65535.0)));
    // The range of a colour picture leaves out alpha.
    let colour = png((1, 1), 16, RGBA, &[], &[&[0, 9, 0, 1, 0, 4, 255, 255]]);
    let options = Options {
        window: Some(Window::Auto),
        ..Options::default()
    };
    assert_eq!(
        load(&colour, &options).unwrap().range.unwrap().found,
        (1.0, 9.0)
    );
    let mut tiff = Cursor::new(Vec::new());
    let deep = image::ImageBuffer::from_fn(2, 1, |x, _| image::Luma([x as u16 * 4095]));
    DynamicImage::ImageLuma16(deep)
        .write_to(&mut tiff, ImageFormat::Tiff)
        .unwrap();
    assert_eq!(words(tiff.get_ref(), None), [0, 4095]);
}

#[test]
fn eight_bits_stay_as_they_are_but_for_a_window_of_numbers() {
    let bytes = encoded(&quarters(), ImageFormat::Png);
    for window in [None, Some(Window::Auto)] {
        let options = Options {
            window,
            ..Options::default()
        };
        let picture = load(&bytes, &options).unwrap();
        assert_eq!(picture.range, None);
        assert_eq!(picture.samples, Samples::Bytes(quarters()));
    }
    let window = Window::Between {
        low: 50.0,
        high: 200.0,
    };
    assert_eq!(words(&bytes, Some(window))[..1], [65535]);
}

#[test]
fn a_tiff_is_upright_and_keeps_what_annotations_count() {
    let mut bytes = encoded(&quarters(), ImageFormat::Tiff);
    // The encoder writes no entry for the orientation, so the one for the resolution unit is turned into it.
    let entry = |tag: u16| [tag.to_le_bytes(), 3_u16.to_le_bytes()].concat();
    let unit = bytes.windows(4).position(|w| w == entry(0x0128)).unwrap();
    bytes[unit..unit + 2].copy_from_slice(&0x0112_u16.to_le_bytes());
    bytes[unit + 8] = 6;
    let turned = |turn| {
        let options = Options {
            turn,
            ..Options::default()
        };
        load(&bytes, &options).map(|picture| picture.dimensions())
    };
    assert_eq!(turned(Turn::AsStored).unwrap(), (16, 32));
    assert_eq!(turned(Turn::Upright).unwrap(), (32, 16));
}

#[test]
fn known_formats_that_are_not_read_are_named() {
    for (bytes, name) in [
        (b"\0\0\0\x1cftypavif\0\0\0\0".as_slice(), "AVIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\xff\x0a\0\0", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    ] {
        let error = decode(bytes, ANY).unwrap_err().to_string();
        assert!(
            error.starts_with(name) && error.contains("convert them to PNG"),
            "{error}"
        );
    }
}

#[test]
fn headers_tell_what_a_picture_will_take() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    for format in FORMATS {
        std::fs::write(&path, encoded(&quarters(), format)).unwrap();
        let found = header(&path, ANY).unwrap();
        assert_eq!((found.width, found.height, found.bytes()), (16, 32, 1536));
    }
    std::fs::write(&path, twelve_bits()).unwrap();
    assert_eq!(header(&path, ANY).unwrap().bytes(), 24);
    // A header's claim allocates nothing.
    std::fs::write(&path, png((100_000, 50_000), 8, RGB, &[], &[])).unwrap();
    let Header { width, height, .. } = header(&path, ANY).unwrap();
    assert_eq!((width, height), (100_000, 50_000));
}

#[test]
fn endings_are_known_in_any_case() {
    for name in [
        "a.PNG", "b/c.tiff", "x.dcm", "y.nii", "z.nii.gz", "Z.NII.GZ",
    ] {
        assert!(has_ending(name.as_ref()), "{name}");
    }
    for name in ["a.gz", "png", "a.avif", ".png", "a.txt"] {
        assert!(!has_ending(name.as_ref()), "{name}");
    }
}
