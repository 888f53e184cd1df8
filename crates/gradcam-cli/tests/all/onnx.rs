//! ONNX files as models, from the file to the picture.

use std::fs;

use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{files, gradcam, photo};

/// The file of the repository's second network.
fn squeezenet() -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/squeezenet1_1");
    format!("{root}/squeezenet1_1.onnx")
}

#[test]
fn a_file_is_explained_with_the_names_and_colours_beside_it() {
    let folder = tempdir().unwrap();
    let model = squeezenet();
    let found = gradcam(
        folder.path(),
        &["explain", &photo("chelsea.png"), "--model", &model],
    );
    assert_eq!(found.text(), "chelsea.gradcam.png\n", "{}", found.err);
    assert!(found.err.contains("Egyptian cat"), "{}", found.err);
    // Nothing had to be assumed.
    assert!(!found.err.contains("assumed"), "{}", found.err);
    let picture = image::open(folder.path().join("chelsea.gradcam.png")).unwrap();
    assert!(picture.width() > 227);
    assert_eq!(files(folder.path()), ["chelsea.gradcam.png"]);
}

/// The classes that onnxruntime finds, with its probabilities.
#[test]
fn the_classes_are_those_of_onnxruntime() {
    let folder = tempdir().unwrap();
    for (name, class, probability) in [
        ("chelsea.png", "Egyptian cat", 0.436),
        ("coffee.png", "espresso", 0.966),
        ("camera.png", "tripod", 0.751),
        ("rocket.jpg", "pole", 0.190),
    ] {
        let args = ["classify", &photo(name), "--model", &squeezenet(), "--json"];
        let found = gradcam(folder.path(), &args);
        let record: Value = serde_json::from_str(found.text().lines().next().unwrap()).unwrap();
        let top = &record["predictions"][0];
        assert_eq!(top["label"], class, "{record}");
        let found = top["probability"].as_f64().unwrap();
        // The photo is resized by another library than there.
        assert!((found - probability).abs() < 0.1, "{name}: {found}");
    }
}

#[test]
fn layers_have_the_paths_of_pytorch() {
    let folder = tempdir().unwrap();
    let found = gradcam(folder.path(), &["layers", &squeezenet(), "--json"]);
    let layers: Vec<Value> = found
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let named = |name: &str| layers.iter().find(|layer| layer["name"] == name).unwrap();
    assert_eq!(
        named("features.12")["shape"],
        serde_json::json!([512, 14, 14])
    );
    assert_eq!(named("features.12.squeeze")["parameters"], 512 * 64 + 64);
    let default = layers
        .iter()
        .find(|layer| layer["default"] == true)
        .unwrap();
    assert_eq!(default["shape"][0], 1000, "{default}");
    for layer in ["features.12", "features"] {
        let args = [
            "explain",
            &photo("coffee.png"),
            "--model",
            &squeezenet(),
            "--layer",
            layer,
            "-o",
        ];
        gradcam(
            folder.path(),
            &[&args[..], &[&format!("{layer}.png")]].concat(),
        );
    }
    // The same value under two names.
    let bytes = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let image = |name: &str| image::load_from_memory(&bytes(name)).unwrap().into_rgb8();
    assert_eq!(image("features.12.png"), image("features.png"));
}

#[test]
fn its_gradient_agrees_with_differences() {
    let folder = tempdir().unwrap();
    let found = gradcam(folder.path(), &["check", &squeezenet(), "--units", "4"]);
    assert_eq!(found.code, Some(0), "{}{}", found.text(), found.err);
}

#[test]
fn what_does_not_fit_is_said_before_any_work() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(at("text.onnx"), "this is not a network").unwrap();
    fs::write(at("names.txt"), "cat\ndog\n").unwrap();
    let picture = photo("coffee.png");
    let explain = |model: &str, more: &[&str]| {
        let args = [&["explain", &picture, "--model", model], more].concat();
        gradcam(folder.path(), &args)
    };
    let model = squeezenet();
    explain(&at("none.onnx"), &[]).refused(&["there is no file", "none.onnx"]);
    explain(&at("text.onnx"), &[]).refused(&["text.onnx", "not an ONNX model"]);
    explain(&model, &["--arch", "resnet50"]).refused(&["--arch resnet50"]);
    explain(&model, &["--graph-output", "logit"]).refused(&["no output `logit`", "`logits`"]);
    explain(&model, &["--graph-input", "mask=1"]).refused(&["no input `mask`"]);
    explain(&model, &["--graph-input", "mask"]).refused(&["NAME=VALUE"]);
    explain(&model, &["--labels", &at("names.txt")]).refused(&["2 labels for 1000 classes"]);
    explain(&model, &["--mean", "1,2"]).refused(&["`--mean`", "found 2"]);
    explain(&model, &["--range", "0"]).refused(&["`--range 0`"]);
    explain(&model, &["--input-size", "0"]).refused(&["`--input-size 0`"]);
    explain("efficientnet-lite0", &["--keep-softmax"])
        .refused(&["`--keep-softmax` is for ONNX files"]);
    assert_eq!(files(folder.path()), ["names.txt", "text.onnx"]);
}
