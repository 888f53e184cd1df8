//! What can go wrong between a repository's name and its files.

use std::io;
use std::path::{Path, PathBuf};

/// An error of the hub client; each says what the user can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// The text does not name a repository.
    #[error("`{text}` is not a repository of the hub: {reason}")]
    BadRepo {
        /// What was given.
        text: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// There is no home directory and no variable that names a cache.
    #[error(
        "no folder for downloaded models: there is no home directory; set `HF_HUB_CACHE` to one"
    )]
    NoCacheFolder,
    /// The endpoint is not a web address.
    #[error(
        "`{endpoint}` is not a web address; `HF_ENDPOINT` has the form `https://huggingface.co`"
    )]
    BadEndpoint {
        /// The endpoint given.
        endpoint: String,
    },
    /// No network, an unknown host, a refused connection, or no answer in time.
    #[error(
        "cannot reach the hub at `{endpoint}`: {reason}; set `HF_HUB_OFFLINE=1` to use cached models, or give a local folder"
    )]
    Unreachable {
        /// The hub's address.
        endpoint: String,
        /// What failed.
        reason: String,
    },
    /// The hub refuses access (401 or 403).
    #[error("access to `{repo}` is denied (HTTP {status}): {advice}")]
    Denied {
        /// The repository.
        repo: String,
        /// 401 or 403.
        status: u16,
        /// What the user can do.
        advice: String,
    },
    /// The repository does not exist.
    #[error("there is no repository `{repo}` at `{endpoint}`")]
    NoRepo {
        /// The repository.
        repo: String,
        /// The hub's address.
        endpoint: String,
    },
    /// The repository has no such branch, tag or commit.
    #[error("`{repo}` has no branch, tag or commit `{revision}`")]
    NoRevision {
        /// The repository.
        repo: String,
        /// The revision asked for.
        revision: String,
    },
    /// The repository has no such file.
    #[error("`{repo}` has no `{file}` at `{revision}`")]
    NoFile {
        /// The repository.
        repo: String,
        /// The revision asked for.
        revision: String,
        /// The missing file.
        file: String,
    },
    /// The repository has weights, but not in the form that is read here.
    #[error(
        "`{repo}` has no `model.safetensors`, but {found}: download the weights, make a folder of them with `gradcam import FILE ARCHITECTURE -o DIR`, and give that as the model"
    )]
    NoSafetensors {
        /// The repository.
        repo: String,
        /// The weight files that it has, in backticks.
        found: String,
    },
    /// The hub answered with a status that has no meaning here.
    #[error("the hub answered {status} to `{url}`{message}")]
    Status {
        /// The address asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The hub's own words after a colon, if it sent some.
        message: String,
    },
    /// The server's answer is not what a hub sends.
    #[error("`{url}` does not answer like a Hugging Face hub: {reason}")]
    Protocol {
        /// The address asked for.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The transfer broke, and attempts to take it up brought nothing more.
    #[error(
        "the download of `{file}` stopped at {done} of {total} bytes, and {attempts} attempts brought no more: {reason}; the part is kept, run again to go on"
    )]
    Interrupted {
        /// The file.
        file: String,
        /// Bytes that arrived.
        done: u64,
        /// Bytes of the whole file.
        total: u64,
        /// Attempts in a row that brought nothing.
        attempts: u32,
        /// What the last one failed with.
        reason: String,
    },
    /// The bytes are not those that were promised; they are deleted.
    #[error("`{file}` has the wrong checksum: expected sha256 `{expected}`, found `{found}`")]
    Checksum {
        /// The file.
        file: String,
        /// The SHA-256 that the hub or the caller names.
        expected: String,
        /// The SHA-256 of the bytes.
        found: String,
    },
    /// The disk is full.
    #[error(
        "no space left for `{file}` in `{}`: {missing} more bytes are needed; free some, or set `HF_HUB_CACHE` to another disk", cache.display()
    )]
    DiskFull {
        /// The file.
        file: String,
        /// The cache folder of the repository's files.
        cache: PathBuf,
        /// Bytes that are still to come.
        missing: u64,
    },
    /// A file of the cache cannot be read or written.
    #[error("the cache cannot use `{}`", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
    /// Offline, and the cache lacks the file.
    #[error(
        "offline (`HF_HUB_OFFLINE`), and `{file}` of `{repo}` is not in the cache `{}`; unset `HF_HUB_OFFLINE` and run `gradcam layers hf:{repo}` to fetch it", cache.display()
    )]
    NotCached {
        /// The file.
        file: String,
        /// The repository with its revision, as the user wrote it.
        repo: String,
        /// The cache folder.
        cache: PathBuf,
    },
}

/// An I/O error with its path.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> HubError {
    let path = path.to_path_buf();
    move |source| HubError::Cache { path, source }
}
