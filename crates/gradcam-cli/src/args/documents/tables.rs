//! The tables between `<!-- … -->` and `<!-- end -->` of README.

use std::collections::BTreeSet;

use clap::{Arg, Args, Command, CommandFactory};
use gradcam_data::Layout;

use super::{all, document, text};
use crate::args::{Cli, Network, Sampling};

const README: &str = "README.md";
const END: &str = "<!-- end -->";
/// The mark of a table with one row a command.
const BRIEF: &str = "options in brief";
/// The variable with which the test writes the tables.
const REFRESH: &str = "MAKE_REF";

/// Returns the groups of options that several commands share.
fn shared() -> [Command; 2] {
    [
        Network::augment_args(Command::new("network")),
        Sampling::augment_args(Command::new("sampling")),
    ]
}

fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_positional())
}

/// Renders an option's row.
fn row(option: &Arg) -> String {
    let names = [
        option.get_short().map(|short| format!("`-{short}`")),
        option.get_long().map(|long| format!("`--{long}`")),
    ];
    let names: Vec<String> = names.into_iter().flatten().collect();
    let help = option.get_help().unwrap().to_string();
    // clap has no default for an optional value: the help text ends in it.
    let (meaning, mut default) = match help.split_once(" [default: ") {
        Some((meaning, rest)) => (meaning, plain(rest.trim_end_matches(']'))),
        None => (help.as_str(), String::new()),
    };
    let mut meaning = plain(meaning);
    let mut value = String::new();
    if option.get_action().takes_values() {
        value = code(&values(option));
        let defaults = option.get_default_values().iter();
        let defaults: Vec<_> = defaults.map(|d| code(&d.to_string_lossy())).collect();
        if !defaults.is_empty() {
            default = defaults.join(", ");
        }
    }
    if let Some(variable) = option.get_env() {
        meaning += &format!("; also {}", code(&variable.to_string_lossy()));
    }
    format!("| {} | {value} | {default} | {meaning} |", names.join(", "))
}

/// Returns the value's name, or the values if the name only repeats the option.
fn values(option: &Arg) -> String {
    let named = option.get_value_names().unwrap().join(" ");
    let own = option.get_id().as_str().to_uppercase();
    let known = option.get_possible_values();
    if named != own || option.is_hide_possible_values_set() || known.is_empty() {
        return named;
    }
    let known: Vec<&str> = known.iter().map(|value| value.get_name()).collect();
    known.join("|")
}

fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

