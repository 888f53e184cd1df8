//! The crates' direction: who may know whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// What the workspace's crates may depend on: crates of the workspace, then others.
const ALLOWED: [(&str, &[&str], &[&str]); 10] = [
    // Bytes and pixels: no tensors, no annotations.
    (
        "gradcam-picture",
        &[],
        &["flate2", "image", "jpeg-decoder", "thiserror"],
    ),
    (
        "gradcam-nn",
        &[],
        &[
            "candle-core",
            "candle-nn",
            "gemm",
            "pulp",
            "rand_chacha",
            "rayon",
            "safetensors",
            "strsim",
            "thiserror",
        ],
    ),
    (
        "gradcam",
        &["gradcam-nn"],
        &[
            "candle-core",
            "rand_chacha",
            "rand_distr",
            "rayon",
            "serde",
            "serde_json",
            "strsim",
            "thiserror",
        ],
    ),
    // Functions of maps and networks: no pictures, no architectures, no files.
    (
        "gradcam-eval",
        &["gradcam", "gradcam-nn"],
        &[
            "base64",
            "candle-core",
            "minijinja",
            "rand_chacha",
            "rand_distr",
            "rayon",
            "serde",
            "serde_json",
            "strsim",
            "thiserror",
        ],
    ),
    (
        "gradcam-train",
        &["gradcam-nn"],
        &[
            "candle-core",
            "rand_chacha",
            "rand_distr",
            "rayon",
            "safetensors",
            "serde",
            "thiserror",
        ],
    ),
    (
        "gradcam-models",
        &["gradcam-nn", "gradcam-picture"],
        &[
            "bytemuck",
            "candle-core",
            "fast_image_resize",
            "hf-hub",
            "image",
            "safetensors",
            "serde",
            "serde_json",
            "sha2",
            "strsim",
            "thiserror",
            "tokenizers",
            "ureq",
            "zip",
        ],
    ),
    // Plain grids and pictures: no candle, no network.
    (
        "gradcam-viz",
        &[],
        &["colorous", "image", "noto-sans-mono-bitmap", "thiserror"],
    ),
    // The same of data: pictures and annotations, and no tensors.
    (
        "gradcam-data",
        &["gradcam-picture"],
        &[
            "csv",
            "flate2",
            "image",
            "rand_chacha",
            "roxmltree",
            "serde",
            "serde_json",
            "strsim",
            "tempfile",
            "thiserror",
        ],
    ),
    (
        "gradcam-cli",
        &[
            "gradcam",
            "gradcam-data",
            "gradcam-eval",
            "gradcam-models",
            "gradcam-nn",
            "gradcam-train",
            "gradcam-viz",
        ],
        &[
            "anyhow",
            "candle-core",
            "clap",
            "clap_complete",
            "clap_mangen",
            "ctrlc",
            "glob",
            "image",
            "indicatif",
            "libmimalloc-sys",
            "mimalloc",
            "rand_chacha",
            "rayon",
            "safetensors",
            "serde",
            "serde_json",
            "sha2",
            "tempfile",
        ],
    ),
    // Automation builds in seconds: it runs the others as programs.
    ("xtask", &[], &[]),
];

/// What only the hub client may use, and only when its feature is on.
const NETWORK: [&str; 2] = ["hf-hub", "ureq"];
/// What only the text tower may use, and only when its feature is on.
const TEXT: &str = "tokenizers";

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_string()])
        .exec()
        .unwrap()
}

/// The crates of the workspace, each with its dependencies outside of tests and whether they are optional.
fn dependencies(metadata: &Metadata) -> BTreeMap<&str, Vec<(&str, bool)>> {
    let ours = metadata.workspace_packages();
    ours.into_iter()
        .map(|package| {
            let all = package.dependencies.iter();
            let used = all
                .filter(|d| d.kind != DependencyKind::Development)
                .map(|d| (d.name.as_str(), d.optional));
            (package.name.as_str(), used.collect())
        })
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let metadata = metadata();
    let dependencies = dependencies(&metadata);
    let names: BTreeSet<&str> = dependencies.keys().copied().collect();
    let known: BTreeSet<&str> = ALLOWED.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, &known | &BTreeSet::from(["gradcam-tests"]));
    for (name, inner, outer) in ALLOWED {
        let (ours, others): (BTreeSet<&str>, BTreeSet<&str>) = dependencies[name]
            .iter()
            .map(|(name, _)| *name)
            .partition(|name| names.contains(name));
        assert_eq!(ours, inner.iter().copied().collect(), "{name}");
        if name == "xtask" {
            let heavy: Vec<&&str> = others
                .iter()
                .filter(|d| d.starts_with("candle") || **d == "image")
                .collect();
            assert!(heavy.is_empty(), "xtask depends on {heavy:?}");
        } else {
            let outer: BTreeSet<&str> = outer.iter().copied().collect();
            let more: Vec<&&str> = others.difference(&outer).collect();
            assert!(more.is_empty(), "{name} depends on {more:?}");
        }
    }
}

#[test]
fn the_network_and_the_text_tower_are_optional() {
    let metadata = metadata();
    let dependencies = dependencies(&metadata);
    let optional: BTreeSet<&str> = dependencies["gradcam-models"]
        .iter()
        .filter(|(_, optional)| *optional)
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(optional, NETWORK.into_iter().chain([TEXT]).collect());
    for (name, used) in &dependencies {
        let reached = used.iter().any(|(d, _)| NETWORK.contains(d));
        assert_eq!(reached, *name == "gradcam-models", "{name}");
    }
}

/// Versions, lints and metadata are said once, in the workspace.
#[test]
fn every_crate_inherits_from_the_workspace() {
    for package in metadata().workspace_packages() {
        let text = std::fs::read_to_string(&package.manifest_path).unwrap();
        for field in ["version", "edition", "rust-version", "license", "publish"] {
            assert!(
                text.contains(&format!("{field}.workspace = true")),
                "{}: {field}",
                package.name
            );
        }
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{}",
            package.name
        );
    }
}
