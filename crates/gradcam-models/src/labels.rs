//! Names of classes.

use serde_json::Value;

/// ImageNet-1k's thousand names in the default model's wording, one per line.
const IMAGENET: &str = include_str!("imagenet.txt");

/// Returns names for a model without its own: ImageNet's for 1000 classes, else none.
pub(crate) fn of_imagenet(classes: usize) -> Vec<String> {
    match classes {
        1000 => IMAGENET.lines().map(String::from).collect(),
        _ => Vec::new(),
    }
}

/// Makes names for classes without names: `class 0`, `class 1` and so on.
pub(crate) fn numbered(classes: usize) -> Vec<String> {
    (0..classes).map(|index| format!("class {index}")).collect()
}

/// Parses names from a text, one per line, or from JSON: a list, or a map from numbers to names or from names to
/// numbers.
///
/// # Errors
/// A message if the text is neither, or numbers are missing.
pub(crate) fn parse(text: &str) -> Result<Vec<String>, String> {
    let text = text.trim_start_matches('\u{feff}').trim_end();
    if !text.trim_start().starts_with(['[', '{']) {
        return Ok(text.lines().map(|line| line.trim().to_string()).collect());
    }
    match serde_json::from_str(text).map_err(|error| error.to_string())? {
        Value::Array(names) => names
            .into_iter()
            .map(|name| match name {
                Value::String(name) => Ok(name),
                other => Err(format!("expected names, found `{other}`")),
            })
            .collect(),
        Value::Object(map) => {
            let mut numbered = map
                .into_iter()
                .map(|(key, value)| match (key.parse::<usize>(), value) {
                    (Ok(number), Value::String(name)) => Ok((number, name)),
                    // Keras: the WordNet id and the name.
                    (Ok(number), Value::Array(names)) => match names.into_iter().next_back() {
                        Some(Value::String(name)) => Ok((number, name)),
                        _ => Err(format!("class {number} has no name")),
                    },
                    (_, Value::Number(number)) => match number.as_u64() {
                        Some(number) => Ok((number as usize, key)),
                        None => Err(format!("expected a class's number, found `{number}`")),
                    },
                    (_, other) => Err(format!(
                        "expected numbers with names, found `{key}` with `{other}`"
                    )),
                })
                .collect::<Result<Vec<_>, _>>()?;
            numbered.sort();
            match numbered.iter().enumerate().find(|(i, (n, _))| i != n) {
                Some((i, _)) => Err(format!("no name has the number {i}")),
                None => Ok(numbered.into_iter().map(|(_, name)| name).collect()),
            }
        }
        other => Err(format!(
            "expected a list or a map of names, found `{other}`"
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{numbered, of_imagenet, parse};

    #[test]
    fn names_are_read_from_lines_and_json() {
        let wanted = ["cat", "a dog"];
        for text in [
            "cat\na dog\n",
            "\u{feff}cat\r\na dog\r\n\r\n",
            r#"["cat", "a dog"]"#,
            r#"{"1": "a dog", "0": "cat"}"#,
            r#"{"a dog": 1, "cat": 0}"#,
        ] {
            assert_eq!(parse(text).unwrap(), wanted, "{text}");
        }
        assert!(
            parse(r#"{"0": "cat", "2": "a dog"}"#)
                .unwrap_err()
                .contains("number 1")
        );
        assert!(parse("[1]").unwrap_err().contains("`1`"));
        assert!(parse("[").is_err());
    }

    #[test]
    fn there_is_a_name_for_every_class() {
        assert_eq!(of_imagenet(1000)[285], "Egyptian cat");
        assert!(of_imagenet(2).is_empty());
        assert_eq!(numbered(2), ["class 0", "class 1"]);
    }
}
