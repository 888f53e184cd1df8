//! Messages and their streams.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{escape, words};

/// The two streams, and the amount of messages on the second.
pub(crate) struct Console<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    quiet: u8,
    verbose: bool,
}

impl<'a> Console<'a> {
    pub(crate) fn new(
        out: &'a mut dyn Write,
        err: &'a mut dyn Write,
        quiet: u8,
        verbose: bool,
    ) -> Self {
        Console {
            out,
            err,
            quiet,
            verbose,
        }
    }

    /// Writes bytes to standard output.
    pub(crate) fn data(&mut self, bytes: &[u8]) -> Result<()> {
        self.out
            .write_all(bytes)
            .and_then(|()| self.out.flush())
            .context("cannot write to standard output")
    }

    /// Writes one line to standard output, a record or a text for a reader, with control characters escaped.
    pub(crate) fn line(&mut self, line: impl Display) -> Result<()> {
        self.data(format!("{}\n", escape::line(&line.to_string())).as_bytes())
    }

    /// Writes a file's name on a line of standard output: escaped for a terminal, unchanged for a program, so that `xargs` finds the file.
    pub(crate) fn path(&mut self, path: &Path) -> Result<()> {
        if io::stdout().is_terminal() {
            return self.line(path.display());
        }
        let mut bytes = path.as_os_str().as_encoded_bytes().to_vec();
        bytes.push(b'\n');
        self.data(&bytes)
    }

    /// Reports what was done, for a reader at the terminal.
    pub(crate) fn note(&mut self, line: impl Display) {
        if self.quiet == 0 {
            self.say(line);
        }
    }

    /// Reports details that help to find a cause.
    pub(crate) fn detail(&mut self, line: impl Display) {
        if self.verbose {
            self.say(line);
        }
    }

    /// Reports a problem that does not stop the run.
    pub(crate) fn warn(&mut self, line: impl Display) {
        if self.quiet < 2 {
            self.say(format!("warning: {}", words::plain(&line.to_string())));
        }
    }

    /// Reports why the run ends.
    pub(crate) fn error(&mut self, error: &anyhow::Error) {
        if self.quiet < 2 {
            self.say(format!("error: {}", words::plain(&format!("{error:#}"))));
        }
    }

    /// Reports what ended the run early.
    pub(crate) fn stopped(&mut self, why: &anyhow::Error) {
        if self.quiet < 2 {
            self.say(format!("{why:#}"));
        }
    }

    fn say(&mut self, line: impl Display) {
        // If standard error is closed, nobody is left to tell.
        let _ = writeln!(self.err, "{}", escape::message(&line.to_string()));
    }

    /// Makes a progress bar on standard error for `total` steps; hidden if nobody watches.
    pub(crate) fn bar(&self, total: u64, unit: Unit) -> ProgressBar {
        let hidden = self.quiet > 0
            || self.verbose
            || std::env::var_os("GRADCAM_NO_PROGRESS").is_some()
            || !io::stderr().is_terminal();
        let target = if hidden {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let template = match unit {
            Unit::Images => "{bar:30} {pos}/{len} images, {per_sec}, {eta} left {msg}",
            Unit::Methods => "{bar:30} {pos}/{len} methods, {elapsed} {msg}",
            Unit::Checks => "{bar:30} {pos}/{len} checks, {elapsed} {msg}",
            Unit::Epochs => "{bar:30} {pos}/{len} epochs, {per_sec}, {eta} left {msg}",
            Unit::Bytes => "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left {msg}",
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

/// The unit of a bar.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    Images,
    Methods,
    Checks,
    Epochs,
    Bytes,
}

/// Whether the reader of standard output went away, which needs no message.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
