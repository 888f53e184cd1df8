//! The command line of gradcam as a function: arguments in, exit status out.
//!
//! [`run`] does what the binary does, on any pair of writers, so that programs and tests can call it:
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//!
//! let (mut out, mut err) = (Vec::new(), Vec::new());
//! let exit = gradcam_cli::run(["gradcam", "models"], &mut out, &mut err, &AtomicBool::new(false));
//! assert_eq!(exit, gradcam_cli::Exit::Done);
//! assert!(String::from_utf8(out)?.contains("resnet50"));
//! # Ok::<(), std::string::FromUtf8Error>(())
//! ```
//!
//! Data goes to the first writer, everything else to the second. A bad image is reported and the others continue. Text from elsewhere, such
//! as file names and labels, is shown with its control characters escaped on lines for readers; JSON is unchanged.

mod args;
mod asked;
mod batches;
mod card;
mod commands;
mod console;
mod dataset;
mod digest;
mod escape;
mod exit;
mod files;
mod gradient;
mod inputs;
mod interruption;
mod map_file;
pub mod memory;
mod names;
mod protect;
mod reading;
mod record;
mod skipped;
mod stems;
mod study;
mod style;
mod table;
mod verdict;
mod words;
mod workers;

use std::ffi::OsString;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command, ManArgs};
use crate::console::{Console, is_broken_pipe};

pub use crate::exit::Exit;

/// Runs `gradcam` with these arguments, the first of which is the program's name.
///
/// When `interrupted` becomes true, the run ends after the current batch, with every file complete, as [`Exit::Interrupted`].
pub fn run<A: Into<OsString> + Clone>(
    args: impl IntoIterator<Item = A>,
    out: &mut dyn Write,
    err: &mut dyn Write,
    interrupted: &AtomicBool,
) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let to_error = error.use_stderr();
            let text = escape::lines(&words::plain(&plain(error).render().to_string()));
            if to_error {
                // If standard error is closed, nobody is left to tell.
                let _ = write!(err, "{text}");
                return Exit::Error;
            }
            // Help and version are data.
            let mut console = Console::new(out, err, 0, false);
            let written = console.data(text.as_bytes());
            return finish(
                written.map(|()| Exit::Done),
                false,
                &mut console,
                interrupted,
            );
        }
    };
    let lists = matches!(
        cli.command,
        Command::Models(_)
            | Command::Layers(_)
            | Command::Methods(_)
            | Command::Metrics(_)
            | Command::Completions { .. }
            | Command::Man(ManArgs { output: None, .. })
    );
    let mut console = Console::new(out, err, cli.quiet, cli.verbose);
    let result = match cli.command {
        Command::Explain(args) => commands::explain::run(&args, &mut console, interrupted),
        Command::Compare(args) => commands::compare::run(&args, &mut console, interrupted),
        Command::Classify(args) => commands::classify::run(&args, &mut console, interrupted),
        Command::Models(args) => commands::models::run(&args, &mut console),
        Command::Import(args) => commands::import::run(&args, &mut console),
        Command::Layers(args) => commands::layers::run(&args, &mut console),
        Command::Methods(args) => commands::methods::run(&args, &mut console),
        Command::Metrics(args) => commands::metrics::run(&args, &mut console),
        Command::Check(args) => commands::check::run(&args, &mut console),
        Command::Evaluate(args) => commands::evaluate::run(&args, &mut console, interrupted),
        Command::Card(args) => commands::card::run(&args, &mut console, interrupted),
        Command::Data(args) => commands::data::run(&args, &mut console),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "gradcam", &mut script);
            console.data(&script).map(|()| Exit::Done)
        }
        Command::Man(args) => commands::man::run(&args, &mut console),
    };
    finish(result, !lists, &mut console, interrupted)
}

/// Returns the same error with each quoted argument on one line.
fn plain(mut error: clap::Error) -> clap::Error {
    let quoted: Vec<(ContextKind, ContextValue)> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => {
                let text = escape::line(text).into_owned();
                Some((kind, ContextValue::String(text)))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in quoted {
        error.insert(kind, value);
    }
    error
}

/// Reports the error of a run. If the reader of a list went away, nothing needs reporting; a command that `works` leaves work undone.
fn finish(
    result: anyhow::Result<Exit>,
    works: bool,
    console: &mut Console<'_>,
    interrupted: &AtomicBool,
) -> Exit {
    let error = match result {
        Ok(exit) => return exit,
        Err(error) => error,
    };
    if is_broken_pipe(&error) {
        if !works {
            return Exit::Done;
        }
        console.warn("nobody reads standard output any more; the rest is not done");
        return Exit::Unread;
    }
    if interrupted.load(Ordering::SeqCst) {
        console.stopped(&error);
        return Exit::Interrupted;
    }
    console.error(&error);
    Exit::Error
}
