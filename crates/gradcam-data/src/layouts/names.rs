//! The names of YOLO's classes: `names` of `data.yaml`, or `classes.txt` with a name a line.
//!
//! Two keys of the YAML are read. `names` is a list or a map from numbers, in either of YAML's styles; each name is plain or quoted and in one line.
//! `nc` is their number. Any other form of these two is an error, and all other keys are skipped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::{Class, Error, Result, files};

/// The text file with one name per line; some tools put it into `labels`.
pub(super) const TEXT: &str = "classes.txt";
/// The most bytes of a file of names.
const LIMIT: u64 = 16 << 20;
/// The form of `names` that is read.
const FORM: &str =
    "`names` as a list, or a map from numbers, of plain or quoted names in one line each";

type Names = BTreeMap<usize, String>;

/// Reads the classes of a data set, by number.
pub(super) fn read(root: &Path) -> Result<BTreeMap<usize, Class>> {
    let there = |names: &[&str]| files::first(names.iter().map(|name| root.join(name)));
    let names = if let Some(path) = there(&["data.yaml", "data.yml"]) {
        yaml(&path)?
    } else if let Some(path) = there(&[TEXT]).or_else(|| there(&["labels/classes.txt"])) {
        lines(&path)?
    } else {
        let expected = "`data.yaml` with `names`, or `classes.txt` with a name a line";
        return Err(Error::annotation(root, "", expected, "no such file"));
    };
    let class = |(number, name): (usize, String)| {
        let name = name.into();
        (number, Class { number, name })
    };
    Ok(names.into_iter().map(class).collect())
}

fn lines(path: &Path) -> Result<Names> {
    let text = files::text_within(path, LIMIT)?;
    let mut names = Names::new();
    for (i, line) in text.trim_end().lines().enumerate() {
        let name = line.trim().to_string();
        if name.is_empty() {
            let at = files::at_line(i + 1);
            return Err(Error::annotation(path, at, "a name", "an empty line"));
        }
        names.insert(i, name);
    }
    if names.is_empty() {
        return Err(Error::annotation(path, "", "a name a line", "nothing"));
    }
    Ok(names)
}

fn yaml(path: &Path) -> Result<Names> {
    let text = files::text_within(path, LIMIT)?;
    let text = text.trim_start_matches('\u{feff}');
    let found = |key: &str| {
        let mut found = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            if line.starts_with(key) {
                found.push(start + key.len());
            }
            start += line.len();
        }
        found
    };
    let yaml = Yaml {
        path: path.to_path_buf(),
        text,
    };
    let names = match found("names:")[..] {
        [at] => yaml.names(at)?,
        [] => return Err(Error::annotation(path, "", FORM, "no key `names`")),
        [_, again, ..] => return Err(yaml.wrong(&text[again..], "`names` once")),
    };
    for at in found("nc:") {
        let rest = &text[at..];
        let count = scalar(rest.trim_start_matches([' ', '\t']), &[]);
        if count.is_none_or(|(count, _)| count != names.len().to_string()) {
            let expected = format!("`nc: {}`, the number of `names`", names.len());
            return Err(yaml.wrong(rest, &expected));
        }
    }
    Ok(names)
}

struct Yaml<'a> {
    path: PathBuf,
    text: &'a str,
}

impl<'a> Yaml<'a> {
    /// Reports the line in which `rest`, the end of the text, begins.
    fn wrong(&self, rest: &str, expected: &str) -> Error {
        let before = &self.text[..self.text.len() - rest.len()];
        let line = before.matches('\n').count();
        let found = self.text.lines().nth(line).unwrap_or_default().trim();
        Error::annotation(
            &self.path,
            files::at_line(line + 1),
            expected,
            files::quoted(found),
        )
    }

    /// Reads the names whose key ends at byte `at`.
    fn names(&self, at: usize) -> Result<Names> {
        let rest = &self.text[at..];
        let value = rest.trim_start_matches([' ', '\t']);
        let names = match value.chars().next() {
            Some('[') => self.flow(&value[1..], ']')?,
            Some('{') => self.flow(&value[1..], '}')?,
            None | Some('\n' | '\r' | '#') => {
                let line_end = value.find('\n').map_or("", |end| &value[end + 1..]);
                self.block(line_end)?
            }
            Some(_) => return Err(self.wrong(rest, FORM)),
        };
        if names.is_empty() {
            return Err(self.wrong(rest, FORM));
        }
        Ok(names)
    }

