//! Tests that the documents describe the command line as clap has it.

mod lines;
mod tables;

use std::path::{Path, PathBuf};

use clap::Command;

/// Returns the path of a document of the repository.
fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name)
}

fn text(name: &str) -> String {
    let path = document(name);
    let text = std::fs::read_to_string(&path);
    text.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Collects the commands below a command, each with its words after `gradcam`.
fn all<'a>(command: &'a Command, words: &str, found: &mut Vec<(String, &'a Command)>) {
    for below in command.get_subcommands() {
        let words = format!("{words} {}", below.get_name());
        let words = words.trim_start();
        found.push((words.to_string(), below));
        all(below, words, found);
    }
}
