//! Bad pictures, arguments and file places: exit status 2, a helpful message, and nothing lost.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::binary::{files, gradcam, photo};

/// Writes the first half of a picture's file.
fn truncated(name: &str, to: &Path) {
    let bytes = fs::read(photo(name)).unwrap();
    fs::write(to, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn a_bad_picture_is_named_with_its_fault() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    truncated("coffee.png", &path("cut.png"));
    truncated("rocket.jpg", &path("cut.jpg"));
    fs::write(path("text.png"), "hello\n").unwrap();
    fs::write(path("empty.png"), "").unwrap();
    fs::create_dir(path("nothing")).unwrap();
    for (name, fault) in [
        ("cut.png", "PNG data end before the picture does"),
        ("cut.jpg", "JPEG data end before the picture does"),
        (
            "text.png",
            "expected JPEG, PNG, WebP, BMP, GIF, TIFF, DICOM or NIfTI, found text",
        ),
        ("empty.png", "found an empty file"),
        ("none.png", "No such file"),
    ] {
        let run = gradcam(folder.path(), &["explain", name]);
        run.refused(&["warning", &format!("`{name}`"), fault]);
        assert!(run.out.is_empty());
        gradcam(folder.path(), &["classify", name]).refused(&[fault]);
    }
    gradcam(folder.path(), &["explain", "nothing"]).refused(&["no pictures found", "png"]);
    gradcam(folder.path(), &["explain", "x*.png"]).refused(&["`x*.png` fits no file"]);
    assert_eq!(
        files(folder.path()),
        ["cut.jpg", "cut.png", "empty.png", "text.png"]
    );
}

#[test]
fn a_large_picture_is_refused_before_it_is_decoded() {
    let folder = tempdir().unwrap();
    let coffee = photo("coffee.png");
    let run = gradcam(folder.path(), &["explain", &coffee, "--max-pixels", "1000"]);
    run.refused(&[
        "600 × 400",
        "240000 pixels",
        "the limit is 1000",
        "`--max-pixels`",
    ]);

    // A header that claims 2.5 gigapixels.
    let mut bomb = fs::read(&coffee).unwrap();
    bomb[16..20].copy_from_slice(&50_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&50_000_u32.to_be_bytes());
    let checksum = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&checksum.to_be_bytes());
    fs::write(folder.path().join("bomb.png"), bomb).unwrap();
    gradcam(folder.path(), &["explain", "bomb.png"]).refused(&["too large", "50000 × 50000"]);
}

/// A PNG chunk's checksum (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn one_bad_picture_does_not_stop_the_others() {
    let folder = tempdir().unwrap();
    let photos = folder.path().join("photos");
    fs::create_dir(&photos).unwrap();
    fs::copy(photo("coffee.png"), photos.join("a.png")).unwrap();
    truncated("coffee.png", &photos.join("b.png"));
    fs::copy(photo("rocket.jpg"), photos.join("c.jpg")).unwrap();
    let run = gradcam(folder.path(), &["explain", "photos", "-o", "out"]);
    run.refused(&["warning: `photos/b.png`: the PNG data end"]);
    assert_eq!(run.out, b"out/a.png\nout/c.png\n");
    assert_eq!(files(&folder.path().join("out")), ["a.png", "c.png"]);
}

/// Explains pictures in their own sizes, some too small for the network.
#[test]
fn a_picture_too_small_for_the_layer_does_not_stop_the_others() {
    let folder = tempdir().unwrap();
    let photos = folder.path().join("photos");
    fs::create_dir(&photos).unwrap();
    image::RgbImage::new(1, 1)
        .save(photos.join("a.png"))
        .unwrap();
    image::RgbImage::new(70, 40)
        .save(photos.join("b.png"))
        .unwrap();
    let run = gradcam(
        folder.path(),
        &["explain", "photos", "-o", "out", "--fit", "none"],
    );
    run.refused(&["`photos/a.png`", "no spatial map"]);
    assert_eq!(files(&folder.path().join("out")), ["b.png"]);
    let run = gradcam(
        folder.path(),
        &["classify", "photos/a.png", "--fit", "none"],
    );
    assert!(matches!(run.code, Some(0 | 2)));
}

