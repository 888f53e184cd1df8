//! The outputs of `explain` and their places.

use std::fs;
use std::path::Path;

use gradcam_models::sha256;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{files, gradcam, photo};

/// Returns shape and values of the tensor `name`, which must be `f32`.
fn tensor(bytes: &[u8], name: &str) -> (Vec<usize>, Vec<f32>) {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let view = file.tensor(name).unwrap();
    assert_eq!(view.dtype(), Dtype::F32);
    let values = view.data().chunks_exact(4);
    let values = values.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    (view.shape().to_vec(), values.collect())
}

#[test]
fn maps_are_saved_as_they_are() {
    let folder = tempdir().unwrap();
    // A difference of two cats has evidence on both sides.
    let chelsea = photo("chelsea.png");
    let maps = [
        "--save-maps",
        "cat.safetensors",
        "--json",
        "--target",
        "tiger cat-lynx",
    ];
    let args = [&["explain", &chelsea][..], &maps].concat();
    let record = gradcam(folder.path(), &args).records().remove(0);
    let bytes = fs::read(folder.path().join("cat.safetensors")).unwrap();
    let mut names: Vec<String> = SafeTensors::deserialize(&bytes)
        .unwrap()
        .names()
        .into_iter()
        .map(String::from)
        .collect();
    names.sort();
    assert_eq!(names, ["logits", "map", "raw", "upsampled"]);
    let (shape, logits) = tensor(&bytes, "logits");
    assert_eq!(shape, [1000]);
    let best = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    assert_eq!(logits[282], best);
    let (shape, raw) = tensor(&bytes, "raw");
    assert_eq!(shape, [7, 7]);
    assert!(
        raw.iter().any(|&v| v < 0.0),
        "the signed map keeps its signs"
    );
    let (shape, map) = tensor(&bytes, "map");
    assert_eq!(shape, [7, 7]);
    assert!(map.iter().zip(&raw).all(|(&m, &r)| m == r.max(0.0)));
    let (shape, upsampled) = tensor(&bytes, "upsampled");
    assert_eq!(shape, [224, 224]);
    let largest = |values: &[f32]| values.iter().copied().fold(0.0, f32::max);
    assert!(largest(&upsampled) > 0.5 * largest(&map) && largest(&upsampled) <= largest(&map));

    let bytes: Vec<u8> = raw.iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(record["map"]["sha256"], sha256(&bytes));
    assert_eq!(
        record["map"]["raw_max"].as_f64().unwrap() as f32,
        largest(&raw)
    );
    assert_eq!(record["target"]["logit"].as_f64().unwrap() as f32, best);
}

#[test]
fn the_cats_face_stands_out() {
    let folder = tempdir().unwrap();
    let args = [
        "explain",
        &photo("chelsea.png"),
        "--save-maps",
        "cat.safetensors",
    ];
    gradcam(folder.path(), &args).text();
    let bytes = fs::read(folder.path().join("cat.safetensors")).unwrap();
    let (_, map) = tensor(&bytes, "upsampled");
    // Eye, cheek and nose lie here in the 224 × 224 pixels that the network sees.
    let (rows, columns) = (60..215, 20..190);
    let largest = map.iter().copied().fold(0.0, f32::max);
    for (i, &value) in map.iter().enumerate() {
        let face = rows.contains(&(i / 224)) && columns.contains(&(i % 224));
        assert!(
            face || value < 0.85 * largest,
            "{value} of {largest} at {i}"
        );
    }
}

