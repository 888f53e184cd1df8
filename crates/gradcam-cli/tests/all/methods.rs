//! `--method`, `--set` and `gradcam methods`.

use std::collections::BTreeSet;

use serde_json::Value;
use tempfile::tempdir;

use crate::binary::{files, gradcam, photo};

#[test]
fn every_listed_method_explains_a_photo() {
    let folder = tempdir().unwrap();
    let list = gradcam(folder.path(), &["methods", "--json"]);
    let list = list.text();
    let mut maps = BTreeSet::new();
    for line in list.lines() {
        let about: Value = serde_json::from_str(line).unwrap();
        let name = about["name"].as_str().unwrap();
        assert!(about["paper"].as_str().unwrap().contains("20"), "{line}");
        // Left out: a forward pass for each of 1,280 channels, or attention, which this network lacks.
        let needs = about["needs"].as_str().unwrap();
        if ["score-cam", "ss-cam", "is-cam"].contains(&name) || needs.contains("transformer") {
            continue;
        }
        let steps = match about["options"].get("steps") {
            Some(_) => "steps=2",
            None => "",
        };
        let picture = format!("{name}.png");
        let chelsea = photo("chelsea.png");
        let mut args = vec![
            "explain", &chelsea, "--method", name, "--json", "-o", &picture,
        ];
        args.extend(["--budget", "30"]);
        if !steps.is_empty() {
            args.extend(["--set", steps]);
        }
        let record: Value = serde_json::from_str(gradcam(folder.path(), &args).text()).unwrap();
        assert_eq!(record["method"], name);
        // Two points of an integral are too few for completeness.
        let fits = match steps {
            "" => ["ok", "ok"],
            _ => ["ok", "incomplete"],
        };
        let verdict = record["map"]["verdict"].as_str().unwrap();
        assert!(fits.contains(&verdict), "{record}");
        let known = about["options"].as_object().unwrap();
        if steps.is_empty() {
            assert_eq!(record["options"].as_object().unwrap_or(known), known);
        }
        maps.insert(record["map"]["sha256"].as_str().unwrap().to_string());
        assert!(folder.path().join(&picture).is_file());
    }
    // Except for rounding, grad-cam, hires-cam and xgrad-cam have the same map at this head. So have layer-cam and element-wise-cam if no
    // activation is negative.
    assert!(maps.len() >= 28, "{maps:?}");
    let text = gradcam(folder.path(), &["methods"]);
    let text = text.text();
    assert!(
        text.contains("grad-cam++") && text.contains("epsilon=0.0"),
        "{text}"
    );
}

#[test]
fn an_option_changes_the_map() {
    let folder = tempdir().unwrap();
    let chelsea = photo("chelsea.png");
    let with = |sigmas: &str| -> Value {
        let option = format!("sigmas={sigmas}");
        let args = [
            "explain", &chelsea, "--method", "fem", "--set", &option, "--json", "--force",
        ];
        serde_json::from_str(gradcam(folder.path(), &args).text()).unwrap()
    };
    let (two, one) = (with("2"), with("1"));
    assert_eq!(one["options"]["sigmas"], 1.0);
    assert_ne!(one["map"]["sha256"], two["map"]["sha256"]);
}

#[test]
fn what_no_method_has_is_refused() {
    let folder = tempdir().unwrap();
    let chelsea = photo("chelsea.png");
    for (args, words) in [
        (
            &["--method", "gradcam"][..],
            &["unknown method `gradcam`", "`grad-cam`", "gradcam methods"][..],
        ),
        (
            &["--set", "epsilon=1"],
            &["`grad-cam` has no option `epsilon`", "it has none"],
        ),
        (&["--set", "epsilon"], &["expected OPTION=VALUE"]),
        (
            &["--method", "fem", "--set", "sigmas=many"],
            &["the option `sigmas` of `fem` cannot be `many`"],
        ),
        (
            &["--method", "cam", "--layer", "blocks.3"],
            &["cam needs a layer that is followed by", "`blocks.3`"],
        ),
        (
            &["--method", "fem", "--counterfactual"],
            &["`fem` does not depend on the target"],
        ),
    ] {
        let args = [&["explain", chelsea.as_str()][..], args].concat();
        gradcam(folder.path(), &args).refused(words);
    }
    assert!(files(folder.path()).is_empty());
}
