//! `gradcam card diff`.

use anyhow::Result;
use gradcam_eval::card::diff;

use crate::args::CardDiff;
use crate::card::pages::load;
use crate::console::Console;
use crate::exit::Exit;

pub(super) fn run(args: &CardDiff, console: &mut Console<'_>) -> Result<Exit> {
    let found = diff(&load(&args.a)?, &load(&args.b)?);
    if args.json {
        console.line(serde_json::to_string(&found)?)?;
    } else {
        for line in found.to_string().trim_end().lines() {
            console.line(line)?;
        }
    }
    if found.is_empty() {
        Ok(Exit::Done)
    } else {
        Ok(Exit::Failed)
    }
}
