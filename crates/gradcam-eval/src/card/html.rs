//! The card as one HTML file.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::AutoEscape;
use minijinja::value::{Serde, Value};

use super::chart::escape;
use super::markdown::environment;
use super::view::view;
use super::{Card, Result};

/// Renders the card as one self-contained HTML file: no script, no font, no request. It supports light and dark mode, phones and print.
///
/// `artifact` returns the bytes of an artifact by its path. It is called for artifacts of the kind `picture`. PNG, JPEG, WebP and GIF are
/// embedded; if it returns `None`, the path is printed. The result depends only on the card and these bytes.
///
/// # Errors
/// [`Error::Invalid`](super::Error::Invalid); [`Error::Page`](super::Error::Page), if the built-in template does not fit the card.
pub fn render_html(card: &Card, artifact: impl Fn(&str) -> Option<Vec<u8>>) -> Result<String> {
    card.validate()?;
    let uris: BTreeMap<String, String> = card
        .pictures()
        .filter_map(|a| Some((a.path.clone(), data_uri(&artifact(&a.path)?)?)))
        .collect();
    let mut environment = environment()?;
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("prose", prose);
    environment.add_global("style", include_str!("card.css"));
    let view = view(card, &uris);
    Ok(environment.render_str(include_str!("card.html.jinja"), Serde(&view))?)
}

/// Converts text to HTML: literals between backticks become code.
fn prose(text: String) -> Value {
    let parts: Vec<String> = text.split('`').map(escape).collect();
    // An unpaired backtick stays a backtick.
    if parts.len().is_multiple_of(2) {
        return Value::from_safe_string(escape(&text));
    }
    let code = |(i, part): (usize, &String)| match i % 2 {
        0 => part.clone(),
        _ => format!("<code>{part}</code>"),
    };
    Value::from_safe_string(parts.iter().enumerate().map(code).collect())
}

/// Encodes a picture as a data URI; `None` for other formats.
fn data_uri(bytes: &[u8]) -> Option<String> {
    let kind = match bytes {
        [0x89, b'P', b'N', b'G', ..] => "png",
        [0xff, 0xd8, 0xff, ..] => "jpeg",
        [b'G', b'I', b'F', b'8', ..] => "gif",
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => "webp",
        _ => return None,
    };
    Some(format!(
        "data:image/{kind};base64,{}",
        STANDARD.encode(bytes)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_has_code() {
        let html = |text: &str| prose(text.to_string()).to_string();
        assert_eq!(html("of `a<b` & c"), "of <code>a&lt;b</code> &amp; c");
        assert_eq!(html("one ` alone <"), "one ` alone &lt;");
    }

    #[test]
    fn pictures_are_known_by_their_first_bytes() {
        let uri = |bytes: &[u8]| data_uri(bytes);
        assert_eq!(
            uri(b"\x89PNG").as_deref(),
            Some("data:image/png;base64,iVBORw==")
        );
        assert_eq!(
            uri(b"RIFF\0\0\0\0WEBP").map(|u| u.starts_with("data:image/webp")),
            Some(true)
        );
        assert_eq!(uri(b"<svg onload=\"\">"), None);
    }
}
