//! The card as Markdown.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::view::view;
use super::{Card, Result};

/// Renders the card as Markdown with tables (GitHub's dialect), for a README or a model card. Links to pictures and files are relative to
/// the card's folder. The result depends only on the card.
///
/// # Errors
/// [`Error::Invalid`](super::Error::Invalid); [`Error::Page`](super::Error::Page), if the built-in template does not fit the card.
pub fn render_markdown(card: &Card) -> Result<String> {
    card.validate()?;
    let mut environment = environment()?;
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.add_filter("cell", cell);
    let view = view(card, &BTreeMap::new());
    Ok(environment.render_str(include_str!("card.md.jinja"), Serde(&view))?)
}

/// Returns the template engine with the settings of both pages.
pub(super) fn environment<'a>() -> Result<Environment<'a>> {
    let mut environment = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    syntax
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true);
    environment.set_syntax(syntax.build()?);
    environment.add_filter("target", target);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    Ok(environment)
}

/// Encodes a path as a link target: characters with a meaning in addresses or in either page are percent-encoded.
fn target(path: String) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let encode = |byte: u8| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    path.bytes().map(encode).collect()
}

/// Prepares the card's text for Markdown: on one line, with the characters of tables and HTML escaped.
fn cell(text: String) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('|', "\\|")
}