    /// Reads `a, b]` or `0: a, 1: b}`, in one line or several.
    fn flow(&self, mut rest: &'a str, close: char) -> Result<Names> {
        let ends = [',', ']', '}', '[', '{'];
        let mut names = Names::new();
        loop {
            rest = skip(rest);
            if rest.starts_with(close) {
                return Ok(names);
            }
            let start = rest;
            let wrong = || self.wrong(start, FORM);
            let mut number = names.len();
            if close == '}' {
                let (key, value) = rest.split_once(':').ok_or_else(wrong)?;
                number = key_number(key).ok_or_else(wrong)?;
                rest = skip(value);
            }
            let (name, after) = scalar(rest, &ends).ok_or_else(wrong)?;
            self.insert(&mut names, number, name, start)?;
            rest = skip(after);
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None if rest.starts_with(close) => {}
                None => return Err(wrong()),
            }
        }
    }

    /// Reads `- a` or `0: a`, each in a line of its own.
    fn block(&self, rest: &'a str) -> Result<Names> {
        let mut names = Names::new();
        let mut first = None;
        let mut start = rest;
        for line in rest.split_inclusive('\n') {
            let here = start;
            start = &start[line.len()..];
            let line = line.trim_end();
            let content = line.trim_start();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let item = content.strip_prefix("- ");
            let indent = line.len() - content.len();
            if indent == 0 && item.is_none() {
                break;
            }
            let wrong = || self.wrong(here, FORM);
            if *first.get_or_insert((indent, item.is_some())) != (indent, item.is_some()) {
                return Err(wrong());
            }
            let (number, value) = match item {
                Some(value) => (names.len(), value),
                None => {
                    let (key, value) = content.split_once(": ").ok_or_else(wrong)?;
                    (key_number(key).ok_or_else(wrong)?, value)
                }
            };
            let (name, after) = scalar(value.trim_start(), &[]).ok_or_else(wrong)?;
            if !skip(after).is_empty() {
                return Err(wrong());
            }
            self.insert(&mut names, number, name, here)?;
        }
        Ok(names)
    }

    fn insert(&self, names: &mut Names, number: usize, name: String, rest: &str) -> Result<()> {
        match names.insert(number, name) {
            None => Ok(()),
            Some(_) => Err(self.wrong(rest, &format!("one name of the number {number}"))),
        }
    }
}

fn key_number(key: &str) -> Option<usize> {
    key.trim().trim_matches(['\'', '"']).parse().ok()
}

/// Skips white space and comments.
fn skip(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        if !text.starts_with('#') {
            return text;
        }
        text = text.find('\n').map_or("", |end| &text[end..]);
    }
}

/// Reads the name at the beginning of a text, and returns it with the rest; `None` if it has another form. A plain name ends before a comment, one of
/// `ends` or the end of its line.
fn scalar<'t>(text: &'t str, ends: &[char]) -> Option<(String, &'t str)> {
    let quote = text.chars().next()?;
    if !['\'', '"'].contains(&quote) {
        let line = text.lines().next()?;
        let comment = line.find(" #").unwrap_or(line.len());
        let end = line.find(ends).unwrap_or(line.len()).min(comment);
        let plain = text[..end].trim_end();
        let special = plain.is_empty() || plain.starts_with(SPECIAL);
        let nested = plain.contains(": ") || plain.ends_with(':') || plain.starts_with("- ");
        return (!special && !nested).then(|| (plain.to_string(), &text[end..]));
    }
    let mut found = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        match c {
            '\n' => return None,
            '\\' if quote == '"' => match chars.next()?.1 {
                c @ ('"' | '\\') => found.push(c),
                _ => return None,
            },
            // A doubled apostrophe is one.
            '\'' if quote == '\'' && chars.next_if(|(_, next)| *next == quote).is_some() => {
                found.push(quote);
            }
            c if c == quote => return Some((found, &text[i + 1..])),
            c => found.push(c),
        }
    }
    None
}

