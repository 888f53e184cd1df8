//! Picture formats, values of more than 8 bits, and DICOM files, in all commands.

use std::fs;
use std::path::Path;

use image::{GrayImage, ImageBuffer, Luma, RgbImage, imageops};
use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{files, gradcam, photo};

/// Returns a photo of 96 × 64 pixels.
fn small() -> RgbImage {
    let coffee = image::open(photo("coffee.png")).unwrap().into_rgb8();
    imageops::resize(&coffee, 96, 64, imageops::FilterType::Triangle)
}

/// Returns the same photo in grey.
fn grey() -> GrayImage {
    image::DynamicImage::ImageRgb8(small()).into_luma8()
}

/// Writes a file of 16 bits whose values are those of the grey photo times `scale`, plus `more`.
fn deep(path: &Path, scale: u16, more: u16) {
    let grey = grey();
    let deep = ImageBuffer::from_fn(grey.width(), grey.height(), |x, y| {
        Luma([u16::from(grey.get_pixel(x, y).0[0]) * scale + more])
    });
    let deep: ImageBuffer<Luma<u16>, Vec<u16>> = deep;
    deep.save(path).unwrap();
}

/// Writes an uncompressed DICOM file with 12 bits per sample, whose values are 16 times those of the grey photo.
fn dicom(path: &Path) {
    let grey = grey();
    let element = |group: u16, element: u16, kind: &[u8; 2], value: &[u8]| {
        let mut bytes = [group.to_le_bytes(), element.to_le_bytes()].concat();
        bytes.extend(kind);
        match kind {
            b"OW" => {
                bytes.extend([0; 2]);
                bytes.extend((value.len() as u32).to_le_bytes());
            }
            _ => bytes.extend((value.len() as u16).to_le_bytes()),
        }
        bytes.extend(value);
        bytes
    };
    let short = |tag: u16, value: u16| element(0x28, tag, b"US", &value.to_le_bytes());
    let pixels: Vec<u8> = grey
        .iter()
        .flat_map(|v| (u16::from(*v) * 16).to_le_bytes())
        .collect();
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    for part in [
        element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1\0"),
        short(0x02, 1),
        element(0x28, 0x04, b"CS", b"MONOCHROME2 "),
        short(0x10, grey.height() as u16),
        short(0x11, grey.width() as u16),
        short(0x100, 16),
        short(0x101, 12),
        short(0x102, 11),
        short(0x103, 0),
        element(0x28, 0x1050, b"DS", b"2040.5"),
        element(0x28, 0x1051, b"DS", b"4081"),
        element(0x7fe0, 0x10, b"OW", &pixels),
    ] {
        bytes.extend(part);
    }
    fs::write(path, bytes).unwrap();
}

/// Returns the top class of each file by `classify`: its probability and its number.
fn seen(folder: &Path, args: &[&str]) -> Vec<(f64, u64)> {
    let args = [&["classify", "--json", "--top", "1"], args].concat();
    let records = gradcam(folder, &args).records();
    let first = |record: &Value| {
        let first = &record["predictions"][0];
        (
            first["probability"].as_f64().unwrap(),
            first["index"].as_u64().unwrap(),
        )
    };
    records.iter().map(first).collect()
}

#[test]
fn folders_have_pictures_of_every_format() {
    let folder = tempdir().unwrap();
    let photos = folder.path().join("photos");
    fs::create_dir(&photos).unwrap();
    for name in ["a.png", "b.bmp", "c.TIF", "d.tiff"] {
        small().save(photos.join(name)).unwrap();
    }
    // A palette has fewer colours than the photo.
    small().save(photos.join("e.gif")).unwrap();
    let found = seen(folder.path(), &["photos"]);
    assert_eq!(found.len(), 5);
    assert!(found[..4].iter().all(|one| *one == found[0]), "{found:?}");
    assert_eq!(
        gradcam(folder.path(), &["data", "info", "photos", "--json"]).records()[0]["pictures"],
        5
    );

    let run = gradcam(folder.path(), &["explain", "photos", "-o", "maps"]);
    assert_eq!(run.text().lines().count(), 5);
    assert_eq!(files(&folder.path().join("maps")).len(), 5);

    fs::write(folder.path().join("x.avif"), b"\0\0\0\x1cftypavif\0\0\0\0").unwrap();
    gradcam(folder.path(), &["explain", "x.avif"]).refused(&["AVIF", "PNG"]);
}

