//! The dependencies between a crate's files, which go one way, like those between the crates.
//!
//! A file depends on another if it names an item that the other defines: in a `use`, in its code, or through a re-export. Declaring a
//! module is not a dependency, nor is calling a method, whose file the source does not show.

mod circle;
mod crate_files;
mod module;
mod resolve;

use std::path::Path;

use cargo_metadata::MetadataCommand;

use circle::circles;
use crate_files::CrateFiles;

#[test]
fn no_circle_between_the_files_of_a_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = root.canonicalize().unwrap();
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_string()])
        .exec()
        .unwrap();
    let mut failures = Vec::new();
    for package in metadata.workspace_packages() {
        for target in &package.targets {
            let name = package.name.as_str();
            let read = |path: &Path| std::fs::read_to_string(path).ok();
            let files = CrateFiles::read(target.src_path.as_std_path(), &read);
            for circle in circles(&files.edges()) {
                let circle = circle.relative_to(&root);
                failures.push(format!("{name}, {}: {circle}", target.name));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "code that two files need from each other belongs in a third, below both:\n{}",
        failures.join("\n")
    );
}

/// Finds the circles in a crate that consists of `files`: names and texts, the root first.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let read = |path: &Path| {
        let file = files.iter().find(|(name, _)| Path::new(name) == path);
        file.map(|(_, text)| text.to_string())
    };
    let files = CrateFiles::read(Path::new(files[0].0), &read);
    let circles = circles(&files.edges());
    let texts = circles.iter().map(|c| c.relative_to(Path::new("")));
    texts.collect()
}

#[test]
fn a_circle_is_told_with_its_lines() {
    let circles = found(&[
        ("src/lib.rs", "mod a; mod b; mod c;"),
        ("src/a.rs", "\nuse crate::b::B;\npub struct A(B);"),
        (
            "src/b.rs",
            "pub struct B;\nfn f() -> super::c::C { todo!() }",
        ),
        ("src/c.rs", "use super::*;\npub struct C;\nfn f(_: a::A) {}"),
    ]);
    let expected = "3 files know each other\n  \
                    src/a.rs:2 knows src/b.rs by `crate::b::B`\n  \
                    src/b.rs:2 knows src/c.rs by `super::c::C`\n  \
                    src/c.rs:3 knows src/a.rs by `a::A`";
    assert_eq!(circles, [expected]);
}

#[test]
fn a_reexport_hides_no_circle() {
    for (uses, of_a) in [
        ("use crate::A;", "pub use a::A;"),
        ("use crate::Renamed;", "pub use a::A as Renamed;"),
        ("use super::A;", "pub use a::*;"),
        ("use crate::*; fn g() -> A { A }", "pub use crate::a::*;"),
        ("use crate::inner::A;", "mod inner { pub use super::a::A; }"),
        ("fn g() -> crate::A { todo!() }", "use self::a::A;"),
        ("fn g() { println!(\"{}\", crate::A::new()) }", "use a::A;"),
        ("fn g() { crate::Made::new() }", "pub use a::*;"),
        ("fn g() { crate::Hidden::new() }", "pub use a::Hidden;"),
        ("use crate::a;", "pub use a::a;"),
        ("fn g() { crate::a() }", "pub use self::a::a;"),
    ] {
        let root = format!("mod a; mod b; {of_a}");
        let circles = found(&[
            ("src/lib.rs", &root),
            (
                "src/a.rs",
                "pub struct A; make! { pub enum Made {} } hide! {} pub fn a() { crate::b::g(); }",
            ),
            ("src/b.rs", &format!("{uses} pub fn g() {{}}")),
        ]);
        assert_eq!(circles.len(), 1, "{uses} {of_a}");
    }
}

#[test]
fn a_child_and_its_parent_are_files_too() {
    let circles = found(&[
        ("src/main.rs", "mod parent;"),
        (
            "src/parent.rs",
            "mod child; struct P; fn f() { child::g(); }",
        ),
        ("src/parent/child.rs", "use super::P; pub fn g() {}"),
    ]);
    assert_eq!(circles.len(), 1);
}

#[test]
fn what_goes_one_way_is_no_circle() {
    let child = "use super::P; impl P { fn f(&self) {} } pub struct C;";
    let test = "#[cfg(all(test, unix))] mod tests { use super::child::C; use crate::other::O; }
        impl P { #[cfg(test)] fn g() -> crate::other::O { todo!() } }";
    let circles = found(&[
        (
            "src/lib.rs",
            "mod parent; mod other; pub use other::O; pub use parent::P;",
        ),
        // A child module, an `impl` elsewhere and tests are not dependencies.
        ("src/parent.rs", &format!("mod child; pub struct P; {test}")),
        ("src/parent/child.rs", child),
        // Nor is an item of another crate with the same name.
        (
            "src/other.rs",
            "use std::cell::Cell; use crate::P; pub struct O; mod inner { use super::O; }",
        ),
    ]);
    assert_eq!(circles, [""; 0]);
}