/// The characters with which a plain name cannot begin.
const SPECIAL: [char; 15] = [
    '[', ']', '{', '}', ',', '#', '&', '*', '!', '|', '>', '%', '@', '`', '?',
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fixtures::files_in;

    fn names(yaml: &str) -> std::result::Result<Vec<(usize, String)>, String> {
        let dir = files_in(&[("data.yaml", yaml)]);
        let read = read(dir.path()).map_err(|error| error.to_string())?;
        Ok(read
            .into_iter()
            .map(|(number, class)| (number, class.name.to_string()))
            .collect())
    }

    #[test]
    fn every_usual_form_is_read() {
        let expected = [(0, "cat".to_string()), (1, "traffic light".to_string())];
        for yaml in [
            "names: [cat, traffic light]",
            "\u{feff}# A set\r\npath: ../x\r\nnames: ['cat', \"traffic light\"] # two\r\nnc: 2\r\n",
            "nc: 2 # classes\nnames: [\n  cat, # the first\n  'traffic light',\n]\ndownload: |\n  nc: 7\n",
            "names:\n  - cat\n  - traffic light # red\n\n# The end\nnc: 2\n",
            "names:\n- 'cat'\n- traffic light\nval: images/val\n",
            "names: # by number\n  0: cat\n  1: \"traffic light\"\n",
            "names: {0: cat, 1: traffic light}",
            "names: {1: 'traffic light',\n  '0': cat}\n---\n",
        ] {
            assert_eq!(names(yaml).as_deref(), Ok(&expected[..]), "{yaml}");
        }
        let quoted = names("names: ['it''s, a]', \"a \\\"b\\\" # c\", d#e]").unwrap();
        let quoted: Vec<&str> = quoted.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(quoted, ["it's, a]", "a \"b\" # c", "d#e"]);
        assert_eq!(names("names:\n  3: a\n  9: b").unwrap()[1], (9, "b".into()));
    }

    #[test]
    fn any_other_form_is_an_error_with_its_line() {
        for (yaml, line) in [
            ("nc: 1\n", 0),
            ("nc: 3\nnames: [a, b]\n", 1),
            ("names: [a]\nnames: [b]\n", 2),
            ("names: cat\n", 1),
            ("names: *all\n", 1),
            ("names: []\n", 1),
            ("names:\n", 1),
            ("names: [a, b\nnc: 2\n", 1),
            ("names: [a, [b]]\n", 1),
            ("names: [a,\n  &x b]\n", 2),
            ("names: ['a]\n", 1),
            ("names: [\"\\x41\"]\n", 1),
            ("names: {a: 0}\n", 1),
            ("names: {0: a, 0: b}\n", 1),
            ("names: {0: a", 1),
            ("names:\n  - a\n  0: b\n", 3),
            ("names:\n  0: a\n    x: b\n", 3),
            ("names:\n  0: a\n  0: b\n", 3),
            ("names:\n  0:\n    name: a\n", 2),
            ("names:\n  - a: b\n", 2),
            ("names:\n  - 'a' b\n", 2),
            ("names:\n  - |\n", 2),
            ("names:\n  -1: a\n", 2),
        ] {
            let error = names(yaml).unwrap_err();
            assert!(error.contains("data.yaml`"), "{error}");
            let at = format!("line {line}:");
            assert_eq!(error.contains(&at), line > 0, "{yaml}: {error}");
        }
    }

    #[test]
    fn a_text_has_a_name_a_line() {
        let read = |text: &str| {
            let dir = files_in(&[("labels/classes.txt", text)]);
            read(dir.path()).map_err(|error| error.to_string())
        };
        let found = read("cat\r\ntraffic light \n\n").unwrap();
        assert_eq!(
            (&*found[&0].name, &*found[&1].name),
            ("cat", "traffic light")
        );
        assert!(read("cat\n\ndog").unwrap_err().contains("line 2"));
        assert!(read(" \n").unwrap_err().contains("found nothing"));
    }
}
