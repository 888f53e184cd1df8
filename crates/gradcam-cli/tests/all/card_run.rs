//! `gradcam card`: its checks before anything is measured, and the state after an interruption.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::binary::{command, files, gradcam, repository};

/// Makes drawn pictures with masks in `shapes`, a few digits in `digits`, and the default model for inputs of 64 × 64 in `small`.
fn prepared() -> TempDir {
    let folder = tempdir().unwrap();
    let (small, whole) = (
        folder.path().join("small"),
        repository().join("models/efficientnet-lite0"),
    );
    fs::create_dir(&small).unwrap();
    fs::copy(
        whole.join("model.safetensors"),
        small.join("model.safetensors"),
    )
    .unwrap();
    let mut config = json(&whole.join("config.json"));
    config["pretrained_cfg"]["input_size"] = [3, 64, 64].into();
    fs::write(small.join("config.json"), config.to_string()).unwrap();
    for (what, name, train, test) in [
        ("shapes", "shapes", "0", "3"),
        ("glyphs", "digits", "10", "5"),
    ] {
        let make = [
            "data", "make", what, "--train", train, "--test", test, "-o", name,
        ];
        gradcam(folder.path(), &make).text();
    }
    folder
}

/// Returns the arguments of a card, followed by `more`.
fn card<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let own = [
        "card",
        "--model",
        "small",
        "--data",
        "shapes",
        "--labels-data",
        "digits",
        "--fit",
        "squash",
        "--examples",
        "2",
    ];
    own.into_iter().chain(more.iter().copied()).collect()
}

/// Each of these used to be refused only after all measurements. None leaves anything behind.
#[test]
fn everything_is_checked_before_anything_is_measured() {
    let folder = prepared();
    let before = files(folder.path());
    fs::write(folder.path().join("file"), "").unwrap();
    let refused = |more: &[&str], words: &[&str]| {
        let run = gradcam(folder.path(), &card(more));
        run.refused(words);
        assert!(!run.err.contains("card: methodology"), "{}", run.err);
    };
    refused(
        &["-o", "card", "--fail-on", "determinism,determinsm"],
        &["`--fail-on determinsm`", "`determinism`"],
    );
    refused(&["-o", "file"], &["`file` is a file"]);
    refused(&["-o", "file/card"], &["`file/card`"]);
    refused(&["-o", ""], &["--output"]);
    refused(&["-o", "shapes"], &["`shapes` lies in the input `shapes`"]);
    refused(
        &["-o", "shapes/card"],
        &["`shapes/card` lies in the input `shapes`"],
    );
    refused(&["-o", "digits/../digits"], &["lies in the input `digits`"]);
    refused(
        &["-o", "card", "--against", "attention-rollout"],
        &["attention-rollout"],
    );
    refused(&["-o", "card", "--method", "grad-kam"], &["grad-kam"]);
    refused(&["-o", "card", "--layer", "nowhere"], &["nowhere"]);
    fs::create_dir_all(folder.path().join("card/unfinished")).unwrap();
    fs::write(folder.path().join("card/unfinished/study.json"), "{}").unwrap();
    refused(&["-o", "card"], &["not finished", "--resume", "--force"]);
    refused(&["-o", "card", "--resume"], &["another", "--force"]);
    fs::write(folder.path().join("card/card.json"), "old").unwrap();
    refused(&["-o", "card"], &["`card/card.json` exists", "--force"]);
    refused(
        &["-o", "card", "--resume"],
        &["`card/card.json` exists", "--resume --force"],
    );
    let mut after = files(folder.path());
    for name in ["file", "card/card.json", "card/unfinished/study.json"] {
        after.retain(|found| found != name);
    }
    assert_eq!(after, before);
}

/// Labels without labels used to be refused only after the images.
#[test]
fn labels_are_read_before_anything_is_measured() {
    let folder = prepared();
    for labels in ["nowhere", "shapes"] {
        let args = [
            "card",
            "--data",
            "shapes",
            "--labels-data",
            labels,
            "-o",
            "card",
        ];
        let run = gradcam(folder.path(), &args);
        run.refused(&[labels]);
        assert!(!run.err.contains("card: methodology"), "{}", run.err);
        assert!(!folder.path().join("card").exists());
    }
}

