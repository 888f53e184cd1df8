//! The dependencies between the crates, which go one way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// The crates that each workspace crate may depend on: those of the workspace, then others.
const ALLOWED: [(&str, &[&str], &[&str]); 15] = [
    // Plain numbers: no tensors, no pictures.
    ("gradcam-map", &[], &["thiserror"]),
    // Texts alone.
    ("gradcam-names", &[], &["strsim"]),
    // Numbers from a seed.
    ("gradcam-random", &[], &["rand_chacha", "rand_distr"]),
    // Bytes and pixels: no tensors, no annotations.
    (
        "gradcam-picture",
        &[],
        &["flate2", "image", "jpeg-decoder", "thiserror"],
    ),
    (
        "gradcam-nn",
        &["gradcam-names", "gradcam-random"],
        &[
            "candle-core",
            "candle-nn",
            "gemm",
            "rayon",
            "safetensors",
            "thiserror",
        ],
    ),
    // Graphs of files as networks: no methods, no pictures beyond their reader's limits.
    (
        "gradcam-onnx",
        &["gradcam-names", "gradcam-nn", "gradcam-picture"],
        &[
            "bytes",
            "candle-core",
            "half",
            "prost",
            "rayon",
            "thiserror",
        ],
    ),
    (
        "gradcam",
        &[
            "gradcam-map",
            "gradcam-names",
            "gradcam-nn",
            "gradcam-random",
        ],
        &["candle-core", "rayon", "serde", "serde_json", "thiserror"],
    ),
    // Functions of maps and networks: no pictures, no architectures, no files.
    (
        "gradcam-eval",
        &[
            "gradcam",
            "gradcam-map",
            "gradcam-names",
            "gradcam-nn",
            "gradcam-random",
        ],
        &[
            "base64",
            "candle-core",
            "minijinja",
            "rayon",
            "serde",
            "serde_json",
            "thiserror",
        ],
    ),
    (
        "gradcam-train",
        &["gradcam-nn", "gradcam-random"],
        &["candle-core", "rayon", "safetensors", "serde", "thiserror"],
    ),
    (
        "gradcam-models",
        &[
            "gradcam",
            "gradcam-efficientnet-lite0",
            "gradcam-names",
            "gradcam-nn",
            "gradcam-onnx",
            "gradcam-picture",
        ],
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
            "thiserror",
            "tokenizers",
            "ureq",
            "zip",
        ],
    ),
    // Bytes, and no code.
    ("gradcam-efficientnet-lite0", &[], &[]),
    // Plain grids and pictures: no candle, no network.
    (
        "gradcam-viz",
        &["gradcam-map"],
        &["colorous", "image", "noto-sans-mono-bitmap", "thiserror"],
    ),
    // Pictures and annotations: no tensors.
    (
        "gradcam-data",
        &["gradcam-names", "gradcam-picture", "gradcam-random"],
        &[
            "csv",
            "flate2",
            "image",
            "roxmltree",
            "serde",
            "serde_json",
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
            "gradcam-names",
            "gradcam-nn",
            "gradcam-random",
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
            "rayon",
            "safetensors",
            "serde",
            "serde_json",
            "tempfile",
        ],
    ),
    // Automation builds in seconds: it runs the other crates as programs.
    ("xtask", &[], &[]),
];

/// Crates for the hub client alone, only with its feature.
const NETWORK: [&str; 2] = ["hf-hub", "ureq"];
/// The crate that `gradcam-models` re-exports, and asks for the default layer of a graph.
const METHODS: &str = "gradcam";
/// The crate for ONNX files alone, only with its feature.
const GRAPHS: &str = "gradcam-onnx";
/// The crate for the text tower alone, only with its feature.
const TEXT: &str = "tokenizers";

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_string()])
        .exec()
        .unwrap()
}

/// Maps the workspace's crates to their dependencies outside tests, and whether these are optional.
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
            assert_eq!(others, outer, "{name}");
        }
    }
}

