//! Text from elsewhere (file names, labels, system messages), escaped so that a terminal shows it and does nothing else.

use std::borrow::Cow;

/// The beginning of a hint, which stands below its message, after an empty line.
const HINT: &str = "\n\nhint: ";

/// Whether a character moves, hides, colours or reverses its surroundings: C0, DEL and C1, the line and paragraph separators, and the
/// marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX #9, table 4).
fn acts(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Puts the text on one line, with characters that act on a terminal escaped as in JSON (`\n`, `\u001b`). JSON keeps its meaning.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            // None of them needs more than four digits.
            letter if acts(letter) => shown.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// Puts a message on one line, and its hint, if any, on another.
pub(crate) fn message(text: &str) -> String {
    match text.rsplit_once(HINT) {
        Some((message, hint)) => format!("{}{HINT}{}", line(message), line(hint)),
        None => line(text).into_owned(),
    }
}

/// Escapes a text of our own with several lines.
pub(crate) fn lines(text: &str) -> String {
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(line).collect();
    lines.join("\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_written_out() {
        for plain in ["cat.png", "Łódź – 猫 👩‍🚀", "C:\\cats\\a.png", "¬ \u{a0}é"] {
            assert_eq!(line(plain), plain);
        }
        assert_eq!(
            line("a\x1b[31m\n\r\tb\x7f"),
            "a\\u001b[31m\\n\\r\\tb\\u007f"
        );
        assert_eq!(
            line("\u{9b}2J\u{202e}gnp.\u{2066}"),
            "\\u009b2J\\u202egnp.\\u2066"
        );
        assert_eq!(
            line("\0\u{85}\u{2028}\u{2029}"),
            "\\u0000\\u0085\\u2028\\u2029"
        );
    }

    #[test]
    fn a_hint_keeps_its_line() {
        let text = "`a\nb` exists\n\nhint: `--force` replaces\nit";
        assert_eq!(
            message(text),
            "`a\\nb` exists\n\nhint: `--force` replaces\\nit"
        );
        assert_eq!(message("a\n\nb"), "a\\n\\nb");
        assert_eq!(lines("a\x07\nb"), "a\\u0007\nb");
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({"name": "a\x1b\n\u{7f}\u{9b}\u{202e}\u{2028}\"\\"});
        let shown = line(&value.to_string()).into_owned();
        assert!(!shown.contains(acts), "{shown:?}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            value
        );
    }
}
