//! The projects of `tests/downstream`, which use the crates as a user's own project does.

use std::path::Path;

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::dist;

/// Builds and runs every project with the versions of the workspace's `Cargo.lock`, in one target folder.
///
/// # Errors
/// If a project is not formatted, does not build or fails, or if `colours` depends on a tensor library.
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
        // A project takes the versions that it needs from the lock file, and nothing newer.
        sh.copy_file(&lock, "Cargo.lock")?;
        cmd!(sh, "cargo fmt --check").run()?;
        cmd!(sh, "cargo run --offline --quiet -- {arguments...}").run()?;
        if name == "colours" {
            let tree = cmd!(sh, "cargo tree --offline --prefix none")
                .quiet()
                .read()?;
            let tensors = tree.lines().find(|line| line.starts_with("candle"));
            ensure!(tensors.is_none(), "gradcam-viz depends on {tensors:?}");
        }
    }
    Ok(())
}