#[test]
fn the_methods_the_network_the_text_tower_and_the_weights_are_optional() {
    let metadata = metadata();
    let dependencies = dependencies(&metadata);
    let optional: BTreeSet<&str> = dependencies["gradcam-models"]
        .iter()
        .filter(|(_, optional)| *optional)
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(
        optional,
        NETWORK
            .into_iter()
            .chain([TEXT, WEIGHTS, METHODS, GRAPHS])
            .collect()
    );
    for (name, used) in &dependencies {
        let reached = used.iter().any(|(d, _)| NETWORK.contains(d));
        assert_eq!(reached, *name == "gradcam-models", "{name}");
    }
}

/// Versions, lints and metadata are stated once, in the workspace.
#[test]
fn every_crate_inherits_from_the_workspace() {
    for package in metadata().workspace_packages() {
        let text = read_to_string(&package.manifest_path).unwrap();
        let weights = package.name.as_str() == WEIGHTS;
        for field in ["version", "edition", "rust-version", "license"] {
            let inherits = text.contains(&format!("{field}.workspace = true"));
            // The weights have their own licence.
            let own = weights && field == "license";
            assert!(inherits != own, "{}: {field}", package.name);
        }
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{}",
            package.name
        );
    }
}

/// The crate of the default model's weights.
const WEIGHTS: &str = "gradcam-efficientnet-lite0";

fn published(metadata: &Metadata) -> impl Iterator<Item = (&Package, &Path)> {
    let packages = metadata.workspace_packages().into_iter();
    let packages = packages.filter(|package| package.publish.is_none());
    packages.filter_map(|package| Some((package, package.manifest_path.parent()?.as_std_path())))
}

#[test]
fn crates_say_what_the_registry_asks_for() {
    let metadata = metadata();
    assert_eq!(published(&metadata).count(), ALLOWED.len() - 1);
    for (package, folder) in published(&metadata) {
        let name = package.name.as_str();
        assert!(package.description.is_some(), "{name}");
        assert!((1..=5).contains(&package.keywords.len()), "{name}");
        assert!(package.keywords.iter().all(|k| k.len() <= 20), "{name}");
        assert!(!package.categories.is_empty(), "{name}");
        assert!(package.homepage.is_some() && package.repository.is_some());
        let documentation = format!("https://docs.rs/{name}");
        assert_eq!(package.documentation, Some(documentation));
        let (license, files): (_, &[&str]) = match name {
            WEIGHTS => ("Apache-2.0", &["LICENSE"]),
            _ => ("MIT OR Apache-2.0", &["LICENSE-MIT", "LICENSE-APACHE"]),
        };
        assert_eq!(package.license.as_deref(), Some(license), "{name}");
        for file in files {
            assert!(folder.join(file).metadata().unwrap().len() > 1000);
        }
        let readme = read_to_string(folder.join("README.md")).unwrap();
        assert!(readme.starts_with("# "), "{name}");
        for feature in package.features.keys().filter(|f| *f != "default") {
            assert!(
                readme.contains(&format!("`{feature}`")),
                "{name}: {feature}"
            );
        }
        // The program's page is for its users, not for programmers.
        let library = package.targets.iter().find(|target| target.is_lib());
        let library = read_to_string(&library.unwrap().src_path).unwrap();
        let shown = library.contains("README.md\")]");
        assert_eq!(shown, name != "gradcam-cli", "{name}");
    }
}

/// Files outside a crate's folder are not packaged with it.
#[test]
fn crates_include_their_own_files() {
    let mut count = 0;
    for (_, folder) in published(&metadata()) {
        let pattern = format!("{}/**/*.rs", folder.display());
        let folder = folder.canonicalize().unwrap();
        for source in glob::glob(&pattern).unwrap() {
            let source = source.unwrap();
            let text = read_to_string(&source).unwrap();
            for start in ["include_str!(\"", "include_bytes!(\""] {
                for rest in text.split(start).skip(1) {
                    let path = rest.split('"').next().unwrap();
                    let path = source.parent().unwrap().join(path);
                    let path = path.canonicalize().unwrap();
                    assert!(path.starts_with(&folder), "{}", source.display());
                    count += 1;
                }
            }
        }
    }
    assert!(count > 10, "only {count} files are included");
}