#[test]
fn several_targets_have_a_file_each() {
    let folder = tempdir().unwrap();
    let chelsea = photo("chelsea.png");
    let top = gradcam(folder.path(), &["explain", &chelsea, "--top", "3"]);
    let names = ["top1", "top2", "top3"].map(|n| format!("chelsea.gradcam.{n}.png"));
    assert_eq!(top.text().lines().collect::<Vec<_>>(), names);

    let args = [
        "explain", &chelsea, "-o", "out/", "--json", "--target", "282",
    ];
    let more = [
        "--target",
        "Tiger cat",
        "--target",
        "tiger cat-lynx",
        "--target",
        "287",
    ];
    let records = gradcam(folder.path(), &[&args[..], &more].concat()).records();
    let index: Vec<&Value> = records.iter().map(|r| &r["target"]["index"]).collect();
    assert_eq!(index, [282, 282, 282, 287]);
    assert_eq!(records[0]["map"], records[1]["map"]);
    assert_ne!(records[0]["map"]["sha256"], records[2]["map"]["sha256"]);
    assert_eq!(records[2]["target"]["against"], 287);
    assert_eq!(
        files(&folder.path().join("out")),
        [
            "chelsea.282.png",
            "chelsea.287.png",
            "chelsea.tiger-cat-lynx.png",
            "chelsea.tiger-cat.png"
        ]
    );
}

#[test]
fn resume_goes_on_where_files_are_missing() {
    let folder = tempdir().unwrap();
    let photos = folder.path().join("photos");
    fs::create_dir(&photos).unwrap();
    for name in ["coffee.png", "rocket.jpg"] {
        fs::copy(photo(name), photos.join(name)).unwrap();
    }
    let args = ["explain", "photos", "-o", "out", "--resume"];
    assert_eq!(gradcam(folder.path(), &args).text().lines().count(), 2);
    let kept = folder.path().join("out/coffee.png");
    fs::write(&kept, "kept").unwrap();
    fs::remove_file(folder.path().join("out/rocket.png")).unwrap();
    let run = gradcam(folder.path(), &args);
    assert_eq!(run.text(), "out/rocket.png\n");
    assert!(run.err.contains("1 of 2 images are done"), "{}", run.err);
    assert_eq!(fs::read(&kept).unwrap(), b"kept");
    assert_eq!(gradcam(folder.path(), &args).text(), "");
}

/// Returns the picture that a run with these options draws.
fn drawn(folder: &Path, options: &[&str]) -> image::RgbImage {
    let coffee = photo("coffee.png");
    let run = gradcam(
        folder,
        &[&["explain", &coffee, "-o", "-"], options].concat(),
    );
    assert_eq!(run.code, Some(0), "{}", run.err);
    image::load_from_memory(&run.out).unwrap().into_rgb8()
}

#[test]
fn options_change_the_picture() {
    let folder = tempdir().unwrap();
    let plain = drawn(folder.path(), &[]);
    let mut seen = vec![plain.clone()];
    for options in [
        &["--view", "heatmap"][..],
        &["--view", "contour"],
        &["--view", "boxes"],
        &["--colormap", "viridis", "--alpha", "0.8"],
        &["--interpolation", "nearest"],
        &["--no-relu"],
        &["--counterfactual"],
        &["--layer", "blocks.4"],
        &[
            "--layer", "blocks.4", "--layer", "blocks.6", "--fusion", "max",
        ],
    ] {
        let picture = drawn(folder.path(), options);
        assert_eq!(picture.dimensions(), plain.dimensions(), "{options:?}");
        assert!(!seen.contains(&picture), "{options:?}");
        seen.push(picture);
    }
    let wide = drawn(folder.path(), &["--view", "side-by-side"]);
    assert_eq!(wide.width(), 2 * plain.width() + 8);
    // The whole photo instead of the centre square.
    let whole = drawn(folder.path(), &["--fit", "squash"]);
    assert_eq!(whole.dimensions(), (600, 400));
}

#[test]
fn the_ending_decides_the_format() {
    let folder = tempdir().unwrap();
    let coffee = photo("coffee.png");
    for (name, format) in [
        ("a.jpg", image::ImageFormat::Jpeg),
        ("a.webp", image::ImageFormat::WebP),
        ("deep/a.png", image::ImageFormat::Png),
    ] {
        let run = gradcam(folder.path(), &["explain", &coffee, "-o", name]);
        assert_eq!(run.text(), format!("{name}\n"));
        let bytes = fs::read(folder.path().join(name)).unwrap();
        assert_eq!(image::guess_format(&bytes).unwrap(), format);
        image::load_from_memory(&bytes).unwrap();
    }
    let run = gradcam(folder.path(), &["explain", &coffee, "-o", "a.gif"]);
    run.refused(&["a.gif", "png"]);
    let run = gradcam(
        folder.path(),
        &["explain", &coffee, "--show", "-o", "b.png"],
    );
    assert!(
        run.text().contains('▀') || run.text().contains('▄'),
        "{}",
        run.text()
    );
}

