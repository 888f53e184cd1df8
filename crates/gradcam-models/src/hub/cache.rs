//! The cache, which is shared with Python's `huggingface_hub`.
//!
//! ```text
//! models--OWNER--NAME/blobs/ETAG             the bytes, named by the hub's ETag (a SHA-256 for large files)
//! models--OWNER--NAME/blobs/ETAG.incomplete  the partial file of a broken download
//! models--OWNER--NAME/refs/BRANCH            the commit that the branch last named
//! models--OWNER--NAME/snapshots/COMMIT/FILE  a link to the blob
//! models--OWNER--NAME/.no_exist/COMMIT/FILE  an empty file: the commit has no such file
//! .locks/models--OWNER--NAME/ETAG.lock       held by the one process that downloads the blob
//! ```

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use hf_hub::{Cache, CacheRepo, RepoType};

use super::client::{Client, Remote};
use super::error::{HubError, at};
use super::files::{CONFIG, Fetched, WEIGHTS};
use super::repo::{Repo, is_commit, is_hex};
use super::transfer::{self, Progress};
use crate::bounded;
use crate::digest::sha256_of;

/// A repository's part of the cache.
pub(super) struct Store {
    cache: PathBuf,
    id: String,
    folder: String,
    layout: CacheRepo,
}

impl Store {
    pub(super) fn new(cache: &Path, repo: &Repo) -> Self {
        let model = hf_hub::Repo::model(repo.id.clone());
        let folder = model.folder_name();
        Self {
            cache: cache.to_path_buf(),
            id: repo.id.clone(),
            folder,
            layout: Cache::new(cache.into()).repo(model),
        }
    }

    /// Returns the path of a commit's file; `None` if it is not cached.
    pub(super) fn file(&self, commit: &str, name: &str) -> Option<PathBuf> {
        Some(self.pointer(commit, name)).filter(|path| path.is_file())
    }

