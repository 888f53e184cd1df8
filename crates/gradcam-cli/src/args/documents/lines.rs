//! Lines that call `gradcam`, and options in prose.

use std::collections::BTreeSet;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory};

use super::{all, text};
use crate::args::{Cli, explain};

const DOCUMENTS: [&str; 2] = ["README.md", "crates/gradcam-cli/README.md"];
/// Options of other programs in the documents.
const FOREIGN: [&str; 2] = ["--features", "--peers"];

/// Splits a line into words like a shell, up to a redirection. The marks of a synopsis (`[MODEL]`, `IMAGE…`) are removed.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        let word = words.last_mut().unwrap();
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) if word.is_empty() => {}
            (' ', None) => words.push(String::new()),
            ('[' | ']' | '…', None) => {}
            (c, _) => word.push(c),
        }
    }
    let redirects = |word: &String| ["<", ">", "|", ""].contains(&word.as_str());
    let end = words.iter().position(redirects).unwrap_or(words.len());
    words.truncate(end);
    // The only placeholder in a synopsis that clap does not accept.
    let argument = words.iter_mut().filter(|word| *word == "SHELL");
    argument.for_each(|word| *word = "bash".to_string());
    words
}

/// Returns the call of `gradcam` in a line of a block, without its comment.
fn called(line: &str) -> Option<String> {
    let line = line.trim().split("  ").next()?.split(" #").next()?;
    match line.split_once(" -- ") {
        Some((cargo, rest)) if cargo.starts_with("cargo run") => Some(format!("gradcam {rest}")),
        _ => line.starts_with("gradcam ").then(|| line.to_string()),
    }
}

/// Returns the texts in backticks outside of blocks.
fn quoted(text: &str) -> Vec<String> {
    let prose: String = text.split("```").step_by(2).collect();
    let parts = prose.split('`').skip(1).step_by(2);
    parts.map(|part| part.replace('\n', " ")).collect()
}

/// Returns clap's error for a line; `None` if it parses.
fn refused(line: &str) -> Option<(ErrorKind, String)> {
    let error = Cli::command().try_get_matches_from(words(line)).err()?;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => None,
        kind => Some((kind, error.to_string())),
    }
}

#[test]
fn blocks_call_what_there_is() {
    let mut blocks: Vec<String> = DOCUMENTS
        .iter()
        .flat_map(|name| {
            let text = text(name);
            let blocks: Vec<&str> = text.split("```").skip(1).step_by(2).collect();
            blocks
                .join("\n")
                .lines()
                .map(String::from)
                .collect::<Vec<_>>()
        })
        .collect();
    blocks.extend(explain::EXAMPLES.lines().map(String::from));
    let lines: Vec<String> = blocks.iter().filter_map(|line| called(line)).collect();
    assert!(lines.len() > 30, "{lines:?}");
    for line in lines {
        assert_eq!(refused(&line), None, "{line}");
    }
}

#[test]
fn prose_calls_what_there_is() {
    let mut count = 0;
    for name in DOCUMENTS {
        for line in quoted(&text(name)) {
            if !line.starts_with("gradcam ") {
                continue;
            }
            count += 1;
            match refused(&line) {
                // Prose may name a command without its arguments.
                None | Some((ErrorKind::MissingRequiredArgument, _)) => {}
                Some((kind, said)) => panic!("{name}, `{line}`: {kind:?}\n{said}"),
            }
        }
    }
    assert!(count > 10, "only {count} lines were found");
}

/// Returns the options of all commands.
fn known() -> BTreeSet<String> {
    let program = Cli::command();
    let mut commands = vec![(String::new(), &program)];
    all(&program, "", &mut commands);
    let options = commands
        .iter()
        .flat_map(|(_, command)| command.get_arguments())
        .filter_map(|option| option.get_long());
    let options = options.chain(["help", "version"]);
    options.map(|long| format!("--{long}")).collect()
}

#[test]
fn prose_names_options_that_there_are() {
    let known = known();
    for name in DOCUMENTS {
        // Other programs stand before their options.
        let own = |code: &String| code.starts_with("--");
        for code in quoted(&text(name)).into_iter().filter(own) {
            for word in code.split(' ').filter(|word| word.starts_with("--")) {
                let end = |c: char| !c.is_ascii_alphanumeric() && c != '-';
                let option = word.split(end).next().unwrap();
                assert!(
                    known.contains(option) || FOREIGN.contains(&option),
                    "{name}: `{code}`"
                );
            }
        }
    }
}

#[test]
fn the_list_of_commands_is_whole() {
    let readme = text(DOCUMENTS[0]);
    let listed: Vec<&str> = readme
        .split("```text")
        .map(|part| part.split("```").next().unwrap())
        .find(|part| part.trim_start().starts_with("gradcam "))
        .unwrap()
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .collect();
    let program = Cli::command();
    let mut names: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
    names.sort_unstable();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, names);
}
