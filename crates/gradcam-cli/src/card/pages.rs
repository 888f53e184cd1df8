//! A card's file, its pictures and its pages.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use gradcam_eval::card::{Artifact, Card, render_html, render_markdown};
use gradcam_models::{bounded, sha256};

use super::place::PAGES;

/// The largest card or picture to read, in bytes.
const MOST: u64 = 256 << 20;

/// Reads a card.
pub(crate) fn load(path: &Path) -> Result<Card> {
    let text =
        bounded::text(path, MOST).with_context(|| format!("cannot read `{}`", path.display()))?;
    Card::from_json(&text).with_context(|| format!("`{}`", path.display()))
}

/// Reads a card's pictures, which lie in `folder`.
pub(crate) fn beside(card: &Card, folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let named: Vec<&Artifact> = card.pictures().collect();
    let mut found = BTreeMap::new();
    let mut missing = Vec::new();
    for picture in &named {
        let path = folder.join(&picture.path);
        let read =
            bounded::file(&path, MOST).with_context(|| format!("cannot read `{}`", path.display()));
        match read {
            Ok(bytes) if sha256(&bytes) == picture.sha256 => {
                found.insert(picture.path.clone(), bytes);
            }
            Ok(_) => missing.push(format!("`{}` is another picture", picture.path)),
            Err(error) => missing.push(format!("{error:#}")),
        }
    }
    if let Some(first) = missing.first() {
        bail!(
            "{} of the card's {} pictures are not beside it: {first}\n\nhint: render the card in the folder where it was measured; \
             `--no-pictures` only names them",
            missing.len(),
            named.len()
        );
    }
    Ok(found)
}

/// Renders the pages of a card: their names and bytes.
pub(crate) fn pages(
    card: &Card,
    pictures: &BTreeMap<String, Vec<u8>>,
) -> Result<[(String, Vec<u8>); 2]> {
    let html = render_html(card, |path| pictures.get(path).cloned())?;
    let pages = [render_markdown(card)?, html];
    let [markdown, html] = pages.map(String::into_bytes);
    let [first, second] = PAGES.map(str::to_string);
    Ok([(first, markdown), (second, html)])
}
