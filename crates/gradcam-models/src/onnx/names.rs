//! Class names as Python writes a dictionary.

/// Reads a dictionary of numbers and texts, such as Ultralytics' `{0: 'cat', 1: "dog's"}`, sorted by number. `None` if it is not one, or the
/// numbers do not count from 0.
pub(crate) fn dictionary(text: &str) -> Option<Vec<String>> {
    let mut rest = text.trim().strip_prefix('{')?.trim_start();
    let mut names = Vec::new();
    while !rest.starts_with('}') {
        let (number, after) = rest.split_once(':')?;
        let number: usize = number.trim().parse().ok()?;
        let (name, after) = quoted(after.trim_start())?;
        names.push((number, name));
        rest = after.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    names.sort();
    let counts = names
        .iter()
        .enumerate()
        .all(|(i, (number, _))| i == *number);
    (counts && !names.is_empty()).then(|| names.into_iter().map(|(_, name)| name).collect())
}

/// Reads a quoted text at the beginning, and returns the rest.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut name = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => name.push(letters.next()?.1),
            c if c == quote => return Some((name, &text[at + quote.len_utf8()..])),
            c => name.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::dictionary;

    #[test]
    fn names_are_read_in_their_order() {
        let found = dictionary(r#"{1: "dog's", 0: 'cat', 2: 'a\'b'}"#);
        assert_eq!(
            found,
            Some(vec!["cat".into(), "dog's".into(), "a'b".into()])
        );
        for wrong in [
            "",
            "{}",
            "{0: cat}",
            "{0: 'cat'",
            "{1: 'dog'}",
            "['cat']",
            "{0: 'cat",
        ] {
            assert_eq!(dictionary(wrong), None, "{wrong}");
        }
    }
}
