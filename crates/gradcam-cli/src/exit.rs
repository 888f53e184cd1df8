//! How a run ends.

use std::process::ExitCode;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// Everything was done.
    Done,
    /// A check failed.
    Failed,
    /// The arguments, the model or an image were bad, or a file could not be written.
    Error,
    /// It was interrupted before everything was done.
    Interrupted,
    /// The reader of standard output went away before everything was done.
    Unread,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Error => 2,
            // As shells report a program that SIGINT or SIGPIPE ended: 128 plus the signal's number.
            Exit::Interrupted => 130,
            Exit::Unread => 141,
        }
        .into()
    }
}
