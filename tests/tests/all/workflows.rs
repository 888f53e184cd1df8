//! The files that the repository's host reads.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads the single document of a file below `.github`.
fn yaml(path: &Path) -> Yaml {
    let text = read_to_string(path).unwrap();
    let mut documents = YamlLoader::load_from_str(&text).unwrap();
    assert_eq!(documents.len(), 1, "{}", path.display());
    documents.remove(0)
}

#[test]
fn the_workflow_runs_the_checks_and_the_tests() {
    let workflow = yaml(&repository().join(".github/workflows/ci.yml"));
    let mut commands = Vec::new();
    for (name, job) in workflow["jobs"].as_hash().unwrap() {
        assert!(job["runs-on"].as_str().is_some(), "{name:?}");
        for step in job["steps"].as_vec().unwrap() {
            match (step["uses"].as_str(), step["run"].as_str()) {
                (Some(_), None) => {}
                (None, Some(command)) => commands.push(command.to_string()),
                _ => panic!("a step of {name:?} is {step:?}"),
            }
        }
    }
    let script = read_to_string(repository().join(".ci/run")).unwrap();
    let tests = script.lines().last().unwrap();
    let manifest = read_to_string(repository().join("Cargo.toml")).unwrap();
    let oldest = manifest.split("rust-version = \"").nth(1).unwrap();
    let oldest = oldest.split('"').next().unwrap();
    let oldest = format!("cargo +{oldest} check --workspace");
    for command in ["cargo xtask ci", tests, &oldest] {
        assert!(commands.iter().any(|c| c == command), "{command}");
    }
}

#[test]
fn forms_ask_for_something() {
    let folder = repository().join(".github/ISSUE_TEMPLATE");
    for entry in folder.read_dir().unwrap() {
        let form = yaml(&entry.unwrap().path());
        assert!(form["name"].as_str().is_some() && form["description"].as_str().is_some());
        for field in form["body"].as_vec().unwrap() {
            assert!(field["id"].as_str().is_some(), "{field:?}");
            assert!(field["attributes"]["label"].as_str().is_some(), "{field:?}");
        }
    }
}
