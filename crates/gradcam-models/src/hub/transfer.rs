//! Downloads of files, resumed where they stopped.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::thread;

use ureq::http::{HeaderMap, StatusCode};

use super::client::{Client, Remote, text};
use super::error::{HubError, at};

/// Consecutive attempts without a new byte before a download is abandoned.
const ATTEMPTS: u32 = 5;

/// The state of a file's transfer, for the callback of [`Hub::fetch`](super::Hub::fetch).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The file's name in the repository.
    pub file: &'a str,
    /// Bytes on disk; starts above zero if a partial file is resumed, and returns to zero if the server sends the file from the start.
    pub done: u64,
    /// Bytes in the whole file.
    pub total: u64,
}

/// A download to the file `path`, which has `done` bytes.
struct Part<'a> {
    client: &'a Client<'a>,
    file: &'a str,
    remote: &'a Remote,
    path: &'a Path,
    out: File,
    done: u64,
}

/// Why an attempt ended early.
enum Stop {
    /// A connection error: another attempt may help.
    Cut(String),
    /// Any other error: another attempt cannot help.
    Error(HubError),
}

/// Downloads `file` into `path`, resuming after the bytes it has, up to `remote.size` bytes.
pub(super) fn download(
    client: &Client<'_>,
    file: &str,
    remote: &Remote,
    path: &Path,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), HubError> {
    let out = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(at(path))?;
    let done = out.metadata().map_err(at(path))?.len();
    let mut part = Part {
        client,
        file,
        remote,
        path,
        out,
        done,
    };
    if done > remote.size {
        part.restart().map_err(at(path))?;
    }
    part.report(progress);
    let (mut best, mut failures) = (part.done, 0);
    while part.done < remote.size {
        let reason = match part.attempt(progress) {
            Ok(()) => break,
            Err(Stop::Error(e)) => return Err(e),
            Err(Stop::Cut(reason)) => reason,
        };
        // Progress means more bytes than any attempt before: a server without ranges starts again each time.
        failures = if part.done > best { 0 } else { failures + 1 };
        best = best.max(part.done);
        if failures == ATTEMPTS {
            return Err(HubError::Interrupted {
                file: file.to_string(),
                done: part.done,
                total: remote.size,
                attempts: ATTEMPTS,
                reason,
            });
        }
        thread::sleep(client.hub.pause * (1 << failures));
    }
    part.out.sync_all().map_err(at(path))
}

impl Part<'_> {
    /// Makes one request for the missing bytes, and appends them to the file.
    fn attempt(&mut self, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), Stop> {
        let total = self.remote.size;
        let (url, answer) = self.client.get(&self.remote.commit, self.file, self.done);
        let answer = answer.map_err(|e| Stop::Cut(self.client.reason(&e)))?;
        match answer.status() {
            StatusCode::PARTIAL_CONTENT if starts_at(answer.headers(), self.done) => {}
            status @ (StatusCode::OK | StatusCode::PARTIAL_CONTENT) => {
                // The server ignores ranges, or sends another one: start over.
                if self.done > 0 {
                    self.restart().map_err(|e| self.write_error(e))?;
                    self.report(progress);
                }
                if status == StatusCode::PARTIAL_CONTENT {
                    return Err(Stop::Cut("the server sent another range".to_string()));
                }
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(Stop::Cut(format!("the server answered {status}")));
            }
            _ => return Err(Stop::Error(self.client.refusal(&answer, &url, self.file))),
        }
        let mut body = answer.into_body().into_reader();
        let mut piece = vec![0; 1 << 16];
        while self.done < total {
            let n = match body.read(&mut piece) {
                Ok(0) => return Err(Stop::Cut("the connection closed early".to_string())),
                Ok(n) => n,
                Err(e) => return Err(Stop::Cut(self.client.reason(&e.into()))),
            };
            if n as u64 > total - self.done {
                let reason = format!("`{}` is longer than the {total} bytes announced", self.file);
                return Err(Stop::Error(HubError::Protocol { url, reason }));
            }
            self.out
                .write_all(&piece[..n])
                .map_err(|e| self.write_error(e))?;
            self.done += n as u64;
            self.report(progress);
        }
        Ok(())
    }

    fn restart(&mut self) -> io::Result<()> {
        self.done = 0;
        self.out.set_len(0)
    }

    fn report(&self, progress: &mut dyn FnMut(Progress<'_>)) {
        progress(Progress {
            file: self.file,
            done: self.done,
            total: self.remote.size,
        });
    }

    fn write_error(&self, error: io::Error) -> Stop {
        Stop::Error(match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => HubError::DiskFull {
                file: self.file.to_string(),
                cache: self.client.hub.cache.clone(),
                missing: self.remote.size - self.done,
            },
            _ => at(self.path)(error),
        })
    }
}

/// Checks whether a partial answer begins at byte `start` (`Content-Range: bytes 100-999/1000`).
fn starts_at(headers: &HeaderMap, start: u64) -> bool {
    let first = |range: &str| {
        range
            .strip_prefix("bytes ")?
            .split('-')
            .next()?
            .parse()
            .ok()
    };
    text(headers, "content-range").and_then(first) == Some(start)
}
