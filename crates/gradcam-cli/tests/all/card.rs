//! `gradcam card`.

use std::fs;

use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{files, gradcam, repository};

/// Returns the committed card of the default model.
fn committed() -> String {
    let card = repository().join("models/efficientnet-lite0/card/card.json");
    card.display().to_string()
}

#[test]
fn pages_are_made_of_the_card_alone() {
    let folder = tempdir().unwrap();
    gradcam(
        folder.path(),
        &["card", "render", &committed(), "-o", "pages"],
    )
    .text();
    assert_eq!(files(folder.path()), ["pages/card.html", "pages/card.md"]);
    let page = fs::read_to_string(folder.path().join("pages/card.md")).unwrap();
    let stored = repository().join("models/efficientnet-lite0/card/card.md");
    assert_eq!(page, fs::read_to_string(stored).unwrap());
    gradcam(
        folder.path(),
        &["card", "render", &committed(), "-o", "pages"],
    )
    .refused(&["exists"]);
    fs::write(folder.path().join("bad.json"), "{}").unwrap();
    gradcam(folder.path(), &["card", "render", "bad.json", "-o", "x"]).refused(&["bad.json"]);
}

#[test]
fn two_cards_are_compared() {
    let folder = tempdir().unwrap();
    let same = gradcam(folder.path(), &["card", "diff", &committed(), &committed()]);
    assert_eq!(same.code, Some(0), "{}", same.err);
    let mut card: Value = serde_json::from_str(&fs::read_to_string(committed()).unwrap()).unwrap();
    card["model"]["name"] = "another".into();
    fs::write(folder.path().join("b.json"), card.to_string()).unwrap();
    let found = gradcam(folder.path(), &["card", "diff", &committed(), "b.json"]);
    assert_eq!(found.code, Some(1), "{}", found.err);
    let text = String::from_utf8(found.out).unwrap();
    assert!(text.contains("another"), "{text}");
}

#[test]
fn what_a_card_needs_is_said() {
    let folder = tempdir().unwrap();
    gradcam(folder.path(), &["card", "--data", "nowhere"]).refused(&["-o DIR"]);
    gradcam(folder.path(), &["card", "--data", "nowhere", "-o", "x"]).refused(&["nowhere"]);
    fs::write(folder.path().join("networks"), "").unwrap();
    gradcam(folder.path(), &["card", "train", "-o", "networks"]).refused(&["exists"]);
}

/// Checks every section of a card measured on drawn pictures, which takes minutes.
#[test]
#[allow(clippy::print_stderr)]
fn a_card_is_measured() {
    if std::env::var_os("GRADCAM_SLOW_TESTS").is_none() {
        eprintln!("skipped: GRADCAM_SLOW_TESTS is not set");
        return;
    }
    let folder = tempdir().unwrap();
    let make = [
        "data", "make", "shapes", "--train", "0", "--test", "30", "-o", "shapes",
    ];
    gradcam(folder.path(), &make).text();
    let card = [
        "card",
        "--data",
        "shapes",
        "--fit",
        "squash",
        "-o",
        "card",
        "--fail-on",
        "determinism",
    ];
    gradcam(folder.path(), &card).text();
    let card = fs::read_to_string(folder.path().join("card/card.json")).unwrap();
    let card: Value = serde_json::from_str(&card).unwrap();
    assert_eq!(card["methodology"]["determinism"]["grade"], "pass");
    for section in [
        "input_sensitivity",
        "label_sensitivity",
        "model_sensitivity",
        "minimality",
        "perceptual_correspondence",
    ] {
        assert!(
            !card["sections"][section].as_array().unwrap().is_empty(),
            "{section}"
        );
    }
    let labels = card["sections"]["label_sensitivity"].as_array().unwrap();
    for id in [
        "model_contrast_score",
        "relative_model_contrast",
        "input_dependence_rate",
        "input_independence_rate",
    ] {
        let test = labels.iter().find(|test| test["id"] == id).unwrap();
        assert!(test["metric"]["value"].is_f64(), "{test}");
    }
    let deletion = card["sections"]["input_sensitivity"].as_array().unwrap();
    let deletion = deletion.iter().find(|test| test["id"] == "deletion.rise");
    let curves = deletion.unwrap()["curves"].as_array().unwrap();
    assert_eq!(curves.len(), 3, "the method, `random` and `centre`");
    assert!(folder.path().join("card/pictures/example-01.png").is_file());
    let setting = &card["methodology"]["hyperparameters"]["sweep"][0];
    assert_eq!(setting["picture"], "pictures/sweep-01.png");
    // Drawn data are never compared with published grades.
    let tests = card["sections"]["perceptual_correspondence"]
        .as_array()
        .unwrap();
    for test in tests {
        let agreement = &test["agreement_with_published"];
        assert!(
            agreement.is_null() || agreement == "not_comparable",
            "{test}"
        );
    }
    // The images' values are those of a study, with the same mean.
    let deletion = &card["sections"]["input_sensitivity"][0];
    assert_eq!(deletion["per_item"], "records.jsonl");
    assert!(deletion["metric"]["tie_fraction"].as_f64().unwrap() > 0.0);
    let merge = ["evaluate", "merge", "card/records.jsonl", "--json"];
    let summary: Value = serde_json::from_str(gradcam(folder.path(), &merge).text()).unwrap();
    let found = &summary["metrics"][0];
    assert_eq!(found["metric"], "deletion");
    let difference = found["sources"][0]["mean"]["value"].as_f64().unwrap()
        - deletion["metric"]["value"].as_f64().unwrap();
    assert!(difference.abs() < 1e-12, "{difference}");
    gradcam(folder.path(), &["card", "--data", "shapes", "-o", "card"]).refused(&["exists"]);
}
