//! A metric is registered by its row in the table, and nowhere else.

use std::collections::BTreeMap;
use std::path::Path;

use gradcam_eval::{Metric, Need};

/// The match that measures the table's rows. The rows themselves are names alone.
const MEASURES: &str = "gradcam-eval/src/metric.rs";

/// No other product code asks which metric of one map it has. Those of two maps are named by the tests that compare maps.
#[test]
fn no_file_but_the_table_lists_the_metrics() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut found = BTreeMap::new();
    visit(&crates, &mut |path, text| {
        let named: Vec<String> = named(text).map(str::to_string).collect();
        if !named.is_empty() {
            let path = path.strip_prefix(&crates).unwrap();
            found.insert(path.to_str().unwrap().replace('\\', "/"), named);
        }
    });
    assert!(found.remove(MEASURES).is_some());
    assert!(
        found.is_empty(),
        "what is to know of a metric stands in its row: {found:#?}"
    );
}

/// The lines of product code that name a metric of one map, or names without `Metric::`.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let alone = |metric: &&Metric| !metric.about().needs.contains(&Need::OtherMap);
    let variants = Metric::ALL.iter().filter(alone);
    let mut names: Vec<String> = variants.map(|m| format!("Metric::{m:?}")).collect();
    names.extend(["Metric::{", "Metric::*", "Metric as "].map(str::to_string));
    // Tests in a file of their own are declared at the top of a file, those in the file stand at its end.
    let product = text.split("\nmod tests {").next().unwrap_or_default();
    let lines = product.lines().map(str::trim_start);
    let code = lines.filter(|line| !line.starts_with("//"));
    code.filter(move |line| names.iter().any(|name| line.contains(name)))
}

/// Visits product files: tests and examples have files of their own.
fn visit(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if ["benches", "examples", "tests"].contains(&name) {
            continue;
        }
        if path.is_dir() {
            visit(&path, look);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look(&path, &std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn a_list_is_seen() {
    let lines = |text: &str| named(text).count();
    assert_eq!(lines("const SLOW: [Metric; 1] = [Metric::Road];"), 1);
    assert_eq!(lines("use gradcam_eval::Metric as M;"), 1);
    assert_eq!(lines("let ssim = [Metric::Ssim];\n/// Metric::Road"), 0);
    assert_eq!(lines("let all = Metric::ALL;"), 0);
    let after = |head: &str| format!("{head}\nconst ROAD: Metric = Metric::Road;");
    assert_eq!(lines(&after("#[cfg(test)]\nmod tests;")), 1);
    assert_eq!(lines(&after("#[cfg(test)]\nmod tests {")), 0);
}
