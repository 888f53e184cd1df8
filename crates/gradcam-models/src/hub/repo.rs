//! Repository names, as users write them.

use std::fmt;
use std::str::FromStr;

use super::error::HubError;

/// The default branch.
const DEFAULT_REVISION: &str = "main";

/// A model repository, optionally pinned to a revision; written `OWNER/NAME` or `OWNER/NAME@REVISION`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Repo {
    /// `OWNER/NAME`, for example `timm/resnet50.a1_in1k`.
    pub id: String,
    /// A branch, a tag or a commit hash; `None` for the branch `main`.
    pub revision: Option<String>,
}

impl Repo {
    /// Returns the pinned revision, or `main`.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or(DEFAULT_REVISION)
    }
}

impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        self.revision.iter().try_for_each(|r| write!(f, "@{r}"))
    }
}

impl FromStr for Repo {
    type Err = HubError;

    /// Parses `OWNER/NAME[@REVISION]`, by the hub's rules for names and git's for revisions.
    ///
    /// # Errors
    /// [`HubError::BadRepo`] with the rule that the text breaks.
    fn from_str(text: &str) -> Result<Self, HubError> {
        let bad = |reason| HubError::BadRepo {
            text: text.to_string(),
            reason,
        };
        let (id, revision) = match text.split_once('@') {
            Some((id, revision)) => (id, Some(revision)),
            None => (text, None),
        };
        let Some((owner, name)) = id.split_once('/') else {
            return Err(bad("expected `OWNER/NAME` or `OWNER/NAME@REVISION`"));
        };
        for part in [owner, name] {
            if part.is_empty() || part.len() > 96 {
                return Err(bad("owner and name have 1 to 96 characters"));
            }
            if !part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            {
                return Err(bad(
                    "owner and name hold letters, digits, `-`, `_` and `.` only",
                ));
            }
            if part.starts_with(['-', '.'])
                || part.ends_with(['-', '.'])
                || part.contains("--")
                || part.contains("..")
            {
                return Err(bad(
                    "no `-` or `.` at the ends of owner and name, and no `--` or `..` in them",
                ));
            }
        }
        // The revision becomes a path under `refs/`: git's own rules keep it there.
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || "\\~^:?*[".contains(c);
        match revision {
            Some("") => return Err(bad("the revision after `@` is empty")),
            Some(r)
                if r.contains(forbidden)
                    || r.split('/')
                        .any(|part| part.is_empty() || part.contains("..")) =>
            {
                return Err(bad("the revision is not a branch, tag or commit name"));
            }
            _ => {}
        }
        Ok(Self {
            id: id.to_string(),
            revision: revision.map(str::to_string),
        })
    }
}

/// Checks whether `text` is a full commit hash.
pub(super) fn is_commit(text: &str) -> bool {
    is_hex(text, 40)
}

/// Checks whether `text` has exactly this number of lower-case hexadecimal digits.
pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