/// Kills the measurement of a card once the first image is measured.
#[cfg(unix)]
fn killed(folder: &Path, more: &[&str]) {
    let mut run = command(folder, &card(more));
    run.stderr(std::process::Stdio::null());
    let mut run = run.stdout(std::process::Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    let path = folder.join("card/unfinished/records.jsonl");
    // A header, and a line for each image.
    let lines = |path: &Path| fs::read_to_string(path).map_or(0, |text| text.lines().count());
    while lines(&path) < 2 {
        assert!(
            run.try_wait().unwrap().is_none(),
            "it ended before an image"
        );
        assert!(began.elapsed() < Duration::from_secs(300), "no image");
        std::thread::sleep(Duration::from_millis(20));
    }
    run.kill().unwrap();
    run.wait().unwrap();
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Returns the card without its times.
fn timeless(mut card: Value) -> Value {
    card["methodology"]["efficiency"] = Value::Null;
    card
}

#[cfg(unix)]
#[test]
fn a_card_that_was_killed_is_gone_on_with() {
    let folder = prepared();
    killed(folder.path(), &["-o", "card"]);
    let kept = folder.path().join("card/unfinished");
    assert!(kept.join("methodology.json").is_file() && kept.join("study.json").is_file());
    assert!(!folder.path().join("card/card.json").exists());
    gradcam(folder.path(), &card(&["-o", "card"])).refused(&["--resume"]);
    let other = card(&["-o", "card", "--resume", "--seed", "1"]);
    gradcam(folder.path(), &other).refused(&["another", "expected", "--force"]);

    // Stored stages are not made again, so their values go on the card.
    let mut methodology = json(&kept.join("methodology.json"));
    methodology["efficiency"]["median_s"] = 7.0.into();
    fs::write(kept.join("methodology.json"), methodology.to_string()).unwrap();
    let records = fs::read(kept.join("records.jsonl")).unwrap();
    let resume = card(&["-o", "card", "--resume"]);
    let run = gradcam(folder.path(), &resume);
    run.text();
    assert!(run.err.contains("3 pictures"), "{}", run.err);
    assert!(!kept.exists());
    let found = json(&folder.path().join("card/card.json"));
    assert_eq!(found["methodology"]["efficiency"]["median_s"], 7.0);
    assert_eq!(found["rule_id"], "measured-card/2");
    // The curves of the method and of two nulls, as stored.
    let tests = found["sections"]["input_sensitivity"].as_array().unwrap();
    let deletion = tests.iter().find(|test| test["id"] == "deletion.rise");
    assert_eq!(deletion.unwrap()["curves"].as_array().unwrap().len(), 3);
    let written = fs::read(folder.path().join("card/records.jsonl")).unwrap();
    // The header and at least the first image.
    let lines = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes)
            .lines()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let (records, written) = (lines(&records), lines(&written));
    assert!(records[..2].iter().all(|line| written.contains(line)));
    assert_eq!(written.len(), 4);
    for page in ["card.md", "card.html", "pictures/example-02.png"] {
        assert!(folder.path().join("card").join(page).is_file(), "{page}");
    }
    gradcam(folder.path(), &resume).refused(&["exists", "--force"]);

    // A card that was never interrupted is identical.
    if std::env::var_os("GRADCAM_SLOW_TESTS").is_some() {
        gradcam(folder.path(), &card(&["-o", "whole"])).text();
        let whole = json(&folder.path().join("whole/card.json"));
        assert_eq!(timeless(whole), timeless(found));
    }
    rendered(folder.path());
}

/// CAM used to end a card at the first layer without a global average behind it, and Finer-CAM at a target that is not a class.
#[test]
fn a_method_with_needs_of_its_own_has_a_card() {
    let folder = prepared();
    for (method, id) in [("cam", "reproducibility"), ("finer-cam", "linearity")] {
        let args = ["-o", method, "--method", method];
        let run = gradcam(folder.path(), &card(&args));
        run.text();
        let card = json(&folder.path().join(method).join("card.json"));
        let tests = card["sections"]["model_sensitivity"].as_array().unwrap();
        let test = tests.iter().find(|test| test["id"] == id).unwrap();
        assert_eq!(test["grade"], "not_applicable", "{test}");
    }
}

/// Renders the pages of the card in `card` again, with and without its pictures.
fn rendered(folder: &Path) {
    let render = |args: &[&str]| {
        let all = ["card", "render"].into_iter().chain(args.iter().copied());
        gradcam(folder, &all.collect::<Vec<_>>())
    };
    render(&["card/card.json", "-o", "pages"]).text();
    let page = |path: &str| fs::read(folder.join(path)).unwrap();
    assert_eq!(page("pages/card.html"), page("card/card.html"));
    render(&["card/card.json", "-o", "pages"]).refused(&["exists", "--force"]);
    render(&["card/card.json", "-o", "pages", "--force"]).text();

    fs::create_dir(folder.join("away")).unwrap();
    fs::copy(folder.join("card/card.json"), folder.join("away/card.json")).unwrap();
    let away = render(&["away/card.json", "-o", "there"]);
    away.refused(&["of the card's", "pictures/example-01.png", "--no-pictures"]);
    assert!(!folder.join("there").exists());
    render(&["away/card.json", "-o", "there", "--no-pictures"]).text();
    // A picture replaced by another one is not the card's.
    let swapped = [
        folder.join("card/pictures/example-01.png"),
        folder.join("card/pictures/example-02.png"),
    ];
    fs::copy(&swapped[0], &swapped[1]).unwrap();
    render(&["card/card.json", "-o", "swapped"]).refused(&["example-02.png` is another picture"]);
}

/// Checks that a page never replaces the card.
#[test]
fn a_card_is_not_replaced_by_its_page() {
    let folder = tempdir().unwrap();
    let committed = repository().join("models/efficientnet-lite0/card/card.json");
    let path = folder.path().join("card.md");
    fs::copy(&committed, &path).unwrap();
    gradcam(
        folder.path(),
        &["card", "render", "card.md", "-o", ".", "--force"],
    )
    .refused(&["would replace the input `card.md`"]);
    assert_eq!(fs::read(&path).unwrap(), fs::read(committed).unwrap());
}

/// Checks that a card of the first rule keeps its grades, rule and pages, and that a comparison reports the different rules.
#[test]
fn a_card_of_the_first_rule_stands() {
    let folder = tempdir().unwrap();
    let committed = repository().join("models/efficientnet-lite0/card/card.json");
    let mut card = json(&committed);
    card["rule_id"] = "measured-card/1".into();
    let test = &mut card["sections"]["input_sensitivity"][0];
    (test["p_value"], test["p_holm"]) = (0.0647.into(), 0.125.into());
    assert_eq!(test["grade"], "pass");
    let write = |name: &str, card: &Value| {
        fs::write(folder.path().join(name), card.to_string()).unwrap();
    };
    write("old.json", &card);
    gradcam(
        folder.path(),
        &["card", "render", "old.json", "-o", "pages"],
    )
    .text();
    let page = fs::read_to_string(folder.path().join("pages/card.md")).unwrap();
    assert!(page.contains("measured-card/1") && !page.contains("measured-card/2"));
    card["rule_id"] = "measured-card/2".into();
    write("new.json", &card);
    let render = ["card", "render", "new.json", "-o", "x"];
    gradcam(folder.path(), &render).refused(&["corrected p-value"]);
    // The second rule would not have passed it.
    for section in card["sections"].as_object_mut().unwrap().values_mut() {
        for test in section.as_array_mut().unwrap() {
            let against = !test["nulls"].as_array().unwrap().is_empty();
            let sure = test["p_holm"].as_f64().is_some_and(|p| p <= 0.05);
            if against && !sure && test["grade"] == "pass" {
                test["grade"] = "inconclusive".into();
                if !test["agreement_with_published"].is_null() {
                    test["agreement_with_published"] = "not_comparable".into();
                }
            }
        }
    }
    write("new.json", &card);
    let found = gradcam(folder.path(), &["card", "diff", "old.json", "new.json"]);
    assert_eq!(found.code, Some(1), "{}", found.err);
    let text = String::from_utf8(found.out).unwrap();
    for line in [
        "rule_id: measured-card/1 -> measured-card/2: the rules differ",
        "deletion.rise: pass -> inconclusive",
    ] {
        assert!(text.contains(line), "{text}");
    }
}
