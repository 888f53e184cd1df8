//! Paths that the documents name exist.

use std::path::{Path, PathBuf};

use gradcam::Method;

const DOCUMENTS: [&str; 11] = [
    "README.md",
    "CHANGELOG.md",
    "models/README.md",
    "models/efficientnet-lite0/README.md",
    "models/squeezenet1_1/README.md",
    "tests/downstream/README.md",
    "tests/fuzz/README.md",
    "tests/onnx/README.md",
    "crates/README.md",
    ".github/CONTRIBUTING.md",
    ".github/STYLE.md",
];
/// The beginnings of a path in backticks.
const ROOTS: [&str; 5] = ["crates/", "tests/", "models/", "xtask/", ".github/"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Extracts the texts between two marks.
fn between<'a>(text: &'a str, open: &'a str, close: char) -> impl Iterator<Item = &'a str> {
    let parts = text.split(open).skip(1);
    parts.filter_map(move |part| Some(part.split_once(close)?.0))
}

/// Extracts the paths in backticks and the targets of links, with the folder that each is relative to.
fn named<'a>(document: &Path, text: &'a str) -> Vec<(PathBuf, &'a str)> {
    // Code blocks are not prose, and have their own backticks.
    let prose = || text.split("```").step_by(2);
    let quoted = prose().flat_map(|text| text.split('`').skip(1).step_by(2));
    let paths = quoted
        .filter(|quoted| ROOTS.iter().any(|root| quoted.starts_with(root)))
        .filter(|quoted| !quoted.contains([' ', '*', '<']) && !quoted.ends_with("NAME"))
        .map(|path| (root(), path));
    let folder = document.parent().unwrap().to_path_buf();
    let links = prose()
        .flat_map(|text| between(text, "](", ')'))
        .filter(|link| !link.starts_with("http") && !link.starts_with('#'))
        .map(|link| (folder.clone(), link.split('#').next().unwrap()));
    paths.chain(links).collect()
}

#[test]
fn paths_and_links_lead_somewhere() {
    let mut count = 0;
    for name in DOCUMENTS {
        let document = root().join(name);
        let text = std::fs::read_to_string(&document).unwrap();
        for (folder, path) in named(&document, &text) {
            assert!(folder.join(path).exists(), "{name} names `{path}`");
            count += 1;
        }
    }
    assert!(count > 20, "only {count} paths were found");
}

/// A row for every method, with every option but the seed, which the text below the tables has for all.
#[test]
fn the_readme_has_every_method_and_option() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split('|').collect::<Vec<_>>())
        .filter(|cells| cells.len() == 5)
        .collect();
    for method in Method::all() {
        let named = |cell: &str, name: &str| cell.contains(&format!("`{name}`"));
        let row = rows.iter().find(|cells| named(cells[1], method.name()));
        let row = row.unwrap_or_else(|| panic!("`{method}` has no row"));
        for option in method.options().keys().filter(|name| *name != "seed") {
            assert!(named(row[3], option), "the row of `{method}`: `{option}`");
        }
    }
}
