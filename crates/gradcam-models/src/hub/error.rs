//! Errors of the hub client.

use std::io;
use std::path::{Path, PathBuf};

/// An error of the hub client; the message says what the user can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// The text does not name a repository.
    #[error("`{text}` is not a repository of the hub: {reason}")]
    BadRepo {
        /// The text.
        text: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// There is no home directory, and no variable names a cache.
    #[error(
        "no folder for downloaded models: there is no home directory; set `HF_HUB_CACHE` to a folder"
    )]
    NoCacheFolder,
    /// The endpoint is not a web address.
    #[error(
        "`{endpoint}` is not a web address; `HF_ENDPOINT` has the form `https://huggingface.co`"
    )]
    BadEndpoint {
        /// The invalid endpoint.
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
        /// The requested revision.
        revision: String,
    },
    /// The repository has no such file.
    #[error("`{repo}` has no `{file}` at `{revision}`")]
    NoFile {
        /// The repository.
        repo: String,
        /// The requested revision.
        revision: String,
        /// The missing file.
        file: String,
    },
    /// The repository has weights, but not as safetensors.
    #[error(
        "`{repo}` has no `model.safetensors`, but {found}: download the weights, convert them to a folder with `gradcam import FILE ARCHITECTURE -o DIR`, and use that folder as the model"
    )]
    NoSafetensors {
        /// The repository.
        repo: String,
        /// The weight files that the repository has, in backticks.
        found: String,
    },
    /// The hub answered with an unexpected status.
    #[error("the hub answered {status} to `{url}`{message}")]
    Status {
        /// The requested address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The hub's message after a colon, or empty.
        message: String,
    },
    /// The server's answer is not that of a hub.
    #[error("`{url}` does not answer like a Hugging Face hub: {reason}")]
    Protocol {
        /// The requested address.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The transfer broke, and attempts to resume it got no further.
    #[error(
        "the download of `{file}` stopped at {done} of {total} bytes, and {attempts} attempts got no further: {reason}; the partial file is kept, run again to resume"
    )]
    Interrupted {
        /// The file.
        file: String,
        /// Bytes that arrived.
        done: u64,
        /// Bytes of the whole file.
        total: u64,
        /// Consecutive attempts without a new byte.
        attempts: u32,
        /// The error of the last attempt.
        reason: String,
    },
    /// The bytes do not have the promised checksum; they are deleted.
    #[error("`{file}` has the wrong checksum: expected sha256 `{expected}`, found `{found}`")]
    Checksum {
        /// The file.
        file: String,
        /// The SHA-256 that the hub or the caller stated.
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
        /// Bytes that are still missing.
        missing: u64,
    },
    /// A file of the cache cannot be read or written.
    #[error("the cache cannot use `{}`", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
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

/// Adds the path to an I/O error.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> HubError {
    let path = path.to_path_buf();
    move |source| HubError::Cache { path, source }
}
