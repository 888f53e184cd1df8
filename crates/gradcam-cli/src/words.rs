//! Translates serde's messages on files, and Rust's on numbers, into plain words.
//!
//! The libraries pass serde's messages on, since their callers know its terms. The authors of a `config.json` or of annotations need not.

/// Rust's types, and their names in plain words.
const TYPES: [(&str, &str); 18] = [
    ("usize", "a whole number from 0"),
    ("u8", "a whole number from 0 to 255"),
    ("u16", "a whole number from 0 to 65535"),
    ("u32", "a whole number from 0"),
    ("u64", "a whole number from 0"),
    ("isize", "a whole number"),
    ("i8", "a whole number"),
    ("i16", "a whole number"),
    ("i32", "a whole number"),
    ("i64", "a whole number"),
    ("f32", "a number"),
    ("f64", "a number"),
    ("a string", "a text"),
    ("a borrowed string", "a text"),
    ("a boolean", "`true` or `false`"),
    ("a sequence", "a list"),
    ("a map", "an object"),
    ("unit", "`null`"),
];

/// serde's names for what was found, and plain ones.
const FOUND: [(&str, &str); 8] = [
    ("string ", "the text "),
    ("integer ", "the number "),
    ("floating point ", "the number "),
    ("boolean ", ""),
    ("sequence,", "a list,"),
    ("map,", "an object,"),
    ("null,", "`null`,"),
    ("unit value,", "`null`,"),
];

/// Other phrases.
const PHRASES: [(&str, &str); 9] = [
    ("unknown variant `", "unknown word `"),
    ("missing field `", "no field `"),
    ("EOF while parsing ", "the text ends inside "),
    ("expected value at line", "expected JSON at line"),
    ("expected ident at line", "expected JSON at line"),
    ("invalid digit found in string", "expected a whole number"),
    (
        "cannot parse integer from empty string",
        "expected a whole number",
    ),
    ("invalid float literal", "expected a number"),
    (
        "number too large to fit in target type",
        "the number is too large",
    ),
];

/// Rewrites the message in plain words.
pub(crate) fn plain(message: &str) -> String {
    let mut said = message.to_string();
    for kind in ["invalid type: ", "invalid value: "] {
        for (name, plain) in FOUND {
            said = said.replace(&format!("{kind}{name}"), &format!("found {plain}"));
        }
    }
    for (name, plain) in TYPES {
        said = word(
            &said,
            &format!("expected {name}"),
            &format!("expected {plain}"),
        );
    }
    // After these words serde names a type of the program.
    for (begins, plain) in [
        ("expected struct ", "expected an object"),
        ("expected internally tagged enum ", "expected an object"),
        ("expected tuple struct ", "expected a list"),
        (
            "data did not match any variant of untagged enum ",
            "the value has none of the forms that it may have",
        ),
    ] {
        while let Some(start) = said.find(begins) {
            let name = &said[start + begins.len()..];
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
            let end = start + begins.len() + end.unwrap_or(name.len());
            said.replace_range(start..end, plain);
        }
    }
    for (phrase, plain) in PHRASES {
        said = said.replace(phrase, plain);
    }
    // A list instead of an object: its entries would be the fields.
    said = said.replace(
        "invalid length 0, expected an object",
        "found an empty list, expected an object",
    );
    // Some messages already begin with what was found.
    said.replace("found found ", "found ")
}

/// Replaces each `from` in `text` by `to`, unless a longer word begins there.
fn word(text: &str, from: &str, to: &str) -> String {
    let mut parts = text.split(from);
    let mut said = parts.next().unwrap_or_default().to_string();
    for part in parts {
        // `a map of (7, 7) rows` is a text of our own; serde's ends there.
        let longer =
            part.starts_with(|c: char| c.is_alphanumeric() || c == '_') || part.starts_with(" of ");
        said.push_str(if longer { from } else { to });
        said.push_str(part);
    }
    said
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn types_are_said_in_plain_words() {
        #[derive(Debug, serde::Deserialize)]
        #[allow(dead_code)]
        struct Fields {
            classes: Option<usize>,
            share: Option<f64>,
            names: Option<Vec<String>>,
            crop: Option<bool>,
            form: Option<Form>,
            way: Option<Way>,
            deep: Option<Box<Fields>>,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(untagged)]
        #[allow(dead_code)]
        enum Form {
            One(u8),
            Two([u8; 2]),
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Way {
            Up,
            Down,
        }
        for (text, expected) in [
            (
                r#"{"classes": "ten"}"#,
                r#"found the text "ten", expected a whole number from 0"#,
            ),
            (
                r#"{"classes": -1}"#,
                "found the number `-1`, expected a whole number from 0",
            ),
            (
                r#"{"classes": 1.5}"#,
                "found the number `1.5`, expected a whole number from 0",
            ),
            (r#"{"share": [1]}"#, "found a list, expected a number"),
            (r#"{"names": {}}"#, "found an object, expected a list"),
            (r#"{"names": [null]}"#, "found `null`, expected a text"),
            (
                r#"{"crop": 1}"#,
                "found the number `1`, expected `true` or `false`",
            ),
            (
                r#"{"form": "x"}"#,
                "the value has none of the forms that it may have",
            ),
            (
                r#"{"way": "left"}"#,
                "unknown word `left`, expected `up` or `down`",
            ),
            (r#"{"deep": true}"#, "found `true`, expected an object"),
            (r#"{"names": ["#, "the text ends inside a list"),
            ("names", "expected JSON"),
        ] {
            let said = serde_json::from_str::<Fields>(text)
                .unwrap_err()
                .to_string();
            let found = plain(&said);
            assert!(
                found.starts_with(&format!("{expected} at line 1")),
                "{said}: {found}"
            );
        }
    }

    #[test]
    fn other_texts_stay() {
        for text in [
            "expected u8x.png, a unit",
            "`--top`: expected 5",
            "expected a mapping",
        ] {
            assert_eq!(plain(text), text);
        }
        assert_eq!(plain("expected usize"), "expected a whole number from 0");
    }
}
