//! Fetches models from the hub into the cache shared with Python's client.
#![allow(clippy::print_stdout)]

use anyhow::{Result, bail};
use xshell::{Shell, cmd};

use crate::dist::binary;

/// Fetches `names`, or every network with a repository if `names` is empty. Listing a model's layers loads the model, which fetches and
/// checks it.
pub(crate) fn run(sh: &Shell, names: &[String]) -> Result<()> {
    let binary = binary(sh)?;
    let table = cmd!(sh, "{binary} models").quiet().read()?;
    let known: Vec<(&str, &str)> = table
        .lines()
        .filter_map(|line| {
            let (name, repository) = (line.split(' ').next()?, line.split(' ').next_back()?);
            repository.starts_with("hf:").then_some((name, repository))
        })
        .collect();
    let mut wanted = Vec::new();
    for name in names {
        match known.iter().find(|(known, _)| known == name) {
            Some((_, repository)) => wanted.push(*repository),
            None if name.starts_with("hf:") => wanted.push(name),
            None => bail!("no repository is known for `{name}`; `gradcam models` lists them"),
        }
    }
    if names.is_empty() {
        wanted = known.iter().map(|(_, repository)| *repository).collect();
    }
    for repository in wanted {
        println!("{repository}");
        cmd!(sh, "{binary} layers {repository}")
            .quiet()
            .ignore_stdout()
            .run()?;
    }
    Ok(())
}
