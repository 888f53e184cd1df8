//! The hub's protocol: a file's metadata (`HEAD`), its bytes (`GET`, perhaps with a range), and the list of files.
//!
//! `HEAD /OWNER/NAME/resolve/REVISION/FILE` answers with `X-Repo-Commit`, the ETag and the size. For large files the answer is a redirect
//! to a storage host, with the metadata in `X-Linked-Etag` and `X-Linked-Size` (compare `get_hf_file_metadata` in `huggingface_hub`).
//! Refusals carry an `X-Error-Code`.

use std::io::ErrorKind;

use ureq::config::RedirectAuthHeaders;
use ureq::http::{HeaderMap, Response, Uri};
use ureq::{Agent, Body, Timeout};

use super::error::HubError;
use super::repo::{Repo, is_commit};
use super::settings::Hub;

/// The most redirects within the hub (a renamed repository) to follow.
const REDIRECTS: usize = 5;

/// The hub's metadata of a file.
#[derive(Debug)]
pub(super) struct Remote {
    /// The commit that the revision currently names.
    pub(super) commit: String,
    /// The name of the bytes; the SHA-256 for large files.
    pub(super) etag: String,
    /// The size in bytes.
    pub(super) size: u64,
}

/// Requests for one repository of a hub.
pub(super) struct Client<'a> {
    pub(super) hub: &'a Hub,
    repo: &'a Repo,
    agent: Agent,
    base: Uri,
}