    /// Filters `names` for files of which the cache does not know whether the commit has them.
    pub(super) fn unknown(&self, commit: &str, names: &[&'static str]) -> Vec<&'static str> {
        let known = |name: &str| {
            self.file(commit, name).is_some() || self.absent(commit).join(name).exists()
        };
        let mut names = names.to_vec();
        names.retain(|name| !known(name));
        names
    }

    /// Remembers that the commit has no file of this name.
    pub(super) fn note_absent(&self, commit: &str, name: &str) -> Result<(), HubError> {
        let folder = self.absent(commit);
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let note = folder.join(name);
        fs::write(&note, "").map_err(at(&note))
    }

    /// Finds both files of a revision in the cache; `NotCached` names the missing one.
    pub(super) fn cached(&self, repo: &Repo) -> Result<Fetched, HubError> {
        let missing = |file: &str| HubError::NotCached {
            file: file.to_string(),
            repo: repo.to_string(),
            cache: self.cache.clone(),
        };
        let commit = if is_commit(repo.revision()) {
            repo.revision().to_string()
        } else {
            self.commit_of(repo.revision())
                .ok_or_else(|| missing(CONFIG))?
        };
        let find = |name| self.file(&commit, name).ok_or_else(|| missing(name));
        Ok(Fetched {
            config: find(CONFIG)?,
            weights: find(WEIGHTS)?,
            commit,
        })
    }

    /// Remembers which commit a branch or tag names.
    pub(super) fn point(&self, revision: &str, commit: &str) -> Result<(), HubError> {
        if is_commit(revision) || self.commit_of(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        let branch =
            hf_hub::Repo::with_revision(self.id.clone(), RepoType::Model, revision.to_string());
        Cache::new(self.cache.clone())
            .repo(branch)
            .create_ref(commit)
            .map_err(at(&self.refs(revision)))
    }

    /// Downloads `name` into the cache, unless another process or commit already brought its blob.
    ///
    /// The bytes are compared with `sha256`, and with the ETag if that is a SHA-256.
    pub(super) fn download(
        &self,
        client: &Client<'_>,
        name: &str,
        remote: &Remote,
        sha256: Option<&str>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), HubError> {
        let of_hub = Some(remote.etag.as_str()).filter(|etag| is_hex(etag, 64));
        if let (Some(expected), Some(found)) = (sha256, of_hub)
            && expected != found
        {
            // Known before the first byte.
            return Err(HubError::Checksum {
                file: name.into(),
                expected: expected.into(),
                found: found.into(),
            });
        }
        let blob = self.root().join("blobs").join(&remote.etag);
        let pointer = self.pointer(&remote.commit, name);
        for folder in [&blob, &pointer]
            .into_iter()
            .filter_map(|path| path.parent())
        {
            fs::create_dir_all(folder).map_err(at(folder))?;
        }
        let _lock = self.lock(&remote.etag)?;
        if !fs::metadata(&blob).is_ok_and(|meta| meta.len() == remote.size) {
            let part = self
                .root()
                .join("blobs")
                .join(format!("{}.incomplete", remote.etag));
            transfer::download(client, name, remote, &part, progress)?;
            let promised: Vec<&str> = sha256.into_iter().chain(of_hub).collect();
            verify(&part, name, &promised)?;
            fs::rename(&part, &blob).map_err(at(&blob))?;
        } else {
            verify(&blob, name, sha256.as_slice())?;
        }
        if pointer.is_file() {
            Ok(())
        } else {
            link(&blob, &pointer).map_err(at(&pointer))
        }
    }

    /// Waits for other processes that download the same blob; dropping the returned file releases the lock.
    fn lock(&self, etag: &str) -> Result<File, HubError> {
        let folder = self.cache.join(".locks").join(&self.folder);
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let path = folder.join(format!("{etag}.lock"));
        let file = File::create(&path).map_err(at(&path))?;
        file.lock().map_err(at(&path))?;
        Ok(file)
    }

    fn root(&self) -> PathBuf {
        self.cache.join(&self.folder)
    }

    fn refs(&self, revision: &str) -> PathBuf {
        self.root().join("refs").join(revision)
    }

    fn commit_of(&self, revision: &str) -> Option<String> {
        let text = bounded::text(&self.refs(revision), 1 << 10).ok()?;
        Some(text.trim().to_string()).filter(|commit| is_commit(commit))
    }

    fn absent(&self, commit: &str) -> PathBuf {
        self.root().join(".no_exist").join(commit)
    }

    pub(super) fn pointer(&self, commit: &str, name: &str) -> PathBuf {
        self.layout.pointer_path(commit).join(name)
    }
}

/// Compares the SHA-256 of `path` with each of `expected`; deletes a file that differs.
pub(super) fn verify(path: &Path, name: &str, expected: &[&str]) -> Result<(), HubError> {
    if expected.is_empty() {
        return Ok(());
    }
    let digest = || sha256_of(bounded::open(path)?);
    let found = digest().map_err(at(path))?;
    let Some(wrong) = expected.iter().find(|sum| **sum != found) else {
        return Ok(());
    };
    // Follow the snapshot's link to its blob.
    let blob = fs::canonicalize(path).map_err(at(path))?;
    fs::remove_file(&blob).map_err(at(&blob))?;
    Err(HubError::Checksum {
        file: name.to_string(),
        expected: (*wrong).to_string(),
        found,
    })
}

/// Links the snapshot's entry `pointer` to `blob`, replacing a dead one.
fn link(blob: &Path, pointer: &Path) -> io::Result<()> {
    match fs::remove_file(pointer) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    #[cfg(unix)]
    {
        // Relative, so that the cache can move: snapshots/COMMIT/FILE -> ../../blobs/ETAG.
        let etag = blob.file_name().unwrap_or_default();
        std::os::unix::fs::symlink(Path::new("../../blobs").join(etag), pointer)
    }
    #[cfg(not(unix))]
    {
        // Other systems may require a privilege for symbolic links.
        fs::hard_link(blob, pointer).or_else(|_| fs::copy(blob, pointer).map(drop))
    }
}
