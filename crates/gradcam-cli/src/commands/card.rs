//! `gradcam card`.

mod diff;
mod make;
mod render;
mod train;

use std::sync::atomic::AtomicBool;

use anyhow::Result;

use crate::args::{CardArgs, CardCommand};
use crate::console::Console;
use crate::exit::Exit;

pub(crate) fn run(
    args: &CardArgs,
    console: &mut Console<'_>,
    interrupted: &AtomicBool,
) -> Result<Exit> {
    match &args.command {
        Some(CardCommand::Render(args)) => render::run(args, console),
        Some(CardCommand::Diff(args)) => diff::run(args, console),
        Some(CardCommand::Train(args)) => train::run(args, console, interrupted),
        None => make::run(args, console, interrupted),
    }
}