impl<'a> Client<'a> {
    pub(super) fn new(hub: &'a Hub, repo: &'a Repo) -> Result<Self, HubError> {
        let base = (hub.endpoint.parse::<Uri>().ok())
            .filter(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
            })
            .ok_or_else(|| HubError::BadEndpoint {
                endpoint: hub.endpoint.clone(),
            })?;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // The token goes only to the hub: the storage host's addresses are signed.
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .user_agent(concat!("gradcam/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(hub.timeout))
            .timeout_connect(Some(hub.timeout))
            .timeout_recv_response(Some(hub.timeout))
            .timeout_per_read(Some(hub.timeout));
        if matches!(base.host(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            config = config.proxy(None);
        }
        Ok(Self {
            hub,
            repo,
            agent: config.build().into(),
            base,
        })
    }

    /// Requests the metadata of `file` at `revision`.
    pub(super) fn head(&self, revision: &str, file: &str) -> Result<Remote, HubError> {
        let mut url = self.url(revision, file);
        for _ in 0..=REDIRECTS {
            let request = self
                .agent
                .head(&url)
                .header("accept-encoding", "identity")
                .config()
                .max_redirects(0)
                .build();
            let answer = self
                .authorized(request)
                .call()
                .map_err(|e| self.unreachable(&e))?;
            let (status, headers) = (answer.status(), answer.headers());
            // A redirect with metadata leads to the storage, one without to the repository's new name.
            if status.is_redirection()
                && text(headers, "x-linked-etag").is_none()
                && let Some(next) = self.within_hub(headers)
            {
                url = next;
                continue;
            }
            if !status.is_success() && !status.is_redirection() {
                return Err(self.refusal(&answer, &url, file));
            }
            return remote(headers, status.is_redirection())
                .map_err(|reason| HubError::Protocol { url, reason });
        }
        Err(HubError::Protocol {
            url,
            reason: format!("more than {REDIRECTS} redirects"),
        })
    }

    /// Requests the bytes of a commit's `file` from byte `start` on; the returned address is for messages.
    pub(super) fn get(
        &self,
        commit: &str,
        file: &str,
        start: u64,
    ) -> (String, Result<Response<Body>, ureq::Error>) {
        let url = self.url(commit, file);
        let mut request = self.agent.get(&url).header("accept-encoding", "identity");
        if start > 0 {
            request = request.header("range", format!("bytes={start}-"));
        }
        let answer = self.authorized(request).call();
        (url, answer)
    }

    /// Turns a missing weight file into `NoSafetensors` if the repository has other weights.
    pub(super) fn without_weights(&self, error: HubError, commit: &str) -> HubError {
        const WEIGHT_FILES: [&str; 8] = [
            ".safetensors",
            ".bin",
            ".pth",
            ".pt",
            ".ckpt",
            ".h5",
            ".msgpack",
            ".onnx",
        ];
        if !matches!(error, HubError::NoFile { .. }) {
            return error;
        }
        let mut found = self.files(commit).unwrap_or_default();
        found.retain(|name| WEIGHT_FILES.iter().any(|end| name.ends_with(end)));
        if found.is_empty() {
            return error;
        }
        found.sort();
        let found = found
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ");
        HubError::NoSafetensors {
            repo: self.repo.to_string(),
            found,
        }
    }

    /// Lists the repository's files; `None` if the hub does not answer.
    fn files(&self, commit: &str) -> Option<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Info {
            siblings: Vec<Sibling>,
        }
        #[derive(serde::Deserialize)]
        struct Sibling {
            rfilename: String,
        }
        let url = format!(
            "{}/api/models/{}/revision/{commit}",
            self.hub.endpoint, self.repo.id
        );
        let text = self
            .authorized(self.agent.get(&url))
            .call()
            .ok()?
            .body_mut()
            .read_to_string()
            .ok()?;
        let info: Info = serde_json::from_str(&text).ok()?;
        Some(
            info.siblings
                .into_iter()
                .map(|sibling| sibling.rfilename)
                .collect(),
        )
    }

    fn url(&self, revision: &str, file: &str) -> String {
        format!(
            "{}/{}/resolve/{}/{file}",
            self.hub.endpoint,
            self.repo.id,
            escape(revision)
        )
    }

    fn authorized<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.hub.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    /// Returns a redirect's target if it is on the hub's own host; other hosts are the storage, which knows no commits.
    fn within_hub(&self, headers: &HeaderMap) -> Option<String> {
        let target = text(headers, "location")?;
        if target.starts_with('/') && !target.starts_with("//") {
            return Some(format!(
                "{}://{}{target}",
                self.base.scheme_str()?,
                self.base.authority()?
            ));
        }
        let uri: Uri = target.parse().ok()?;
        let as_safe = uri.scheme() == self.base.scheme() || uri.scheme_str() == Some("https");
        (as_safe && uri.authority() == self.base.authority()).then(|| target.to_string())
    }

    /// Converts a refusal to an error.
    pub(super) fn refusal(&self, answer: &Response<Body>, url: &str, file: &str) -> HubError {
        let repo = self.repo.id.clone();
        let revision = self.repo.revision().to_string();
        let endpoint = self.hub.endpoint.clone();
        let status = answer.status().as_u16();
        let code = text(answer.headers(), "x-error-code");
        match (status, code) {
            (401 | 403, Some("GatedRepo")) => {
                let advice = format!(
                    "it is gated; accept its terms at {endpoint}/{repo} and set `HF_TOKEN` to a token of that account"
                );
                HubError::Denied {
                    repo,
                    status,
                    advice,
                }
            }
            (401 | 403, _) => {
                let advice = match self.hub.token {
                    None => {
                        "it does not exist, or is private or gated; check the name, or set `HF_TOKEN`"
                    }
                    Some(_) => {
                        "the token (`HF_TOKEN`) is not valid or gives no access, or the repository does not exist"
                    }
                };
                HubError::Denied {
                    repo,
                    status,
                    advice: advice.to_string(),
                }
            }
            (404, Some("RepoNotFound")) => HubError::NoRepo { repo, endpoint },
            (404, Some("RevisionNotFound")) => HubError::NoRevision { repo, revision },
            (404, _) => HubError::NoFile {
                repo,
                revision,
                file: file.to_string(),
            },
            _ => {
                let message = text(answer.headers(), "x-error-message")
                    .map(|m| format!(": {m}"))
                    .unwrap_or_default();
                HubError::Status {
                    url: url.to_string(),
                    status,
                    message,
                }
            }
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> HubError {
        HubError::Unreachable {
            endpoint: self.hub.endpoint.clone(),
            reason: self.reason(error),
        }
    }

    /// Explains a failed request or a broken answer in plain words.
    pub(super) fn reason(&self, error: &ureq::Error) -> String {
        match error {
            ureq::Error::HostNotFound => "the host was not found".to_string(),
            ureq::Error::Timeout(Timeout::Resolve) => {
                "the host's address was not resolved in time".to_string()
            }
            ureq::Error::Timeout(_) => {
                format!("no answer for {} s", self.hub.timeout.as_secs_f32())
            }
            ureq::Error::Io(e) if e.kind() == ErrorKind::ConnectionRefused => {
                "connection refused".to_string()
            }
            ureq::Error::Io(e) if e.kind() == ErrorKind::UnexpectedEof => {
                "the connection closed early".to_string()
            }
            ureq::Error::Io(e) => e.to_string(),
            other => other.to_string(),
        }
    }
}

/// Reads the metadata from an answer's headers; the error says what is missing or unusable.
fn remote(headers: &HeaderMap, redirect: bool) -> Result<Remote, String> {
    let get = |name| text(headers, name).ok_or_else(|| format!("no header `{name}`"));
    // A redirect's own ETag and length are not the file's.
    let of_file = |linked, own| match text(headers, linked) {
        Some(value) => Ok(value),
        None => get(if redirect { linked } else { own }),
    };
    let commit = get("x-repo-commit")?;
    let etag = of_file("x-linked-etag", "etag")?;
    let etag = etag.trim_start_matches("W/").trim_matches('"');
    let size = of_file("x-linked-size", "content-length")?;
    // Both become file names.
    if !is_commit(commit) {
        return Err(format!("`{commit}` is not a commit"));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if etag.is_empty() || etag.len() > 128 || !etag.bytes().all(plain) {
        return Err(format!("`{etag}` is not an ETag of a hub"));
    }
    let size = size
        .parse()
        .map_err(|_| format!("`{size}` is not a size"))?;
    Ok(Remote {
        commit: commit.to_string(),
        etag: etag.to_string(),
        size,
    })
}

pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Percent-encodes a revision, which is one segment of the path (`refs/pr/1` is `refs%2Fpr%2F1`).
fn escape(revision: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    revision
        .bytes()
        .map(|b| {
            if unreserved(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}