#[test]
fn a_bad_layer_is_refused_with_the_nearest() {
    let folder = tempdir().unwrap();
    let coffee = photo("coffee.png");
    let at = |layer: &str| gradcam(folder.path(), &["explain", &coffee, "--layer", layer]);
    at("blocks.6.0.conv_pw1").refused(&[
        "no layer `blocks.6.0.conv_pw1`",
        "`blocks.6.0.conv_pwl`",
        "`gradcam layers efficientnet-lite0`",
    ]);
    at("classifier").refused(&["`classifier` has no spatial map", "[1000]"]);
    let twice = [
        "explain", &coffee, "--layer", "blocks.6", "--layer", "blocks.6",
    ];
    gradcam(folder.path(), &twice).refused(&["`blocks.6` is given twice"]);
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_bad_target_is_refused_with_the_nearest() {
    let folder = tempdir().unwrap();
    let coffee = photo("coffee.png");
    for (target, words) in [
        (
            "1000",
            ["class 1000 is out of range", "1000 classes (0 to 999)"],
        ),
        ("expresso", ["unknown label `expresso`", "`espresso`"]),
        (
            "espresso-1000",
            ["out of range", "`gradcam classify IMAGE`"],
        ),
    ] {
        let run = gradcam(folder.path(), &["explain", &coffee, "--target", target]);
        run.refused(&words);
    }
    let twice = [
        "explain", &coffee, "--target", "espresso", "--target", "Espresso",
    ];
    gradcam(folder.path(), &twice).refused(&["given twice"]);
    assert!(files(folder.path()).is_empty());
}

#[test]
fn bad_arguments_say_what_is_expected() {
    let folder = tempdir().unwrap();
    let coffee = photo("coffee.png");
    for (options, words) in [
        (&["--alpha", "2"][..], &["`--alpha 2`", "0 to 1"][..]),
        (&["--alpha", "NaN"], &["`--alpha NaN`"]),
        (&["--view", "overlai"], &["`overlai`", "`overlay`"]),
        (&["--colormap", "rainbow"], &["`rainbow`", "`viridis`"]),
        (&["--interpolation", "cubic"], &["`cubic`", "bicubic"]),
        (&["--device", "gpu"], &["`gpu`", "`cpu`"]),
        (&["--batch", "0"], &["--batch", "1..=4096"]),
        (&["--top", "0"], &["--top", "1..=1000"]),
        (&["--top", "2", "--target", "3"], &["cannot be used with"]),
        (&["--save-maps", "maps.npz"], &["`.safetensors`"]),
        (&["--top", "2", "-o", "one.png"], &["2 to write", "folder"]),
        (&["--forse"], &["--forse", "--force"]),
    ] {
        let run = gradcam(folder.path(), &[&["explain", &coffee], options].concat());
        run.refused(words);
        assert!(run.out.is_empty());
    }
    gradcam(folder.path(), &[]).refused(&["Usage"]);
    gradcam(folder.path(), &["explain"]).refused(&["<IMAGE>"]);
    gradcam(folder.path(), &["explian"]).refused(&["explain"]);
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = tempdir().unwrap();
    let coffee = photo("coffee.png");
    fs::write(folder.path().join("file"), "mine").unwrap();
    for place in ["file/map.png", "file/deep/"] {
        let run = gradcam(folder.path(), &["explain", &coffee, "-o", place]);
        run.refused(&["cannot make the folder `file"]);
    }
    let run = gradcam(
        folder.path(),
        &["explain", &coffee, "--save-maps", "file/m.safetensors"],
    );
    run.refused(&["cannot make the folder `file`"]);
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"mine");
}

/// Limits the file size, so that a write fails half-way, as on a full disk.
#[cfg(unix)]
#[test]
fn a_write_that_fails_leaves_nothing_behind() {
    use crate::binary::{Run, command};

    let folder = tempdir().unwrap();
    let coffee = photo("coffee.png");
    let gradcam = command(folder.path(), &[]).get_program().to_owned();
    let mut shell = std::process::Command::new("sh");
    shell
        .current_dir(folder.path())
        .args(["-c", r#"trap "" XFSZ; ulimit -f 1; exec "$0" "$@""#])
        .arg(gradcam)
        .args(["explain", &coffee, "-o", "map.png"]);
    let run = Run::of(shell.output().unwrap());
    run.refused(&["cannot write `map.png`", "too large"]);
    assert!(
        files(folder.path()).is_empty(),
        "{:?}",
        files(folder.path())
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_an_error() {
    use crate::binary::{Run, command};

    let folder = tempdir().unwrap();
    let coffee = photo("coffee.png");
    for args in [
        &["explain", &coffee, "-o", "-"][..],
        &["models"],
        &["--help"],
    ] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = command(folder.path(), args).stdout(full).output().unwrap();
        Run::of(output).refused(&["cannot write to standard output", "No space left"]);
    }
}
