//! Model files from the Hugging Face hub.
//!
//! A model is two files of a repository, `config.json` and `model.safetensors`; those of Hugging Face transformers may
//! have a `preprocessor_config.json` beside them, and a whole CLIP a `tokenizer.json`, which is fetched for the feature
//! `text`. [`Hub::fetch`] answers with their paths in the cache that Python's `huggingface_hub` uses as well: what one of
//! the two has fetched, the other finds.
//!
//! **Which files.** A repository may be pinned to a branch, a tag or a commit. A branch or tag is asked for once, with
//! a `HEAD` request, and all files then come from the commit that it names, so they always belong together. A commit
//! never changes: if its files are in the cache, no request is made. What it lacks is noted there as well.
//!
//! **Which bytes.** The hub names a large file by its SHA-256, so every downloaded weight file is hashed and compared
//! before it enters the cache; a caller that knows the checksum passes it and has it compared on every call. A
//! connection that breaks or falls silent is taken up where it stopped, also by a later run: the part is kept.
//!
//! **How.** The cache layout comes from hf-hub. Its downloader is not used, because hf-hub 0.5
//! - waits forever on a connection that falls silent;
//! - appends to its part whatever the server sends: a server without ranges, or a retry before the first new byte,
//!   corrupts the file, and no hash is checked;
//! - cannot take up a part that is complete, and panics without a home directory;
//! - does not tell a missing repository from a missing revision or file, and knows neither `HF_HUB_OFFLINE`,
//!   `HF_HUB_CACHE` nor `HF_TOKEN`.
//!
//! So the requests are ours, on ureq with rustls and Mozilla's root certificates.
//!
//! Settings are plain fields; [`Hub::from_env`] fills them from the variables that Python's client reads. Nothing is
//! printed: progress goes to a callback.
//!
//! ```no_run
//! use gradcam_models::hub::{Hub, Repo};
//!
//! let hub = Hub::from_env()?;
//! let repo: Repo = "timm/resnet50.a1_in1k@main".parse()?;
//! let files = hub.fetch(&repo, None, &mut |p| eprintln!("{} {}/{}", p.file, p.done, p.total))?;
//! println!("{} of commit {}", files.weights.display(), files.commit);
//! # Ok::<(), gradcam_models::hub::HubError>(())
//! ```

mod cache;
mod client;
mod error;
mod transfer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use cache::Store;
use client::Client;
pub use error::HubError;

use crate::bounded;
use crate::load::DESCRIPTION;

/// The file that describes the model.
const CONFIG: &str = "config.json";
/// The file that holds its parameters.
const WEIGHTS: &str = "model.safetensors";
/// How transformers prepares pictures.
const PROCESSOR: &str = "preprocessor_config.json";
/// How a text becomes tokens.
const TOKENIZER: &str = "tokenizer.json";
/// The branch that is meant when none is named.
const DEFAULT_REVISION: &str = "main";

/// A model repository, perhaps pinned to a revision; written `OWNER/NAME` or `OWNER/NAME@REVISION`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Repo {
    /// `OWNER/NAME`, for example `timm/resnet50.a1_in1k`.
    pub id: String,
    /// A branch, a tag or a commit hash; `None` is the branch `main`.
    pub revision: Option<String>,
}

impl Repo {
    /// The revision's name: the pinned one, or `main`.
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

/// Where a file's transfer stands; handed to the callback of [`Hub::fetch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file's name in the repository.
    pub file: &'a str,
    /// Bytes on disk; above zero at once if an earlier part is taken up, and back to zero if the server sends it all again.
    pub done: u64,
    /// Bytes in the whole file.
    pub total: u64,
}

/// A model's files in the cache; what else the model's repository has of it lies beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Path of `config.json`.
    pub config: PathBuf,
    /// Path of `model.safetensors`, in the same folder.
    pub weights: PathBuf,
    /// The commit that both belong to, 40 hexadecimal digits.
    pub commit: String,
}

