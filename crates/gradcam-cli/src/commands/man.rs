//! `gradcam man`.

use anyhow::{Result, bail};
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args::{Cli, ManArgs};
use crate::console::Console;
use crate::exit::Exit;
use crate::files::{FORCE, check_free, write};

pub(crate) fn run(args: &ManArgs, console: &mut Console<'_>) -> Result<Exit> {
    // The command `help` has no page, since `gradcam man` replaces it.
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let Some(folder) = &args.output else {
        let page = page(find(&program, &args.command)?)?;
        console.data(&page.1)?;
        return Ok(Exit::Done);
    };
    let mut pages = Vec::new();
    all(find(&program, &args.command)?, &mut pages)?;
    let paths = pages.iter().map(|(name, _)| folder.join(name));
    check_free(paths, args.force, FORCE)?;
    for (name, page) in pages {
        let path = folder.join(name);
        write(&path, &page, args.force)?;
        console.path(&path)?;
    }
    Ok(Exit::Done)
}

/// Finds the subcommand of `program` that these words name.
fn find<'a>(program: &'a Command, words: &[String]) -> Result<&'a Command> {
    let mut found = program;
    for word in words {
        let Some(next) = found.find_subcommand(word) else {
            let names: Vec<&str> = found.get_subcommands().map(Command::get_name).collect();
            match names.as_slice() {
                [] => bail!("`{}` has no command `{word}`", found.get_name()),
                names => bail!(
                    "`{}` has no command `{word}`, expected one of `{}`",
                    found.get_name(),
                    names.join("`, `")
                ),
            }
        };
        found = next;
    }
    Ok(found)
}

/// Adds the pages of a command and all its subcommands, each with its file name.
fn all(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    pages.push(page(command)?);
    for below in command.get_subcommands() {
        all(below, pages)?;
    }
    Ok(())
}

fn page(command: &Command) -> Result<(String, Vec<u8>)> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render(&mut page)?;
    Ok((man.get_filename(), page))
}
