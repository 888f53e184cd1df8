//! Options of methods are refused once, before any picture is read, in plain words and with the intended name.

use tempfile::tempdir;

use crate::binary::{files, gradcam, photo};

#[test]
fn a_bad_option_is_one_error_before_any_picture_is_read() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("broken.png"), "no picture").unwrap();
    let coffee = photo("coffee.png");
    for (method, set, words) in [
        (
            "occlusion",
            "window=225",
            "`window` of `occlusion` must be at least 1 and no larger than",
        ),
        ("occlusion", "stride=0", "`stride` of `occlusion` must be"),
        (
            "rise",
            "cells=225",
            "`cells` of `rise` must be at least 1 and no more than",
        ),
        ("rise", "keep=2", "`keep` of `rise` must be"),
        (
            "lime",
            "segments=5001",
            "`segments` of `lime` must be 1 to 5000, found 5001",
        ),
        (
            "integrated-gradients",
            "steps=0",
            "`steps` of `integrated-gradients` must be",
        ),
        (
            "smoothgrad",
            "samples=0",
            "`samples` of `smoothgrad` must be",
        ),
        (
            "occlusion",
            "baseline=custom",
            "custom baseline needs a picture",
        ),
        (
            "shapley-cam",
            "step=1",
            "`step` of `shapley-cam` must be above 0 and below 1",
        ),
    ] {
        let args = [
            "explain",
            "broken.png",
            &coffee,
            "--method",
            method,
            "--set",
            set,
        ];
        let run = gradcam(folder.path(), &args);
        run.refused(&["error: ", words]);
        assert!(!run.err.contains("warning"), "{}", run.err);
        assert_eq!(run.err.matches(words).count(), 1, "{}", run.err);
        // Also in a comparison, where an unsuitable default only excludes a method.
        let set = format!("{method}.{set}");
        let methods = format!("grad-cam,{method}");
        let args = [
            "compare",
            "broken.png",
            "--methods",
            &methods,
            "--set",
            &set,
        ];
        gradcam(folder.path(), &args).refused(&["error: ", words]);
    }
    for args in [&["--method", "fem"][..], &["--method", "vargrad"]] {
        let args = [&["explain", "broken.png", "--counterfactual"], args].concat();
        let run = gradcam(folder.path(), &args);
        run.refused(&["error: "]);
        assert!(!run.err.contains("warning"), "{}", run.err);
    }
    assert_eq!(files(folder.path()), ["broken.png"]);
}

#[test]
fn the_name_that_was_meant_is_named_alone() {
    let folder = tempdir().unwrap();
    let coffee = photo("coffee.png");
    for name in ["Grad-CAM", "GradCAM", "gradcam", "grad_cam", "GRAD-CAM"] {
        let run = gradcam(folder.path(), &["explain", &coffee, "--method", name]);
        run.refused(&[&format!(
            "unknown method `{name}`; the nearest is `grad-cam`\n"
        )]);
        let run = gradcam(folder.path(), &["compare", &coffee, "--methods", name]);
        run.refused(&["the nearest is `grad-cam`\n"]);
    }
    let run = gradcam(folder.path(), &["explain", &coffee, "--method", "ScoreCAM"]);
    run.refused(&["the nearest is `score-cam`\n"]);
    let run = gradcam(folder.path(), &["explain", &coffee, "--target", "EXPRESSO"]);
    run.refused(&["`espresso`"]);
    let data = [
        "data", "make", "shapes", "--train", "0", "--test", "4", "-o", "data",
    ];
    gradcam(folder.path(), &data).text();
    let run = gradcam(
        folder.path(),
        &["evaluate", "data", "--metrics", "Deletion"],
    );
    run.refused(&["unknown metric `Deletion`; the nearest is `deletion`"]);
}