impl Fetched {
    /// The folder of all of them.
    pub(crate) fn folder(&self) -> &Path {
        self.config.parent().unwrap_or(Path::new(""))
    }
}

/// The files that a model of this description may have beside its weights.
fn companions(config: &Path) -> Result<&'static [&'static str], HubError> {
    #[derive(serde::Deserialize)]
    struct Kind {
        model_type: String,
    }
    let text =
        bounded::file(config, DESCRIPTION).map_err(|error| cache::at(config)(error.into()))?;
    // What is no description of transformers has none; what is wrong with it, the loading says. Only the text tower reads a tokenizer.
    Ok(match serde_json::from_slice::<Kind>(&text) {
        Ok(kind) if cfg!(feature = "text") && kind.model_type == "clip" => &[PROCESSOR, TOKENIZER],
        Ok(_) => &[PROCESSOR],
        Err(_) => &[],
    })
}

/// A hub, the cache for its files, and how to talk to it.
#[derive(Clone)]
pub struct Hub {
    /// The hub's address without a final slash: `https://huggingface.co`.
    pub endpoint: String,
    /// The cache folder, which holds one `models--OWNER--NAME` for each repository.
    pub cache: PathBuf,
    /// The access token for private and gated repositories.
    pub token: Option<String>,
    /// Use the cache alone and make no request.
    pub offline: bool,
    /// The longest silence: of a host that is connected to, before an answer, and between two pieces of a file.
    pub timeout: Duration,
    /// The wait before a broken transfer is taken up; it doubles with each attempt in a row that brings nothing.
    pub pause: Duration,
}

impl Hub {
    /// The hub's own address.
    pub const ENDPOINT: &str = "https://huggingface.co";

    /// A hub at `endpoint` with a cache folder, without a token, and with the usual waits (10 s, 0.5 s).
    pub fn new(endpoint: impl Into<String>, cache: impl Into<PathBuf>) -> Self {
        let endpoint = endpoint.into().trim_end_matches('/').to_string();
        let (timeout, pause) = (Duration::from_secs(10), Duration::from_millis(500));
        Self {
            endpoint,
            cache: cache.into(),
            token: None,
            offline: false,
            timeout,
            pause,
        }
    }

    /// The hub that the environment describes; see [`Hub::from_vars`].
    ///
    /// # Errors
    /// [`HubError::NoCacheFolder`].
    pub fn from_env() -> Result<Self, HubError> {
        Self::from_vars(|name| std::env::var(name).ok())
    }

