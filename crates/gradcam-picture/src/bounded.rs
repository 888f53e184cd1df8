//! Reads whole files and streams up to a limit, so that no input can exhaust the memory or run forever.
//!
//! Descriptions and weights must be ordinary files: a pipe without a writer would block forever, and `/dev/zero` never ends. Pictures may
//! also come through a pipe ([`stream`]), such as a shell's `<(command)`.

use std::fs::{File, FileType};
use std::io::{self, Read};
use std::path::Path;

/// Why a file or stream could not be read whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The operating system reports an error.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The path is not a file.
    #[error("it is {found}, expected a file")]
    NotAFile {
        /// What the path is instead.
        found: &'static str,
    },
    /// The input has more bytes than the limit.
    #[error("it is longer than the limit of {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: u64,
    },
    /// The bytes are not UTF-8.
    #[error("it is not UTF-8: invalid byte at offset {at}")]
    NotText {
        /// The offset of the first invalid byte, from 0.
        at: usize,
    },
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error,
            other => io::Error::other(other),
        }
    }
}

/// Reads the bytes of an ordinary file.
///
/// # Errors
/// If the path is not an ordinary file, or the file has more than `limit` bytes or cannot be read.
pub fn file(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let file = open(path)?;
    if file.metadata()?.len() > limit {
        return Err(ReadError::TooLong { limit });
    }
    all(file, limit)
}

/// Opens an ordinary file for reading.
///
/// # Errors
/// If the path is not an ordinary file or cannot be opened.
pub fn open(path: &Path) -> Result<File, ReadError> {
    // Checked before opening, because opening a pipe blocks until it has a writer.
    let found = std::fs::metadata(path)?;
    if found.is_file() {
        Ok(File::open(path)?)
    } else {
        Err(ReadError::NotAFile {
            found: kind(found.file_type()),
        })
    }
}

/// Reads the text of an ordinary file.
///
/// # Errors
/// As [`file()`], and if the file is not UTF-8.
pub fn text(path: &Path, limit: u64) -> Result<String, ReadError> {
    String::from_utf8(file(path, limit)?).map_err(|error| ReadError::NotText {
        at: error.utf8_error().valid_up_to(),
    })
}

/// Reads the bytes of a file or a pipe.
///
/// # Errors
/// If the path is a folder or a device, or there are more than `limit` bytes or they cannot be read.
pub fn stream(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let found = std::fs::metadata(path)?;
    let kind = kind(found.file_type());
    if kind != FILE && kind != PIPE {
        return Err(ReadError::NotAFile { found: kind });
    }
    if found.len() > limit {
        return Err(ReadError::TooLong { limit });
    }
    all(File::open(path)?, limit)
}

/// Reads a stream to its end.
///
/// # Errors
/// If there are more than `limit` bytes or they cannot be read.
pub fn all(reader: impl Read, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    // One byte beyond the limit tells a stream that ends there from one that continues.
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        Err(ReadError::TooLong { limit })
    } else {
        Ok(bytes)
    }
}

const FILE: &str = "a file";
const PIPE: &str = "a pipe";

/// Names the type of a file-system entry.
fn kind(found: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if found.is_fifo() {
            return PIPE;
        }
        if found.is_char_device() || found.is_block_device() {
            return "a device";
        }
        if found.is_socket() {
            return "a socket";
        }
    }
    if found.is_dir() {
        "a folder"
    } else if found.is_file() {
        FILE
    } else {
        "neither a file nor a folder"
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_last_length_that_is_read() {
        assert_eq!(all(&b"abc"[..], 3).unwrap(), b"abc");
        let error = all(&b"abcd"[..], 3).unwrap_err();
        assert!(matches!(error, ReadError::TooLong { limit: 3 }));
        assert!(all(io::repeat(0), 1 << 16).is_err());
    }

    #[test]
    fn folders_and_devices_are_no_files() {
        let folder = tempfile::tempdir().unwrap();
        let error = file(folder.path(), 9).unwrap_err().to_string();
        assert_eq!(error, "it is a folder, expected a file");
        let path = folder.path().join("text");
        std::fs::write(&path, [b'a', 0xff]).unwrap();
        assert!(matches!(text(&path, 2), Err(ReadError::NotText { at: 1 })));
        assert!(matches!(
            file(&path, 1),
            Err(ReadError::TooLong { limit: 1 })
        ));
        #[cfg(unix)]
        for read in [file, stream] {
            let error = read(Path::new("/dev/zero"), 9).unwrap_err().to_string();
            assert_eq!(error, "it is a device, expected a file");
        }
    }
}
