//! `gradcam card train`.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};

use crate::args::CardTrain;
use crate::card::networks::{EPOCHS, bytes, recipes, train_one};
use crate::console::{Console, Unit};
use crate::exit::Exit;
use crate::files::{FORCE, check_free, check_place, folder_of, write};
use crate::interruption::flow;

pub(super) fn run(
    args: &CardTrain,
    console: &mut Console<'_>,
    interrupted: &AtomicBool,
) -> Result<Exit> {
    check_free([&args.output], args.force, FORCE)?;
    check_place(folder_of(&args.output))?;
    let recipes = recipes();
    let mut trained = Vec::with_capacity(recipes.len());
    let bar = console.bar((recipes.len() * EPOCHS) as u64, Unit::Epochs);
    for (number, recipe) in recipes.into_iter().enumerate() {
        bar.set_message(recipe.name.clone());
        let found = train_one(&recipe, number as u64, &mut |progress| {
            if progress.step == progress.steps {
                bar.inc(1);
            }
            flow(interrupted)
        })?;
        if interrupted.load(Ordering::SeqCst) {
            bar.abandon();
            bail!("interrupted while training; nothing was written");
        }
        console.note(format!(
            "{}: accuracy {:.1} % on training pictures, {:.1} % on test pictures",
            recipe.name,
            100.0 * found.train_accuracy,
            100.0 * found.test_accuracy.unwrap_or_default()
        ));
        trained.push((recipe.name, found));
    }
    bar.finish_and_clear();
    write(&args.output, &bytes(&trained)?, args.force)?;
    console.path(&args.output)?;
    Ok(Exit::Done)
}
