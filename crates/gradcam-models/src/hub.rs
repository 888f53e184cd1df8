//! Model files from the Hugging Face hub.
//!
//! A model is two files of a repository, `config.json` and `model.safetensors`. A Hugging Face transformers model may also have a
//! `preprocessor_config.json`, and a complete CLIP a `tokenizer.json`, which is fetched for the feature `text`. [`Hub::fetch`] returns
//! their paths in the cache, which is shared with Python's `huggingface_hub`: each finds the files that the other has fetched.
//!
//! **Which files.** A repository may be pinned to a branch, a tag or a commit. A branch or tag is resolved once, with a `HEAD` request. All
//! files then come from that commit, so they always belong together. A commit never changes: if its files are in the cache, no request is
//! made. Files that the commit lacks are noted there as well.
//!
//! **Which bytes.** The hub names a large file by its SHA-256, so every downloaded weight file is hashed and compared before it enters the
//! cache. If the caller passes the checksum, it is compared on every call. A download that breaks or stalls is resumed where it stopped,
//! even by a later run, because the partial file is kept.
//!
//! **How.** The cache layout comes from hf-hub. Its downloader is not used, because hf-hub 0.5
//! - waits forever on a stalled connection;
//! - appends whatever the server sends to its partial file: a server without ranges, or a retry before the first new byte, corrupts the
//!   file, and no hash is checked;
//! - cannot resume a partial file that is complete, and panics without a home directory;
//! - does not tell a missing repository from a missing revision or file, and ignores `HF_HUB_OFFLINE`, `HF_HUB_CACHE` and `HF_TOKEN`.
//!
//! So this module makes its own requests, with ureq, rustls and Mozilla's root certificates.
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
mod files;
mod repo;
mod settings;
mod transfer;

use cache::Store;
use client::Client;
use files::{CONFIG, WEIGHTS, companions};
use repo::is_commit;

pub use error::HubError;
pub use files::Fetched;
pub use repo::Repo;
pub use settings::Hub;
pub use transfer::Progress;

impl Hub {
    /// Returns the paths of a model's `config.json` and `model.safetensors`. Downloads them if the cache lacks them, with the
    /// `preprocessor_config.json` and `tokenizer.json` that belong to them.
    ///
    /// `sha256` is the checksum of the weights, 64 hexadecimal digits, if the caller knows it. `progress` is called for downloaded files:
    /// at the start, after each piece, and at the end with `done == total`.
    ///
    /// # Errors
    /// Every [`HubError`] but `BadRepo` and `NoCacheFolder`. Bytes that arrived before an error stay in the cache for the next call to
    /// resume, except bytes with a wrong checksum, which are deleted.
    pub fn fetch(
        &self,
        repo: &Repo,
        sha256: Option<&str>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Fetched, HubError> {
        let sha256 = sha256.map(str::to_ascii_lowercase);
        let sha256 = sha256.as_deref();
        let store = Store::new(&self.cache, repo);
        if self.offline || is_commit(repo.revision()) {
            match store.cached(repo) {
                // A cache filled by other programs may lack files that nobody requested yet.
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
