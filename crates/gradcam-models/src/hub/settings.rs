//! Where a hub and its cache are, and how to talk to it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::error::HubError;
use crate::bounded;

/// A hub, the cache for its files, and how to talk to it.
#[derive(Clone)]
#[non_exhaustive]
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

/// Whether there is a token, and not the token.
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
