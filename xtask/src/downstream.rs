//! The projects of `tests/downstream`: what a user's own project sees of the crates.

use std::path::Path;

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::dist;

/// Builds and runs every project with the versions of the workspace's `Cargo.lock`, in one target folder.
///
/// # Errors
/// When a project is not formatted, does not build, or ends with a failure; when the colours come with a tensor library.
pub(crate) fn run(sh: &Shell) -> Result<()> {
    let root = sh.current_dir();
    let (lock, target) = (root.join("Cargo.lock"), dist::target(sh).join("downstream"));
    let _target = sh.push_env("CARGO_TARGET_DIR", &target);
    let photo = root.join("models/photos/chelsea.png");
    let picture = target.join("explained.png");
    let projects: [(&str, &[&Path]); 3] = [
        ("default_model", &[&photo, &picture]),
        ("own_network", &[]),
        ("colours", &[]),
    ];
    for (name, arguments) in projects {
        let _folder = sh.push_dir(root.join("tests/downstream").join(name));
        // A project takes what it needs of the list, and nothing that is newer.
        sh.copy_file(&lock, "Cargo.lock")?;
        cmd!(sh, "cargo fmt --check").run()?;
        cmd!(sh, "cargo run --offline --quiet -- {arguments...}").run()?;
        if name == "colours" {
            let tree = cmd!(sh, "cargo tree --offline --prefix none")
                .quiet()
                .read()?;
            let tensors = tree.lines().find(|line| line.starts_with("candle"));
            ensure!(tensors.is_none(), "gradcam-viz brings {tensors:?}");
        }
    }
    Ok(())
}
