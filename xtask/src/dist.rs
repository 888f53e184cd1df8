//! The files of a release.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Shell, cmd};

/// Puts the binary, its manual pages and its completions into `target/gradcam`.
pub(crate) fn run(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo build --profile dist --package gradcam-cli").run()?;
    let binary = built(sh, "dist").join(format!("gradcam{EXE_SUFFIX}"));
    let folder = Path::new("target/gradcam");
    sh.remove_path(folder)?;
    sh.create_dir(folder)?;
    sh.copy_file(&binary, folder.join(format!("gradcam{EXE_SUFFIX}")))?;
    cmd!(sh, "{binary} man -o {folder}").ignore_stdout().run()?;
    // Each has the name that its shell expects.
    for (shell, name) in [
        ("bash", "gradcam.bash"),
        ("zsh", "_gradcam"),
        ("fish", "gradcam.fish"),
        ("powershell", "_gradcam.ps1"),
    ] {
        let script = cmd!(sh, "{binary} completions {shell}").output()?.stdout;
        sh.write_file(folder.join(name), script)?;
    }
    Ok(())
}

/// Builds the release binary and returns its path.
pub(crate) fn binary(sh: &Shell) -> Result<PathBuf> {
    cmd!(sh, "cargo build --release --package gradcam-cli").run()?;
    Ok(release(sh).join(format!("gradcam{EXE_SUFFIX}")))
}

/// Returns the folder of release builds.
pub(crate) fn release(sh: &Shell) -> PathBuf {
    built(sh, "release")
}

/// Returns the folder of a profile's builds.
fn built(sh: &Shell, profile: &str) -> PathBuf {
    target(sh).join(profile)
}

/// Returns cargo's target folder.
pub(crate) fn target(sh: &Shell) -> PathBuf {
    let target = sh
        .var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from("target"), PathBuf::from);
    sh.current_dir().join(target)
}