#[test]
fn twelve_bits_are_seen_with_a_window_and_warned_of_without() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    grey().save(path("eight.png")).unwrap();
    deep(&path("deep.png"), 16, 0);
    let eight = seen(folder.path(), &["eight.png"])[0];
    let windowed = seen(folder.path(), &["deep.png", "--window", "0:4080"])[0];
    // The same shades, resized with more digits.
    assert_eq!(windowed.1, eight.1);
    assert!(
        (windowed.0 - eight.0).abs() < 0.01,
        "{windowed:?} {eight:?}"
    );
    for (args, warns) in [
        (["classify", "deep.png", "-q", "--top=1"].as_slice(), true),
        (&["classify", "deep.png", "--window=0:4080"], false),
        (&["classify", "deep.png", "--window=auto"], false),
        (&["classify", "eight.png"], false),
        (&["explain", "deep.png", "-o", "a.png"], true),
        (
            &["explain", "deep.png", "-o", "b.png", "--window", "auto"],
            false,
        ),
        (
            &[
                "compare",
                "deep.png",
                "--methods",
                "grad-cam",
                "-o",
                "c.png",
            ],
            true,
        ),
        (
            &[
                "explain",
                "eight.png",
                "--target",
                "like:deep.png",
                "-o",
                "d.png",
            ],
            true,
        ),
    ] {
        let run = gradcam(folder.path(), args);
        run.text();
        let said = run.err.contains("`deep.png`")
            && run.err.contains("0 to 65535")
            && run.err.contains("`--window auto`");
        assert_eq!(said, warns, "{args:?}: {}", run.err);
    }
    let mean = |name: &str| {
        let image = image::open(path(name)).unwrap().into_rgb8();
        image.iter().map(|v| u64::from(*v)).sum::<u64>() / image.len() as u64
    };
    // The picture is painted as the network saw it.
    assert!(mean("b.png") > mean("a.png") + 20);
    for window in ["12", "5:1", "a:b", "0:nan"] {
        gradcam(folder.path(), &["classify", "deep.png", "--window", window])
            .refused(&["`auto` or LO:HI"]);
    }
    for command in ["check", "evaluate", "card"] {
        gradcam(folder.path(), &[command, "--window", "1"]).refused(&["`auto` or LO:HI"]);
    }
}

#[test]
fn the_low_bytes_reach_the_network() {
    let folder = tempdir().unwrap();
    deep(&folder.path().join("a.png"), 256, 0);
    deep(&folder.path().join("b.png"), 256, 255);
    let found = seen(folder.path(), &["a.png", "b.png"]);
    assert_ne!(found[0].0, found[1].0);
}

#[test]
fn a_study_warns_and_keeps_its_window() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    deep(&data.join("1.png"), 16, 0);
    let study = |more: &[&str]| {
        let args = [
            "evaluate",
            "data",
            "--metrics",
            "sparsity",
            "--nulls",
            "random",
            "--records",
        ];
        gradcam(folder.path(), &[&args, more].concat())
    };
    let plain = study(&["plain.jsonl"]);
    plain.text();
    assert!(
        plain.err.contains("`1`") && plain.err.contains("`--window auto`"),
        "{}",
        plain.err
    );
    let windowed = study(&["windowed.jsonl", "--window", "auto"]);
    assert_ne!(windowed.text(), plain.text());
    assert!(!windowed.err.contains("--window"), "{}", windowed.err);
    study(&["windowed.jsonl", "--resume", "--window", "0:4080"]).refused(&["window", "0:4080"]);
    study(&["windowed.jsonl", "--resume", "--window", "auto"]).text();
}

#[test]
fn dicom_files_are_read_in_their_window() {
    let folder = tempdir().unwrap();
    dicom(&folder.path().join("p1.dcm"));
    deep(&folder.path().join("deep.png"), 16, 0);
    let own = seen(folder.path(), &["p1.dcm"])[0];
    assert_eq!(
        own,
        seen(folder.path(), &["deep.png", "--window", "0:4080"])[0]
    );
    assert_ne!(
        own,
        seen(folder.path(), &["p1.dcm", "--window", "0:2000"])[0]
    );
    gradcam(folder.path(), &["explain", "p1.dcm", "--frame", "2"])
        .refused(&["`--frame`", "no frame 2"]);
    assert_eq!(
        gradcam(folder.path(), &["explain", "p1.dcm"]).text().trim(),
        "p1.gradcam.png"
    );

    // The same with RSNA's table beside it.
    let set = folder.path().join("rsna");
    fs::create_dir(&set).unwrap();
    dicom(&set.join("p1.dcm"));
    let csv = "patientId,x,y,width,height,Target\np1,10,10,40,30,1\n";
    fs::write(set.join("stage_2_train_labels.csv"), csv).unwrap();
    let info = gradcam(folder.path(), &["data", "info", "rsna", "--json"]).records();
    assert_eq!(
        (info[0]["layout"].as_str(), info[0]["pictures"].as_u64()),
        (Some("rsna"), Some(1))
    );
    let args = ["evaluate", "rsna", "--metrics", "pointing", "--json"];
    assert_eq!(gradcam(folder.path(), &args).records()[0]["measured"], 1);
}