/// Checks that Ctrl-C ends the run after the current batch, with every file complete.
#[cfg(unix)]
#[test]
fn an_interruption_leaves_whole_files() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use crate::binary::{Run, command};

    let folder = tempdir().unwrap();
    let photos = folder.path().join("photos");
    fs::create_dir(&photos).unwrap();
    for i in 0..60 {
        fs::copy(photo("rocket.jpg"), photos.join(format!("{i:02}.jpg"))).unwrap();
    }
    let mut child = command(
        folder.path(),
        &["explain", "photos", "-o", "out", "--batch", "1"],
    )
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "out/00.png");
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let said = 1 + lines.count();
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(130), "{}", run.err);
    assert!(run.err.contains("interrupted after"), "{}", run.err);
    assert!(run.err.contains("of 60 images"), "{}", run.err);
    let written = files(&folder.path().join("out"));
    assert_eq!(written.len(), said);
    assert!(said < 60);
    for name in written {
        image::open(folder.path().join("out").join(name)).unwrap();
    }
}

/// Checks that similarity to a picture is a cosine of embeddings: 1 for the picture itself, less for another one.
#[test]
fn likeness_to_another_picture() {
    let folder = tempdir().unwrap();
    let (chelsea, coffee) = (photo("chelsea.png"), photo("coffee.png"));
    let mut scores = Vec::new();
    for other in [&chelsea, &coffee] {
        let target = format!("like:{other}");
        let args = [
            "explain", &chelsea, "--target", &target, "--json", "--force",
        ];
        let record: Value = serde_json::from_str(gradcam(folder.path(), &args).text()).unwrap();
        assert_eq!(record["target"]["asked"], target.as_str());
        assert_eq!(record["target"]["index"], Value::Null);
        assert_eq!(record["predictions"].as_array().unwrap().len(), 0);
        scores.push(record["target"]["score"].as_f64().unwrap());
    }
    assert!((scores[0] - 1.0).abs() < 1e-6, "{scores:?}");
    assert!(scores[1] > 0.0 && scores[1] < 0.5, "{scores:?}");
    let like = format!("like:{coffee}");
    let mixed = ["explain", &chelsea, "--target", &like, "--target", "top"];
    gradcam(folder.path(), &mixed).refused(&["in a run of their own"]);
    let missing = ["explain", &chelsea, "--target", "like:no.png", "--force"];
    gradcam(folder.path(), &missing).refused(&["`--target like:no.png`", "cannot read `no.png`"]);
}

/// Checks that a CLIP accepts texts, and that another network reports its lack of a text tower.
#[test]
fn likeness_to_a_text() {
    let folder = tempdir().unwrap();
    let clip = crate::binary::repository().join("tests/golden/clip");
    let (chelsea, clip) = (photo("chelsea.png"), clip.display().to_string());
    let args = [
        "explain",
        &chelsea,
        "--model",
        &clip,
        "--target",
        "text:a photo of a dog",
        "--target",
        "text:two red cars",
        "--json",
        "-o",
        "out",
    ];
    let records = gradcam(folder.path(), &args).records();
    assert_eq!(records.len(), 2);
    let score = |i: usize| records[i]["target"]["score"].as_f64().unwrap();
    assert!(score(0).abs() <= 1.0 && score(0) != score(1), "{records:?}");
    assert_eq!(records[0]["target"]["asked"], "text:a photo of a dog");
    assert_eq!(records[0]["layer"], "blocks.1.norm1");
    assert!(
        folder
            .path()
            .join("out/chelsea.text-a-photo-of-a-dog.png")
            .is_file()
    );
    let plain = ["explain", &chelsea, "--target", "text:a dog"];
    gradcam(folder.path(), &plain).refused(&["text tower"]);
    let empty = ["explain", &chelsea, "--model", &clip, "--target", "text:"];
    gradcam(folder.path(), &empty).refused(&["`--target text:`"]);
}
