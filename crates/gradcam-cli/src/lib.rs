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
//! Data goes to the first writer, everything else to the second. A bad image is reported and the others go on.

mod args;
mod card;
mod commands;
mod console;
mod dataset;
mod inputs;
pub mod memory;
mod model;
mod outputs;
mod protect;
mod record;
mod settings;
mod skipped;
mod stems;
mod stream;
mod table;
mod targets;
mod unsuited;

use std::ffi::OsString;
use std::io::Write;
use std::sync::atomic::AtomicBool;

use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command};
use crate::console::{Console, is_broken_pipe};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Done,
    /// A check failed.
    Failed,
    /// The arguments, the model or an image were bad, or a file could not be written.
    Error,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Error => 2,
        }
        .into()
    }
}

/// Runs `gradcam` with these arguments, the first of which is the program's name.
///
/// When `interrupted` becomes true the run ends after the batch that it is at, with every file whole.
pub fn run<A: Into<OsString> + Clone>(
    args: impl IntoIterator<Item = A>,
    out: &mut dyn Write,
    err: &mut dyn Write,
    interrupted: &AtomicBool,
) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let text = error.render();
            if error.use_stderr() {
                // Standard error may be closed; there is nobody left to tell.
                let _ = write!(err, "{text}");
                return Exit::Error;
            }
            // Help and version are data.
            let mut console = Console::new(out, err, 0, false);
            let written = console.data(text.to_string().as_bytes());
            return finish(written.map(|()| Exit::Done), &mut console);
        }
    };
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
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut page)
                .map_err(anyhow::Error::from)
                .and_then(|()| console.data(&page))
                .map(|()| Exit::Done)
        }
    };
    finish(result, &mut console)
}

/// Says what went wrong; a reader that went away is no error.
fn finish(result: anyhow::Result<Exit>, console: &mut Console<'_>) -> Exit {
    result.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            return Exit::Done;
        }
        console.error(&error);
        Exit::Error
    })
}
