//! The address, cache and connection settings of a hub.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::error::HubError;
use crate::bounded;

/// A hub, the cache for its files, and connection settings.
#[derive(Clone)]
#[non_exhaustive]
pub struct Hub {
    /// The hub's address without a final slash: `https://huggingface.co`.
    pub endpoint: String,
    /// The cache folder, with one folder `models--OWNER--NAME` per repository.
    pub cache: PathBuf,
    /// The access token for private and gated repositories.
    pub token: Option<String>,
    /// Whether to use only the cache and make no requests.
    pub offline: bool,
    /// The longest wait for a connection, for an answer, and between two pieces of a file.
    pub timeout: Duration,
    /// The wait before a broken transfer is resumed; it doubles with each consecutive attempt without progress.
    pub pause: Duration,
}

/// Shows whether there is a token, but not the token itself.
impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("token", &self.token.as_ref().map(|_| ".."))
            .field("offline", &self.offline)
            .field("timeout", &self.timeout)
            .field("pause", &self.pause)
            .finish()
    }
}

impl Hub {
    /// The address of the Hugging Face hub.
    pub const ENDPOINT: &str = "https://huggingface.co";

    /// Makes a hub at `endpoint` with a cache folder, no token, and the default waits (10 s, 0.5 s).
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

    /// Makes the hub that the environment describes; see [`Hub::from_vars`].
    ///
    /// # Errors
    /// [`HubError::NoCacheFolder`].
    pub fn from_env() -> Result<Self, HubError> {
        Self::from_vars(|name| std::env::var(name).ok())
    }

    /// Makes the hub that `var` describes, with the variables of Python's `huggingface_hub`; an empty value counts as unset.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `HF_ENDPOINT` | the hub's address |
    /// | `HF_HUB_CACHE` | the cache folder; else `hub` under `HF_HOME`, `XDG_CACHE_HOME/huggingface` or `~/.cache/huggingface` |
    /// | `HF_TOKEN` | the token; else the file `token` in that home folder |
    /// | `HF_HUB_OFFLINE` | `1`, `on`, `yes` or `true`: no request |
    ///
    /// # Errors
    /// [`HubError::NoCacheFolder`] if no variable names a cache and there is no home directory.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_shown() {
        let mut hub = Hub::new(Hub::ENDPOINT, "cache");
        assert!(format!("{hub:?}").contains("token: None"));
        hub.token = Some("hf_secret".to_string());
        let shown = format!("{hub:?}");
        assert!(shown.contains("token: Some") && !shown.contains("secret"));
    }
}
