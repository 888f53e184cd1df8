//! `gradcam card render`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use crate::args::CardRender;
use crate::card::pages::{beside, load, pages};
use crate::card::place::PAGES;
use crate::console::Console;
use crate::exit::Exit;
use crate::files::{FORCE, check_free, write};
use crate::protect::Sources;

pub(super) fn run(args: &CardRender, console: &mut Console<'_>) -> Result<Exit> {
    let card = load(&args.card)?;
    let places = PAGES.map(|name| args.output.join(name));
    let mut sources = Sources::default();
    sources.add(&args.card);
    sources.refuse(&places)?;
    check_free(&places, args.force, FORCE)?;
    let folder = args.card.parent().unwrap_or(Path::new(""));
    let pictures = if args.no_pictures {
        BTreeMap::new()
    } else {
        beside(&card, folder)?
    };
    for (name, bytes) in pages(&card, &pictures)? {
        let path = args.output.join(name);
        write(&path, &bytes, args.force)?;
        console.path(&path)?;
    }
    Ok(Exit::Done)
}
