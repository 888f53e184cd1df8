//! `gradcam compare` and `gradcam check`.

use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{gradcam, photo};

#[test]
fn methods_are_compared_on_one_sheet() {
    let folder = tempdir().unwrap();
    let chelsea = photo("chelsea.png");
    let methods = "grad-cam,xgrad-cam,eigen-cam,gradient,attention-rollout";
    let args = ["compare", &chelsea, "--methods", methods, "--json"];
    let found = gradcam(folder.path(), &args);
    let record: Value = serde_json::from_str(found.text()).unwrap();
    let names: Vec<&str> = record["methods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|method| method["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.join(","), methods);
    // The network has no attention, but the other methods are still shown.
    let last = &record["methods"][4];
    assert!(
        last["error"].as_str().unwrap().contains("transformer"),
        "{last}"
    );
    let rows = record["rank_correlations"].as_object().unwrap();
    assert_eq!(rows.len(), 4);
    // The maps are equal at a global average and one linear layer.
    let same = rows["grad-cam"][1].as_f64().unwrap();
    assert!((same - 1.0).abs() < 1e-4, "{same}");
    let other = rows["grad-cam"][2].as_f64().unwrap();
    assert!(other < 0.999, "{other}");
    let sheet = image::open(folder.path().join("chelsea.compare.png")).unwrap();
    assert!(sheet.width() > 600 && sheet.height() > 600);
    // An existing sheet is not replaced, and a method that is given twice is an error.
    gradcam(folder.path(), &args).refused(&["exist"]);
    let twice = ["compare", &chelsea, "--methods", "fem,fem", "--force"];
    gradcam(folder.path(), &twice).refused(&["given twice"]);
    let unknown = ["compare", &chelsea, "--methods", "grad-camm"];
    gradcam(folder.path(), &unknown).refused(&["grad-cam"]);
}

#[test]
fn an_option_is_set_for_one_method() {
    let folder = tempdir().unwrap();
    let chelsea = photo("chelsea.png");
    let with = |set: &str| {
        let args = [
            "compare",
            &chelsea,
            "--methods",
            "fem,eigen-cam",
            "--set",
            set,
            "--json",
            "--force",
        ];
        gradcam(folder.path(), &args)
    };
    let found = with("fem.sigmas=1.5");
    let record: Value = serde_json::from_str(found.text()).unwrap();
    assert_eq!(record["methods"][0]["options"]["sigmas"], 1.5);
    with("rise.masks=5").refused(&["not among the methods"]);
    with("sigmas=5").refused(&["METHOD.OPTION=VALUE"]);
}

#[test]
fn the_default_model_passes_its_check() {
    let folder = tempdir().unwrap();
    let found = gradcam(folder.path(), &["check", "--units", "8", "--json"]);
    let rows: Vec<Value> = found
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 8);
    for row in rows {
        assert_eq!(row["passes"], true, "{row}");
    }
}

#[test]
fn methods_that_coincide_are_named() {
    let folder = tempdir().unwrap();
    let text = |layer: &[&str]| {
        let mut args = vec!["methods", "--model", "efficientnet-lite0"];
        args.extend(layer);
        gradcam(folder.path(), &args).text().to_string()
    };
    assert!(text(&[]).contains("give the same map: cam, grad-cam, xgrad-cam, hires-cam"));
    assert!(text(&["--layer", "blocks.3"]).contains("no two methods"));
}