/// Renders a help text, with the options in it as code.
fn plain(help: &str) -> String {
    let word = |word: &str| {
        if !word.starts_with("--") {
            return word.to_string();
        }
        let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let option = &word[..end.unwrap_or(word.len())];
        format!("`{option}`{}", &word[option.len()..])
    };
    cell(&help.split(' ').map(word).collect::<Vec<_>>().join(" "))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Renders a shared group: the commands that have it, and its options.
fn group_rows(group: &Command, commands: &[(String, &Command)]) -> Vec<String> {
    let takes = |command: &Command| options(group).all(|option| has(command, option));
    let takers = commands.iter().filter(|(_, command)| takes(command));
    let takers: Vec<String> = takers.map(|(words, _)| code(words)).collect();
    let title = format!("| **{}** | | | of {} |", group.get_name(), list(&takers));
    let all = options(group).map(row);
    std::iter::once(title).chain(all).collect()
}

/// Tells whether a command has an option with the same value, default and meaning.
fn has(command: &Command, option: &Arg) -> bool {
    options(command).any(|own| row(own) == row(option))
}

/// Splits a command's options into shared ones, by name or whole group, and its own.
fn parts(command: &Command) -> (Vec<String>, Vec<&Arg>) {
    let (mut groups, mut taken) = (Vec::new(), Vec::new());
    for group in &shared() {
        let some: Vec<&Arg> = options(group).filter(|o| has(command, o)).collect();
        if some.len() == options(group).count() {
            groups.push(format!("**{}**", group.get_name()));
        } else {
            groups.extend(
                some.iter()
                    .map(|o| code(&format!("--{}", o.get_long().unwrap()))),
            );
        }
        taken.extend(some.into_iter().map(row));
    }
    let own = options(command).filter(|option| !taken.contains(&row(option)));
    (groups, own.collect())
}

fn command_rows(words: &str, command: &Command) -> Vec<String> {
    let (groups, own) = parts(command);
    let with = if groups.is_empty() {
        String::new()
    } else {
        format!("with those of {}", list(&groups))
    };
    let title = format!("| **`{words}`** | | | {with} |");
    std::iter::once(title)
        .chain(own.into_iter().map(row))
        .collect()
}

/// Renders a command's options in one row.
fn brief_row(words: &str, command: &Command) -> String {
    let (mut all, own) = parts(command);
    all.extend(own.into_iter().map(|option| {
        let name = match option.get_short() {
            Some(short) => format!("-{short}"),
            None => format!("--{}", option.get_long().unwrap()),
        };
        if option.get_action().takes_values() {
            code(&format!("{name} {}", values(option)))
        } else {
            code(&name)
        }
    }));
    format!("| `{words}` | {} |", all.join(", "))
}

/// Returns every command that has options.
fn commands(program: &Command) -> Vec<(String, &Command)> {
    let mut found = Vec::new();
    all(program, "", &mut found);
    found.retain(|(_, command)| options(command).next().is_some());
    found
}

fn options_table(names: &str) -> Vec<String> {
    let program = Cli::command();
    let commands = commands(&program);
    let head = [
        "| option | value | default | meaning |",
        "|---|---|---|---|",
    ];
    let mut rows = head.map(String::from).to_vec();
    for name in names.split(", ") {
        let group = shared().into_iter().find(|group| group.get_name() == name);
        let command = commands.iter().find(|(words, _)| words == name);
        rows.extend(match (group, command) {
            (Some(group), _) => group_rows(&group, &commands),
            (None, Some((words, command))) => command_rows(words, command),
            (None, None) => panic!("{README} asks for the options of `{name}`, which has none"),
        });
    }
    rows
}

fn brief_table(names: &str) -> Vec<String> {
    let program = Cli::command();
    let commands = commands(&program);
    let head = ["| command | options |", "|---|---|"];
    let rows = names.split(", ").map(|name| {
        let command = commands.iter().find(|(words, _)| words == name);
        let (words, command) = command.unwrap_or_else(|| panic!("there is no `{name}`"));
        brief_row(words, command)
    });
    head.map(String::from).into_iter().chain(rows).collect()
}

fn layouts_table() -> Vec<String> {
    let head = ["| layout | what lies where |", "|---|---|"];
    let row = |layout: &Layout| format!("| `{}` | {} |", layout.name(), cell(layout.about()));
    let rows = Layout::ALL.iter().map(row);
    head.map(String::from).into_iter().chain(rows).collect()
}

/// Renders the table for a mark: `<!-- options: explain -->`, `<!-- options in brief: man -->`, `<!-- layouts -->`.
fn table(line: &str) -> Option<Vec<String>> {
    let asked = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
    match asked.split_once(": ") {
        Some(("options", names)) => Some(options_table(names)),
        Some((BRIEF, names)) => Some(brief_table(names)),
        None if asked == "layouts" => Some(layouts_table()),
        _ => None,
    }
}

/// Returns the text with fresh tables.
fn refreshed(text: &str) -> String {
    let mut lines = text.lines();
    let mut fresh = Vec::new();
    while let Some(line) = lines.next() {
        fresh.push(line.to_string());
        if let Some(rows) = table(line) {
            fresh.extend(rows);
            assert!(lines.any(|line| line == END), "`{line}` has no `{END}`");
            fresh.push(END.to_string());
        }
    }
    fresh.join("\n") + "\n"
}

#[test]
fn the_tables_of_the_readme_are_claps() {
    let found = text(README);
    let expected = refreshed(&found);
    if std::env::var_os(REFRESH).is_some() {
        std::fs::write(document(README), expected).unwrap();
        return;
    }
    let mut pairs = found.lines().zip(expected.lines()).enumerate();
    if let Some((i, (found, expected))) = pairs.find(|(_, (found, expected))| found != expected) {
        panic!(
            "{README}, line {}:\n{found}\nmust be\n{expected}\n`{REFRESH}=1 cargo test -p gradcam-cli --lib documents` writes it",
            i + 1
        );
    }
}

#[test]
fn every_option_is_in_a_table() {
    let readme = text(README);
    let marks = readme.lines().filter_map(|line| {
        let asked = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
        let (kind, names) = asked.split_once(": ")?;
        ["options", BRIEF].contains(&kind).then_some(names)
    });
    let names = marks.flat_map(|names| names.split(", "));
    let shown: Vec<String> = names.map(String::from).collect();
    let program = Cli::command();
    let commands = commands(&program).into_iter().map(|(words, _)| words);
    let groups = shared().map(|group| group.get_name().to_string());
    let expected: BTreeSet<String> = commands.chain(groups).collect();
    assert_eq!(shown.len(), expected.len(), "twice in {shown:?}");
    assert_eq!(shown.into_iter().collect::<BTreeSet<_>>(), expected);
}
