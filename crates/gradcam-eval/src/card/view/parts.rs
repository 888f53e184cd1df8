//! The parts of views.

use serde::Serialize;

use crate::card::number::address;
use crate::statistics::Grade;

/// A name and its text.
#[derive(Serialize)]
pub(super) struct Fact {
    name: String,
    text: String,
}

/// A grade as a key and as a word.
#[derive(Serialize)]
pub(super) struct Mark {
    key: String,
    word: String,
}

impl From<Grade> for Mark {
    fn from(grade: Grade) -> Self {
        let key = grade.to_string();
        Mark {
            word: key.replace('_', " "),
            key,
        }
    }
}

pub(super) fn fact(name: &str, text: impl Into<String>) -> Fact {
    Fact {
        name: name.to_string(),
        text: text.into(),
    }
}

/// Facts under a title.
#[derive(Serialize)]
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) facts: Vec<Fact>,
}

/// A text with an optional link.
#[derive(Serialize)]
pub(super) struct Link {
    text: String,
    address: Option<String>,
}

/// Splits a text into the sources that it names.
pub(super) fn papers(text: &str) -> Vec<Link> {
    // `doi:…, figure 2` is one source, `arXiv:…, arXiv:…` are two.
    let mut links: Vec<Link> = Vec::new();
    for part in text.split(", ") {
        match (address(part), links.last_mut()) {
            (None, Some(last)) => last.text += &format!(", {part}"),
            (address, _) => links.push(Link {
                text: part.to_string(),
                address,
            }),
        }
    }
    links
}
