//! `gradcam data`.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use gradcam_data::{Compose, Generator, compose, describe, generate, open, write};

use crate::args::{Data, DataInfo, DataMake, DataPaste};
use crate::console::Console;
use crate::exit::Exit;
use crate::protect::refuse_inside;

pub(crate) fn run(args: &Data, console: &mut Console<'_>) -> Result<Exit> {
    match args {
        Data::Info(args) => info(args, console),
        Data::Make(args) => make(args, console),
        Data::Paste(args) => paste(args, console),
    }
}

fn info(args: &DataInfo, console: &mut Console<'_>) -> Result<Exit> {
    let summary = describe(&open(&args.folder)?);
    if args.json {
        console.line(serde_json::to_string(&summary)?)?;
        return Ok(Exit::Done);
    }
    let kind = match &summary.kind {
        gradcam_data::Kind::Real => "as found".to_string(),
        gradcam_data::Kind::Synthetic {
            generator, seed, ..
        } => format!("synthetic: {generator}, seed {seed}"),
    };
    console.line(format!(
        "{}  {}, {kind}",
        summary.name,
        summary.layout.name()
    ))?;
    let splits: Vec<String> = summary
        .splits
        .iter()
        .map(|(split, count)| format!("{split:?} {count}").to_lowercase())
        .collect();
    let splits = if splits.is_empty() {
        String::new()
    } else {
        format!(" ({})", splits.join(", "))
    };
    console.line(format!("pictures     {}{splits}", summary.pictures))?;
    if let Some(sizes) = summary.sizes {
        let size = |(height, width): (usize, usize)| format!("{width} x {height}");
        let sizes = if sizes.least == sizes.most {
            size(sizes.least)
        } else {
            format!("{} to {}", size(sizes.least), size(sizes.most))
        };
        console.line(format!("sizes        {sizes}"))?;
    }
    console.line(format!(
        "objects      {} ({}), {} difficult, {} crowds",
        summary.objects,
        format!("{:?}", summary.annotation).to_lowercase(),
        summary.difficult,
        summary.crowds
    ))?;
    let missing = [
        (summary.without_class, "without a class"),
        (summary.without_objects, "without an object"),
    ];
    for (count, what) in missing.into_iter().filter(|(count, _)| *count > 0) {
        console.line(format!("             {count} pictures {what}"))?;
    }
    console.line(format!("classes      {}", summary.classes.len()))?;
    for class in &summary.classes {
        console.line(format!(
            "  {:>6}  {:<28} {:>6} pictures {:>6} objects",
            class.class.number, class.class.name, class.pictures, class.objects
        ))?;
    }
    for id in &summary.unreadable {
        console.warn(format!("`{id}` cannot be read"));
    }
    Ok(if summary.unreadable.is_empty() {
        Exit::Done
    } else {
        Exit::Error
    })
}

/// Returns the generator with this name, with some of its parameters set.
fn generator(name: &str, parameters: &[(String, String)]) -> Result<Generator> {
    let known = Generator::defaults();
    let names: Vec<&str> = known.iter().map(Generator::name).collect();
    let found = known.iter().find(|generator| generator.name() == name);
    let found = found.ok_or_else(|| {
        anyhow!(
            "unknown generator `{name}`, expected one of {}",
            names.join(", ")
        )
    })?;
    let mut value = serde_json::to_value(found)?;
    for (parameter, text) in parameters {
        let known = value.get_mut("parameters").and_then(|p| p.as_object_mut());
        let Some(place) = known.and_then(|known| known.get_mut(parameter)) else {
            let known = serde_json::to_value(found)?;
            let known = known.get("parameters").and_then(|p| p.as_object());
            let names: Vec<&str> = known
                .iter()
                .flat_map(|p| p.keys())
                .map(String::as_str)
                .collect();
            bail!(
                "the generator `{name}` has no parameter `{parameter}`; it has {}",
                names.join(", ")
            );
        };
        *place = serde_json::from_str(text).unwrap_or_else(|_| text.clone().into());
        serde_json::from_value::<Generator>(value.clone())
            .with_context(|| format!("`--set {parameter}={text}`"))?;
    }
    Ok(serde_json::from_value(value)?)
}

fn make(args: &DataMake, console: &mut Console<'_>) -> Result<Exit> {
    let generator = generator(&args.generator, &args.set)?;
    refuse_existing(&args.output)?;
    let (train, test) = (usize::try_from(args.train)?, usize::try_from(args.test)?);
    let data = generate(generator, args.seed, train, test)?;
    write(&data, &args.output)?;
    console.path(&args.output)?;
    Ok(Exit::Done)
}

fn paste(args: &DataPaste, console: &mut Console<'_>) -> Result<Exit> {
    for source in [&args.cutouts, &args.scenes] {
        refuse_inside(&args.output, source)?;
    }
    refuse_existing(&args.output)?;
    let how = Compose {
        count: usize::try_from(args.count)?,
        size: usize::try_from(args.size)?,
        distractor: !args.no_distractor,
        ..Compose::default()
    };
    compose(&args.cutouts, &args.scenes, &how, args.seed, &args.output)?;
    console.path(&args.output)?;
    Ok(Exit::Done)
}

fn refuse_existing(folder: &Path) -> Result<()> {
    if folder.exists() {
        bail!("`{}` exists; name a new folder", folder.display())
    } else {
        Ok(())
    }
}