    /// The hub that `var` describes, by the names that Python's `huggingface_hub` reads; an empty value counts as unset.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `HF_ENDPOINT` | the hub's address |
    /// | `HF_HUB_CACHE` | the cache folder; else `hub` under `HF_HOME`, `XDG_CACHE_HOME/huggingface` or `~/.cache/huggingface` |
    /// | `HF_TOKEN` | the token; else the file `token` in that home folder |
    /// | `HF_HUB_OFFLINE` | `1`, `on`, `yes` or `true`: no request |
    ///
    /// # Errors
    /// [`HubError::NoCacheFolder`] if none of the variables is set and there is no home directory.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Self, HubError> {
        let var = |name: &str| var(name).filter(|value| !value.is_empty());
        let home = var("HF_HOME")
            .map(PathBuf::from)
            .or_else(|| var("XDG_CACHE_HOME").map(|cache| PathBuf::from(cache).join("huggingface")))
            .or_else(|| std::env::home_dir().map(|home| home.join(".cache").join("huggingface")));
        let cache = var("HF_HUB_CACHE")
            .map(PathBuf::from)
            .or_else(|| home.as_ref().map(|home| home.join("hub")))
            .ok_or(HubError::NoCacheFolder)?;
        let on = |value: String| {
            ["1", "on", "yes", "true"].contains(&value.to_ascii_lowercase().as_str())
        };
        let mut hub = Self::new(
            var("HF_ENDPOINT").unwrap_or_else(|| Self::ENDPOINT.to_string()),
            cache,
        );
        hub.offline = var("HF_HUB_OFFLINE").is_some_and(on);
        let stored = || bounded::text(&home?.join("token"), 1 << 16).ok();
        hub.token = var("HF_TOKEN")
            .or_else(stored)
            .map(|token| token.trim().to_string())
            .filter(|token| !token.is_empty());
        Ok(hub)
    }

    /// The paths of a model's `config.json` and `model.safetensors`, downloaded if the cache lacks them, as are a
    /// `preprocessor_config.json` and a `tokenizer.json` that belong to them.
    ///
    /// `sha256` is the checksum of the weights, 64 hexadecimal digits, where the caller knows it. `progress` is called
    /// for files that are downloaded: at the start, after each piece, and at the end with `done == total`.
    ///
    /// # Errors
    /// Every [`HubError`] but `BadRepo` and `NoCacheFolder`. Whatever arrived before an error stays in the cache and is
    /// taken up by the next call, except bytes with a wrong checksum, which are deleted.
    pub fn fetch(
        &self,
        repo: &Repo,
        sha256: Option<&str>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Fetched, HubError> {
        let sha256 = sha256.map(str::to_ascii_lowercase);
        let sha256 = sha256.as_deref();
        let store = Store::new(&self.cache, repo);
        if self.offline || cache::is_commit(repo.revision()) {
            match store.cached(repo) {
                // A cache that others filled may lack files that no one asked for yet.
                Ok(found)
                    if self.offline
                        || store
                            .unknown(&found.commit, companions(&found.config)?)
                            .is_empty() =>
                {
                    cache::verify(&found.weights, WEIGHTS, sha256.as_slice())?;
                    return Ok(found);
                }
                Err(missing) if self.offline => return Err(missing),
                _ => {}
            }
        }

        let client = Client::new(self, repo)?;
        let config = client.head(repo.revision(), CONFIG)?;
        let commit = config.commit.clone();
        if store.file(&commit, CONFIG).is_none() {
            store.download(&client, CONFIG, &config, None, progress)?;
        }
        let wanted = companions(&store.pointer(&commit, CONFIG))?;
        for name in store.unknown(&commit, wanted) {
            match client.head(&commit, name) {
                Ok(remote) => store.download(&client, name, &remote, None, progress)?,
                Err(HubError::NoFile { .. }) => store.note_absent(&commit, name)?,
                Err(error) => return Err(error),
            }
        }
        match store.file(&commit, WEIGHTS) {
            Some(path) => cache::verify(&path, WEIGHTS, sha256.as_slice())?,
            None => {
                let weights = client
                    .head(&commit, WEIGHTS)
                    .map_err(|e| client.without_weights(e, &commit))?;
                store.download(&client, WEIGHTS, &weights, sha256, progress)?;
            }
        }
        // Written last: offline, the branch must never name a commit whose files are incomplete.
        store.point(repo.revision(), &commit)?;
        store.cached(&Repo {
            id: repo.id.clone(),
            revision: Some(commit),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_tokenizer_is_wanted_by_the_text_tower_alone() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.json");
        let wanted = |text: &str| {
            std::fs::write(&config, text).unwrap();
            companions(&config).unwrap().to_vec()
        };
        let with_text = [PROCESSOR, TOKENIZER];
        let clip = match cfg!(feature = "text") {
            true => &with_text[..],
            false => &with_text[..1],
        };
        assert_eq!(wanted(r#"{"model_type": "clip"}"#), clip);
        assert_eq!(wanted(r#"{"model_type": "vit"}"#), [PROCESSOR]);
        assert_eq!(wanted(r#"{"architecture": "resnet50"}"#), [""; 0]);
    }
}
