//! `gradcam evaluate` with methods of several resolutions together.

use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use crate::binary::gradcam;

fn study<'a>(methods: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let study = [
        "evaluate",
        "shapes",
        "--metrics",
        "energy,average-drop,sparsity",
        "--nulls",
        "random,permuted,untrained",
        "--methods",
        methods,
    ];
    study.into_iter().chain(more.iter().copied()).collect()
}

fn summary(folder: &Path, methods: &str) -> Value {
    let summary = gradcam(folder, &study(methods, &["--json"]));
    serde_json::from_str(summary.text()).unwrap()
}

/// Returns a method's results in each metric, without those that depend on the other methods: ranks and Holm's correction.
fn found(summary: &Value, method: &str) -> Vec<Value> {
    let own = |metric: &Value| {
        let mut sources = metric["sources"].as_array().unwrap().iter();
        let own = sources.find(|source| source["source"] == method);
        let mut own = own.unwrap().clone();
        own["rank"] = Value::Null;
        for against in own["against"].as_array_mut().unwrap() {
            against["p_holm"] = Value::Null;
        }
        own
    };
    let metrics = summary["metrics"].as_array().unwrap().iter();
    metrics.map(own).collect()
}

#[test]
fn the_order_of_the_methods_changes_no_number() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let make = [
        "data", "make", "shapes", "--train", "0", "--test", "2", "-o", "shapes",
    ];
    gradcam(folder, &make).text();
    let together = summary(folder, "grad-cam,gradient");
    let reversed = summary(folder, "gradient,grad-cam");
    for method in ["grad-cam", "gradient"] {
        let alone = found(&summary(folder, method), method);
        assert_eq!(found(&together, method), alone);
        assert_eq!(found(&reversed, method), alone);
        assert_eq!(alone[0]["against"].as_array().unwrap().len(), 3);
    }
    let table = gradcam(folder, &study("grad-cam,gradient", &[]));
    let table = table.text();
    for words in [
        "maps of 7×7",
        "maps of 224×224",
        "permuted of grad-cam",
        "untrained of gradient",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    // Only if a metric uses the maps' own resolution.
    let (energy, sparsity) = table.split_at(table.find("sparsity").unwrap());
    assert!(!energy.contains("maps of"), "{energy}");
    let (coarse, fine) = sparsity.split_at(sparsity.find("maps of 224×224").unwrap());
    assert!(
        coarse.contains("permuted of grad-cam") && !coarse.contains("gradient"),
        "{coarse}"
    );
    assert!(
        fine.contains("permuted of gradient") && !fine.contains("grad-cam"),
        "{fine}"
    );
}
