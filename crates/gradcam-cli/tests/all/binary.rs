//! Runs the binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Returns the path of the picture `name` in `models/photos`.
pub(crate) fn photo(name: &str) -> String {
    repository()
        .join("models/photos")
        .join(name)
        .display()
        .to_string()
}

/// Returns the workspace's folder.
pub(crate) fn repository() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    folder.canonicalize().unwrap()
}

/// The result of a run.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(!err.contains("panicked"), "{err}");
        Run {
            code: output.status.code(),
            out: output.stdout,
            err,
        }
    }

    /// Returns the standard output of a run that must succeed.
    pub(crate) fn text(&self) -> &str {
        assert_eq!(self.code, Some(0), "{}", self.err);
        std::str::from_utf8(&self.out).unwrap()
    }

    /// Returns the lines of a `--json` run that must succeed.
    pub(crate) fn records(&self) -> Vec<Value> {
        let lines = self.text().lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Fails unless the run ended with exit status 2 and a message that contains all these words.
    pub(crate) fn refused(&self, words: &[&str]) {
        assert_eq!(self.code, Some(2), "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "no `{word}` in: {}", self.err);
        }
    }
}

/// Prepares the binary in the working folder `folder`, without the variables that change its behaviour.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradcam"));
    command.current_dir(folder).args(args).stdin(Stdio::null());
    for name in [
        "GRADCAM_MODEL",
        "GRADCAM_THREADS",
        "HF_ENDPOINT",
        "HF_TOKEN",
    ] {
        command.env_remove(name);
    }
    // No message may contain a backtrace.
    command.env("RUST_BACKTRACE", "1");
    command
}

/// Runs `gradcam ARGS` in `folder`.
pub(crate) fn gradcam(folder: &Path, args: &[&str]) -> Run {
    Run::of(command(folder, args).output().unwrap())
}

/// Returns the names of the files below `folder`, sorted, with `/` between folders.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap();
                found.push(name.display().to_string().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}
