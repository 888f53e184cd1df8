//! The files that a search through folders skips, and their summary.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::Path;

use gradcam_models::picture::has_ending;

/// The reason why a file is skipped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// This program made it.
    Own,
    /// A picture in an unsupported format.
    Unsupported(&'static str),
    /// Not a picture, judging by its ending.
    Ending(String),
    /// It has no ending, or an implausible one.
    Other,
    /// A link to a folder, which may form a cycle.
    LinkedFolder,
    /// A link to a missing file.
    BrokenLink,
    /// A pipe, a socket or a device.
    Special,
}

/// The endings of unsupported formats, and their names.
const UNSUPPORTED: [(&str, &str); 6] = [
    ("avif", "AVIF"),
    ("heic", "HEIC"),
    ("heif", "HEIC"),
    ("hif", "HEIC"),
    ("jxl", "JPEG XL"),
    ("jxls", "JPEG XL"),
];

/// The longest ending that is listed; a longer one is a name with a dot in it.
const LONGEST: usize = 12;

impl Kind {
    /// Returns why a file in a folder is skipped; `None` for a picture.
    pub(crate) fn of(path: &Path) -> Option<Kind> {
        if path.is_dir() {
            return Some(Kind::LinkedFolder);
        }
        if !path.exists() {
            return Some(Kind::BrokenLink);
        }
        if !path.is_file() {
            return Some(Kind::Special);
        }
        if has_ending(path) {
            return Kind::own(path);
        }
        let ending = path.extension().and_then(|ending| ending.to_str());
        let ending = ending.map(str::to_ascii_lowercase).unwrap_or_default();
        let known = UNSUPPORTED.iter().find(|(known, _)| *known == ending);
        let plain = !ending.is_empty() && ending.len() <= LONGEST;
        Some(match known {
            Some((_, name)) => Kind::Unsupported(name),
            None if plain && ending.chars().all(char::is_alphanumeric) => Kind::Ending(ending),
            None => Kind::Other,
        })
    }

    /// Returns [`Kind::Own`] for a picture that this program made, judging by the file's note or by its name.
    pub(crate) fn own(path: &Path) -> Option<Kind> {
        let says = || File::open(path).ok().and_then(gradcam_viz::note).is_some();
        (is_named_so(path) || says()).then_some(Kind::Own)
    }
}

/// Whether a file is called `NAME.gradcam.png` or `NAME.gradcam.TARGET.png`, like outputs without a folder of their own.
fn is_named_so(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut parts = name.rsplit('.');
    parts.next() == Some("png")
        && parts.by_ref().take(2).any(|part| part == "gradcam")
        && parts.next().is_some()
}

/// The number of skipped files of each kind.
#[derive(Debug, Default)]
pub(crate) struct Skipped(BTreeMap<Kind, usize>);

impl Skipped {
    pub(crate) fn add(&mut self, kind: Kind) {
        *self.0.entry(kind).or_insert(0) += 1;
    }

    pub(crate) fn count(&self) -> usize {
        self.0.values().sum()
    }

    /// Advises on pictures in unsupported formats.
    pub(crate) fn advice(&self) -> Vec<String> {
        let unsupported = self.0.iter().filter_map(|(kind, count)| match kind {
            Kind::Unsupported(name) => Some((name, count)),
            Kind::Own
            | Kind::Ending(_)
            | Kind::Other
            | Kind::LinkedFolder
            | Kind::BrokenLink
            | Kind::Special => None,
        });
        unsupported
            .map(|(name, count)| {
                let files = if *count == 1 { "file is" } else { "files are" };
                format!("{count} {name} {files} skipped: {name} is not supported; convert to PNG or JPEG first")
            })
            .collect()
    }
}

/// Writes `4 skipped (3 made by gradcam, 1 .txt)`.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<String> = self
            .0
            .iter()
            .map(|(kind, count)| (kind, count, if *count == 1 { "" } else { "s" }))
            .map(|(kind, count, s)| match kind {
                Kind::Own => format!("{count} made by gradcam"),
                Kind::Unsupported(name) => format!("{count} {name}"),
                Kind::Ending(ending) => format!("{count} .{ending}"),
                Kind::Other => format!("{count} without an ending"),
                Kind::LinkedFolder => format!("{count} linked folder{s}"),
                Kind::BrokenLink => format!("{count} broken link{s}"),
                Kind::Special => format!("{count} special file{s}"),
            })
            .collect();
        write!(f, "{} skipped", self.count())?;
        if kinds.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", kinds.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_known_by_their_names() {
        for (name, own) in [
            ("cat.gradcam.png", true),
            ("cat.gradcam.top2.png", true),
            ("cat.v2.gradcam.tiger-cat.png", true),
            ("gradcam.png", false),
            ("gradcam.v2.png", false),
            ("cat.gradcam.jpg", false),
            ("cat.gradcam.a.b.png", false),
            ("my-gradcam.png", false),
        ] {
            assert_eq!(is_named_so(Path::new(name)), own, "{name}");
        }
    }

    #[test]
    fn kinds_are_counted_and_named() {
        let mut skipped = Skipped::default();
        assert_eq!(skipped.to_string(), "0 skipped");
        for ending in ["txt", "csv", "txt"] {
            skipped.add(Kind::Ending(ending.to_string()));
        }
        skipped.add(Kind::Unsupported("HEIC"));
        skipped.add(Kind::Own);
        let said = "5 skipped (1 made by gradcam, 1 HEIC, 1 .csv, 2 .txt)";
        assert_eq!(skipped.to_string(), said);
        assert_eq!(skipped.advice().len(), 1);
    }
}
