//! `gradcam import`.

use anyhow::{Context, Result, bail};
use gradcam_models::import::{Imported, import};

use crate::args::Import;
use crate::console::Console;
use crate::exit::Exit;
use crate::files::{self, write};
use crate::protect::Sources;

/// The files of a model folder.
const WEIGHTS: &str = "model.safetensors";
const CONFIG: &str = "config.json";
/// If this file exists, it defines the preprocessing.
const PROCESSOR: &str = "preprocessor_config.json";

pub(crate) fn run(args: &Import, console: &mut Console<'_>) -> Result<Exit> {
    let folder = &args.output;
    check_place(args)?;
    let labels = args.labels.as_deref();
    let Imported {
        config,
        weights,
        model,
        unwrapped,
        ..
    } = import(&args.file, &args.architecture, labels)
        .with_context(|| format!("cannot import `{}`", args.file.display()))?;
    // The description last: without it the folder is not a model.
    write(&folder.join(WEIGHTS), &weights, args.force)?;
    write(&folder.join(CONFIG), config.as_bytes(), args.force)?;
    let (shown, classes) = (folder.display(), model.labels.len());
    let architecture = model
        .architecture
        .map_or("", |architecture| architecture.name);
    console.line(format!("{shown}: {architecture}, {classes} classes"))?;
    if !unwrapped.is_empty() {
        console.note(format!(
            "removed from the parameter names: `{}`",
            unwrapped.concat()
        ));
    }
    if labels.is_none() {
        let names = match classes {
            1000 => "assumed to be ImageNet's",
            _ => "numbers",
        };
        console.note(format!(
            "the class names are {names}; `--labels FILE` sets them"
        ));
    }
    console.note(format!(
        "preprocessing is assumed to be the usual one for `{architecture}`: {}; if training differed, change `pretrained_cfg` in `{}`",
        model.preprocess,
        folder.join(CONFIG).display()
    ));
    Ok(Exit::Done)
}

/// Checks that the folder may be written, before anything is read.
fn check_place(args: &Import) -> Result<()> {
    let folder = &args.output;
    let shown = folder.display();
    if folder.exists() && !folder.is_dir() {
        bail!("`-o {shown}` is a file, expected a folder");
    }
    files::check_place(folder)?;
    let mut sources = Sources::default();
    sources.add(&args.file);
    if let Some(labels) = &args.labels {
        sources.add(labels);
    }
    sources.refuse([WEIGHTS, CONFIG].map(|name| folder.join(name)))?;
    if !folder.exists() {
        return Ok(());
    }
    let processor = folder.join(PROCESSOR);
    if processor.exists() {
        bail!(
            "`{}` belongs to another model and would be read with this one; name another folder",
            processor.display()
        );
    }
    let mut entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read the folder `{shown}`"))?;
    if !args.force && entries.next().is_some() {
        bail!(
            "`{shown}` exists and is not empty\n\nhint: `--force` replaces its `{CONFIG}` and `{WEIGHTS}`"
        );
    }
    Ok(())
}
