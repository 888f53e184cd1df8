//! Every command, its streams and its exit status.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::process::Stdio;

use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{Run, command, files, gradcam, photo};

#[test]
fn one_photo_becomes_one_picture() {
    let folder = tempdir().unwrap();
    let args = ["explain", &photo("chelsea.png")];
    let first = gradcam(folder.path(), &args);
    assert_eq!(first.text(), "chelsea.gradcam.png\n");
    assert!(first.err.contains("tiger cat"), "{}", first.err);
    let path = folder.path().join("chelsea.gradcam.png");
    // The centre square that the network sees, at the photo's resolution.
    let picture = image::open(&path).unwrap();
    assert!(picture.width().abs_diff(picture.height()) <= 1 && picture.width() > 224);

    let before = fs::read(&path).unwrap();
    gradcam(folder.path(), &args).refused(&["`chelsea.gradcam.png` exists", "`--force`"]);
    fs::write(&path, "mine").unwrap();
    gradcam(folder.path(), &args).refused(&["--force"]);
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    let forced = gradcam(folder.path(), &[&args[..], &["--force"]].concat());
    assert_eq!(forced.text(), first.text());
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(files(folder.path()), ["chelsea.gradcam.png"]);
}

#[test]
fn a_filter_reads_and_writes_the_standard_streams() {
    let folder = tempdir().unwrap();
    let coffee = photo("coffee.png");
    let named = gradcam(folder.path(), &["explain", &coffee, "-o", "-"]);
    assert_eq!(named.code, Some(0), "{}", named.err);
    image::load_from_memory_with_format(&named.out, image::ImageFormat::Png).unwrap();

    let piped = command(folder.path(), &["explain", "-", "-o", "-"])
        .stdin(File::open(&coffee).unwrap())
        .output()
        .unwrap();
    assert_eq!(Run::of(piped).out, named.out);
    let written = command(folder.path(), &["explain", "-"])
        .stdin(File::open(&coffee).unwrap())
        .output()
        .unwrap();
    assert_eq!(Run::of(written).text(), "stdin.gradcam.png\n");
    assert_eq!(
        fs::read(folder.path().join("stdin.gradcam.png")).unwrap(),
        named.out
    );
    gradcam(folder.path(), &["explain", &coffee, "-o", "-", "--json"]).refused(&["`-o -`"]);
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn a_folder_gives_one_json_object_a_line() {
    let folder = tempdir().unwrap();
    let photos = folder.path().join("photos");
    fs::create_dir_all(photos.join("deep/deeper")).unwrap();
    fs::copy(photo("coffee.png"), photos.join("coffee.png")).unwrap();
    fs::copy(photo("rocket.jpg"), photos.join("deep/deeper/rocket.JPG")).unwrap();
    fs::write(photos.join("notes.txt"), "not a picture").unwrap();
    let args = [
        "explain",
        "photos",
        "-o",
        "out",
        "--save-maps",
        "maps",
        "--json",
    ];
    let records = gradcam(folder.path(), &args).records();
    assert_eq!(records.len(), 2);
    for (record, (image, stem, class, label)) in records.iter().zip([
        ("photos/coffee.png", "coffee", 967, "espresso"),
        (
            "photos/deep/deeper/rocket.JPG",
            "deep/deeper/rocket",
            657,
            "missile",
        ),
    ]) {
        let expected = [
            "image",
            "model",
            "method",
            "layer",
            "target",
            "predictions",
            "map",
            "outputs",
            "millis",
        ];
        assert_eq!(keys(record), BTreeSet::from(expected));
        assert_eq!(
            keys(&record["target"]),
            BTreeSet::from(["asked", "index", "label", "logit", "probability", "score"])
        );
        let expected = [
            "height",
            "width",
            "raw_min",
            "raw_max",
            "negative_mass",
            "verdict",
            "sha256",
            "measures",
        ];
        assert_eq!(keys(&record["map"]), BTreeSet::from(expected));
        assert_eq!(record["image"], image);
        assert_eq!(record["model"], "efficientnet-lite0");
        assert_eq!(record["method"], "grad-cam");
        assert_eq!(record["target"]["index"], class);
        assert_eq!(record["target"]["label"], label);
        assert_eq!(record["predictions"].as_array().unwrap().len(), 5);
        for field in ["index", "label", "logit", "probability"] {
            assert_eq!(record["predictions"][0][field], record["target"][field]);
        }
        assert_eq!(record["target"]["score"], record["target"]["logit"]);
        assert_eq!(record["target"]["asked"], "top");
        assert_eq!(record["map"]["verdict"], "ok");
        assert!(record["millis"].as_f64().unwrap() > 0.0);
        assert_eq!(record["outputs"]["picture"], format!("out/{stem}.png"));
        assert_eq!(
            record["outputs"]["maps"],
            format!("maps/{stem}.safetensors")
        );
        for kind in ["picture", "maps"] {
            let path = record["outputs"][kind].as_str().unwrap();
            assert!(folder.path().join(path).is_file(), "{path}");
        }
    }
    assert_eq!(
        files(&folder.path().join("out")),
        ["coffee.png", "deep/deeper/rocket.png"]
    );
}

#[test]
fn the_photos_have_their_labels() {
    let folder = tempdir().unwrap();
    let photos = [
        ("chelsea.png", 282),
        ("coffee.png", 967),
        ("rocket.jpg", 657),
        ("astronaut.png", 560),
    ];
    let paths: Vec<String> = photos.iter().map(|(name, _)| photo(name)).collect();
    let mut args = vec!["classify", "--top", "3"];
    args.extend(paths.iter().map(String::as_str));
    let text = gradcam(folder.path(), &args);
    let text = text.text();
    assert_eq!(text.lines().count(), 4 * photos.len());
    assert!(text.contains("espresso"), "{text}");
    args.push("--json");
    let records = gradcam(folder.path(), &args).records();
    for (record, (name, class)) in records.iter().zip(photos) {
        assert_eq!(
            keys(record),
            BTreeSet::from(["image", "model", "predictions"])
        );
        let predictions = record["predictions"].as_array().unwrap();
        assert_eq!(
            (predictions.len(), &predictions[0]["index"]),
            (3, &class.into()),
            "{name}"
        );
    }
    assert!(files(folder.path()).is_empty());
}

#[test]
fn models_are_listed() {
    let folder = tempdir().unwrap();
    let table = gradcam(folder.path(), &["models"]);
    for name in ["resnet50", "vgg16", "convnext_tiny", "Apache-2.0"] {
        assert!(table.text().contains(name), "{}", table.text());
    }
    let records = gradcam(folder.path(), &["models", "--json"]).records();
    assert_eq!(records.len() + 1, table.text().lines().count());
    let resnet = records.iter().find(|r| r["name"] == "resnet50").unwrap();
    assert_eq!(resnet["parameters"], 25_557_032);
    assert_eq!(
        (&resnet["default_layer"], &resnet["input_size"]),
        (&"layer4".into(), &224.into())
    );
    assert_eq!(records.iter().filter(|r| r["embedded"] == true).count(), 1);
}

#[test]
fn layers_are_listed_with_the_default_marked() {
    let folder = tempdir().unwrap();
    let table = gradcam(folder.path(), &["layers", "resnet18"]);
    let marked: Vec<&str> = table
        .text()
        .lines()
        .filter(|l| l.ends_with("default"))
        .collect();
    assert_eq!(marked.len(), 1, "{marked:?}");
    assert!(
        marked[0].starts_with("layer4 ") && marked[0].contains("512×7×7"),
        "{marked:?}"
    );
    let records = gradcam(
        folder.path(),
        &["layers", "resnet18", "--json", "--size", "64"],
    )
    .records();
    assert_eq!(records.len() + 1, table.text().lines().count());
    let conv = records
        .iter()
        .find(|r| r["name"] == "layer2.0.conv1")
        .unwrap();
    assert_eq!(conv["shape"], serde_json::json!([128, 8, 8]));
    assert_eq!(
        (&conv["stride"], &conv["parameters"]),
        (&serde_json::json!([8, 8]), &73_728.into())
    );
    // Without an argument, the default model is used.
    let default = gradcam(folder.path(), &["layers"]);
    assert!(
        default.text().contains("blocks.6.0.conv_pwl"),
        "{}",
        default.text()
    );
}

#[test]
fn completions_and_the_manual_come_out() {
    let folder = tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = gradcam(folder.path(), &["completions", shell]);
        assert!(script.text().contains("save-maps"), "{shell}");
    }
    let page = gradcam(folder.path(), &["man"]);
    assert!(page.text().contains(".TH gradcam 1"), "{}", page.text());
    for args in [&["--help"][..], &["--version"], &["explain", "--help"]] {
        let run = gradcam(folder.path(), args);
        assert!(run.text().contains("gradcam") && run.err.is_empty());
    }
}

#[test]
fn quiet_is_quiet() {
    let folder = tempdir().unwrap();
    let coffee = photo("coffee.png");
    let run = gradcam(folder.path(), &["explain", &coffee, "-q"]);
    assert_eq!((run.text(), run.err.as_str()), ("coffee.gradcam.png\n", ""));
    // One `-q` keeps warnings, two print nothing; the exit status is the same.
    let run = gradcam(folder.path(), &["classify", "none.png", "-q"]);
    run.refused(&["warning: `none.png`"]);
    let run = gradcam(folder.path(), &["classify", "none.png", "-qq"]);
    run.refused(&[]);
    assert!(run.err.is_empty() && run.out.is_empty());
    let run = gradcam(folder.path(), &["classify", &coffee, "-v"]);
    assert!(
        run.text().contains("espresso") && run.err.contains("sha256"),
        "{}",
        run.err
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempdir().unwrap();
    let mut child = command(folder.path(), &["models"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
}