#[test]
fn values_are_refused_in_plain_words() {
    let folder = tempdir().unwrap();
    let coffee = photo("coffee.png");
    for (method, set, words) in [
        ("fem", "sigmas=many", "cannot be `many`: expected a number"),
        (
            "rise",
            "masks=-1",
            "cannot be `-1`: expected a whole number from 0",
        ),
        (
            "rise",
            "masks=18446744073709551616",
            "expected a whole number from 0",
        ),
        ("rise", "centered=1", "expected `true` or `false`"),
        (
            "gradient",
            "channels=all",
            "expected one of `max-abs`, `sum`, `sum-abs`, `norm`",
        ),
        ("lrp", "rule=z", "expected one of `epsilon-plus-flat`"),
    ] {
        let args = ["explain", &coffee, "--method", method, "--set", set];
        let run = gradcam(folder.path(), &args);
        run.refused(&[words]);
        plain(&run.err);
    }
    for set in ["size=large", "size=-1", "size=1.5"] {
        let args = ["data", "make", "shapes", "-o", "x", "--set", set];
        let run = gradcam(folder.path(), &args);
        run.refused(&["size"]);
        plain(&run.err);
    }
}

/// Checks a model's config and a data set's annotations with all kinds of errors.
#[test]
fn files_are_refused_in_plain_words() {
    let folder = tempdir().unwrap();
    let coffee = photo("coffee.png");
    let source = crate::binary::repository().join("models/efficientnet-lite0/config.json");
    let config = std::fs::read_to_string(source).unwrap();
    let own = folder.path().join("own");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("model.safetensors"), "").unwrap();
    for (field, value, words) in [
        (
            "num_classes",
            "\"ten\"",
            "found the text \"ten\", expected a whole number from 0",
        ),
        ("num_classes", "-5", "expected a whole number from 0"),
        ("label_names", "3", "found the number `3`, expected a list"),
        (
            "pretrained_cfg",
            "[]",
            "found an empty list, expected an object",
        ),
        (
            "pretrained_cfg",
            "{\"mean\": [1, \"a\", 3]}",
            "expected a number",
        ),
    ] {
        let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
        config[field] = serde_json::from_str(value).unwrap();
        std::fs::write(own.join("config.json"), config.to_string()).unwrap();
        let run = gradcam(folder.path(), &["classify", &coffee, "--model", "own"]);
        run.refused(&["config.json", words]);
        plain(&run.err);
    }
    let resnet = r#"{"model_type": "resnet", "depths": [1, 2], "layer_type": "basic"}"#;
    std::fs::write(own.join("config.json"), resnet).unwrap();
    let run = gradcam(folder.path(), &["classify", &coffee, "--model", "own"]);
    run.refused(&["\"depths\":[1,2]"]);
    plain(&run.err);

    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for (annotations, words) in [
        (
            r#"[{"image_id": 1, "category_id": 1, "bbox": [5, 2, -3, 4]}]"#,
            "found x 5, y 2, width -3, height 4",
        ),
        (
            r#"[{"image_id": 1, "category_id": 1, "segmentation": "x"}]"#,
            "neither polygons nor",
        ),
        (
            r#"[{"image_id": "a", "category_id": 1}]"#,
            "found the text \"a\", expected a whole number from 0",
        ),
        (r#"[{"category_id": 1}]"#, "found no field `image_id`"),
        ("3", "found the number `3`, expected a list"),
    ] {
        let image = r#"{"id": 1, "file_name": "a.png", "width": 28, "height": 28}"#;
        let text = format!(
            r#"{{"images": [{image}], "categories": [{{"id": 1, "name": "x"}}], "annotations": {annotations}}}"#
        );
        std::fs::write(data.join("instances.json"), text).unwrap();
        std::fs::write(data.join("a.png"), "").unwrap();
        let run = gradcam(folder.path(), &["data", "info", "data"]);
        run.refused(&["instances.json", words]);
        plain(&run.err);
    }
    for (option, value, words) in [
        ("--batch", "x", "expected a whole number"),
        ("--alpha", "x", "expected a number"),
        (
            "--max-pixels",
            "99999999999999999999",
            "the number is too large",
        ),
    ] {
        gradcam(folder.path(), &["explain", &coffee, option, value]).refused(&[option, words]);
    }
}

/// Fails on terms that only programmers know.
fn plain(text: &str) {
    for word in [
        "usize", "u64", "i64", "f64", "u8", "untagged", "variant", "struct", "Rect {", "Some(",
    ] {
        assert!(!text.contains(word), "`{word}` in: {text}");
    }
}
