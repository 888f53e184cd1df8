//! A loopback server that speaks the hub's protocol, with faults on demand.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// A file of the repository.
#[derive(Clone)]
pub(super) struct Blob {
    pub(super) bytes: Vec<u8>,
    /// As sent, without quotes.
    pub(super) etag: String,
}

/// The server's content and faults; may change between requests.
#[derive(Clone, Default)]
pub(super) struct Site {
    /// `OWNER/NAME` of the one repository.
    pub(super) repo: String,
    /// The commit of each branch and tag.
    pub(super) revisions: BTreeMap<String, String>,
    /// Files by `COMMIT/NAME`.
    pub(super) files: BTreeMap<String, Blob>,
    /// Only requests with this token are answered.
    pub(super) token: Option<String>,
    /// The `X-Error-Code` of a refusal for a missing token.
    pub(super) denied: (u16, &'static str),
    /// The next bodies of weight files end after so many bytes; `Stall` keeps the connection open.
    pub(super) faults: Vec<Fault>,
    /// Whether range requests get 200 and the whole file.
    pub(super) no_ranges: bool,
    /// Requests for weight files are redirected to this address, as the hub does for large files.
    pub(super) storage: Option<String>,
    /// `HEAD` and `GET` of this repository are redirected to `repo`, as for a renamed one.
    pub(super) old_name: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fault {
    Cut(usize),
    Stall(usize),
    Status(u16),
}

pub(super) struct Server {
    pub(super) url: String,
    pub(super) port: u16,
    site: Arc<Mutex<Site>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) fn start(site: Site) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (site, log) = (Arc::new(Mutex::new(site)), Arc::default());
        let server = Self {
            url: format!("http://127.0.0.1:{port}"),
            port,
            site,
            log,
        };
        let (site, log) = (server.site.clone(), server.log.clone());
        // The threads end with the process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (site, log) = (site.clone(), log.clone());
                thread::spawn(move || answer(stream, &site, &log));
            }
        });
        server
    }

    pub(super) fn site(&self) -> MutexGuard<'_, Site> {
        self.site.lock().unwrap()
    }

    /// Returns the requests since the last call: `METHOD PATH [range] [token]`.
    pub(super) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

/// Answers one request and closes the connection; a client that hangs up is not an error.
fn answer(mut stream: TcpStream, site: &Mutex<Site>, log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap())
        .lines()
        .map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let headers: BTreeMap<String, String> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            line.split_once(": ")
                .map(|(k, v)| (k.to_lowercase(), v.to_string()))
        })
        .collect();
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let range = headers.get("range");
    let auth = headers.get("authorization");
    let note: Vec<&str> = [
        Some(method),
        Some(path),
        range.map(String::as_str),
        auth.map(String::as_str),
    ]
    .into_iter()
    .flatten()
    .collect();
    log.lock().unwrap().push(note.join(" "));
    let snapshot = site.lock().unwrap().clone();
    let mut reply = |status: u16, headers: &[(&str, String)]| {
        let mut text = format!("HTTP/1.1 {status} Status\r\nConnection: close\r\n");
        let has_length = headers.iter().any(|(k, _)| *k == "Content-Length");
        for (key, value) in headers {
            text += &format!("{key}: {value}\r\n");
        }
        text += if has_length {
            "\r\n"
        } else {
            "Content-Length: 0\r\n\r\n"
        };
        stream.write_all(text.as_bytes()).ok();
    };

    if snapshot.token.is_some() && auth != snapshot.token.map(|t| format!("Bearer {t}")).as_ref() {
        return reply(
            snapshot.denied.0,
            &[("X-Error-Code", snapshot.denied.1.into())],
        );
    }
    let refuse = |code: &str| [("X-Error-Code", code.to_string())];
    if let Some(rest) = path.strip_prefix(&format!("/api/models/{}/revision/", snapshot.repo)) {
        let names = snapshot
            .files
            .keys()
            .filter_map(|key| key.strip_prefix(rest)?.strip_prefix('/'));
        let names: Vec<String> = names
            .map(|name| format!("{{\"rfilename\":\"{name}\"}}"))
            .collect();
        let body = format!("{{\"siblings\":[{}]}}", names.join(","));
        reply(200, &[("Content-Length", body.len().to_string())]);
        stream.write_all(body.as_bytes()).ok();
        return;
    }
    if let Some(rest) = snapshot
        .old_name
        .and_then(|old| path.strip_prefix(&format!("/{old}/")).map(String::from))
    {
        return reply(307, &[("Location", format!("/{}/{rest}", snapshot.repo))]);
    }
    let stored = path.strip_prefix("/storage/");
    let wanted = stored.map(|key| key.split_once('/').unwrap()).or_else(|| {
        path.strip_prefix(&format!("/{}/resolve/", snapshot.repo))?
            .split_once('/')
    });
    let Some((revision, name)) = wanted else {
        return reply(404, &refuse("RepoNotFound"));
    };
    let revision = revision.replace("%2F", "/");
    let is_commit = snapshot
        .files
        .keys()
        .any(|key| key.starts_with(&format!("{revision}/")));
    let commit = if is_commit {
        Some(revision)
    } else {
        snapshot.revisions.get(&revision).cloned()
    };
    let Some(commit) = commit else {
        return reply(404, &refuse("RevisionNotFound"));
    };
    let Some(blob) = snapshot.files.get(&format!("{commit}/{name}")) else {
        return reply(404, &refuse("EntryNotFound"));
    };
    let large = name == "model.safetensors";
    let total = blob.bytes.len();
    if let (true, None, Some(storage)) = (large, stored, &snapshot.storage) {
        return reply(
            302,
            &[
                ("Location", format!("{storage}/storage/{commit}/{name}")),
                ("X-Repo-Commit", commit),
                ("X-Linked-Etag", format!("\"{}\"", blob.etag)),
                ("X-Linked-Size", total.to_string()),
                ("ETag", "\"of-the-redirect\"".into()),
            ],
        );
    }
    let fault = (method == "GET" && large)
        .then(|| {
            let mut site = site.lock().unwrap();
            (!site.faults.is_empty()).then(|| site.faults.remove(0))
        })
        .flatten();
    if let Some(Fault::Status(status)) = fault {
        return reply(status, &[]);
    }
    let start = range.filter(|_| !snapshot.no_ranges).map_or(0, |r| {
        r.trim_start_matches("bytes=")
            .trim_end_matches('-')
            .parse()
            .unwrap()
    });
    let mut head = vec![
        ("ETag", format!("\"{}\"", blob.etag)),
        ("X-Repo-Commit", commit),
        ("Accept-Ranges", "bytes".into()),
        ("Content-Length", (total - start).to_string()),
    ];
    if start > 0 {
        head.push((
            "Content-Range",
            format!("bytes {start}-{}/{total}", total - 1),
        ));
    }
    reply(if start > 0 { 206 } else { 200 }, &head);
    if method == "GET" {
        let end = match fault {
            Some(Fault::Cut(n) | Fault::Stall(n)) => (start + n).min(total),
            _ => total,
        };
        stream.write_all(&blob.bytes[start..end]).ok();
        if matches!(fault, Some(Fault::Stall(_))) {
            thread::sleep(Duration::from_secs(20));
        }
    }
}
