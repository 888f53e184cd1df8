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
        if self.offline || is_commit(repo.revision()) {
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
