//! Records in a file: one JSON object per line, the header first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{FORMAT, Header, ImageRecord};

/// Why records could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("cannot use `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The path is a pipe or a device, which may have no end.
    #[error("`{}` is not a regular file, expected one written by `--records`", .0.display())]
    NotAFile(PathBuf),
    /// The file is longer than any study's file.
    #[error("`{}` is longer than {limit} bytes, the limit", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file already exists.
    #[error("`{}` exists", .0.display())]
    Exists(PathBuf),
    /// A line is malformed.
    #[error("`{}`, line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// The problem.
        reason: String,
    },
    /// The file belongs to another study.
    #[error("`{}` was made for another study: its {field} is {found}, expected {expected}", path.display())]
    Study {
        /// The file.
        path: PathBuf,
        /// The first field that differs.
        field: String,
        /// The file's value.
        found: String,
        /// The expected value.
        expected: String,
    },
    /// The file was written by a version with another format.
    #[error("`{}` has records of the format `{found}`, expected `{}`: another version wrote them, and they cannot be resumed or merged; measure again into another file", path.display(), FORMAT)]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// Two files have different records of one image.
    #[error("image {index} (`{id}`) has two different records, the second in `{}`", path.display())]
    Contradiction {
        /// The image's index.
        index: usize,
        /// The image's name.
        id: String,
        /// The second file.
        path: PathBuf,
    },
}

type Result<T> = std::result::Result<T, JournalError>;

/// A file to which records are appended.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    done: BTreeSet<usize>,
}

impl Journal {
    /// Creates a file.
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn create(path: &Path, header: &Header) -> Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => JournalError::Exists(path.to_path_buf()),
            _ => io(path)(source),
        })?;
        let mut journal = Journal {
            path: path.to_path_buf(),
            file,
            done: BTreeSet::new(),
        };
        journal.line(header)?;
        Ok(journal)
    }

    /// Resumes a file of the same study; a missing file is created. An incomplete last line is dropped.
    ///
    /// # Errors
    /// If the file belongs to another study, or cannot be read or written.
    pub fn resume(path: &Path, header: &Header) -> Result<Self> {
        if !path.exists() {
            return Self::create(path, header);
        }
        let mut done = BTreeSet::new();
        let (found, whole) = scan(path, |record| {
            done.insert(record.index);
            Ok(())
        })?;
        same(path, &found, header)?;
        let file = OpenOptions::new().write(true).open(path);
        let mut file = file.map_err(io(path))?;
        file.set_len(whole).map_err(io(path))?;
        file.seek(SeekFrom::End(0)).map_err(io(path))?;
        Ok(Journal {
            path: path.to_path_buf(),
            file,
            done,
        })
    }

    /// Returns whether the image with this index has a record.
    pub fn has(&self, index: usize) -> bool {
        self.done.contains(&index)
    }

    /// Appends a record, and passes it to the operating system before returning.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&mut self, record: &ImageRecord) -> Result<()> {
        self.line(record)?;
        self.done.insert(record.index);
        Ok(())
    }

    fn line(&mut self, value: &impl serde::Serialize) -> Result<()> {
        let mut text = serde_json::to_string(value).map_err(|error| JournalError::Line {
            path: self.path.clone(),
            line: self.done.len() + 1,
            reason: error.to_string(),
        })?;
        text.push('\n');
        // In one call, so that an interruption leaves at most one incomplete line.
        self.file.write_all(text.as_bytes()).map_err(io(&self.path))
    }
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> JournalError {
    let path = path.to_path_buf();
    move |source| JournalError::Io {
        path: path.clone(),
        source,
    }
}

/// Reads the header of a file and its records in the order of the images.
///
/// # Errors
/// If the file cannot be read, or is not a file of records.
pub fn read(path: &Path) -> Result<(Header, Vec<ImageRecord>)> {
    merge(&[path.to_path_buf()])
}

/// Merges the records of several files of one study, in the order of the images: parts of a run, or the same part twice.
///
/// # Errors
/// If a file cannot be read, or the files are of different studies or contradict each other.
pub fn merge(paths: &[PathBuf]) -> Result<(Header, Vec<ImageRecord>)> {
    let mut header: Option<Header> = None;
    let mut records: BTreeMap<usize, ImageRecord> = BTreeMap::new();
    for path in paths {
        let mut more = Vec::new();
        let (found, _) = scan(path, |record| {
            more.push(record);
            Ok(())
        })?;
        match &header {
            Some(header) => same(path, &found, header)?,
            None => header = Some(found),
        }
        for record in more {
            match records.get(&record.index) {
                None => {
                    records.insert(record.index, record);
                }
                Some(known) if *known == record => {}
                Some(_) => {
                    return Err(JournalError::Contradiction {
                        index: record.index,
                        id: record.id,
                        path: path.clone(),
                    });
                }
            }
        }
    }
    match header {
        Some(header) => Ok((header, records.into_values().collect())),
        None => Err(JournalError::Line {
            path: PathBuf::new(),
            line: 1,
            reason: "no file was given".to_string(),
        }),
    }
}

/// The maximum length of a line in bytes: all methods by all metrics on one image take a hundredth of it.
const LINE: u64 = 16 << 20;
/// The maximum size of a file of records in bytes.
const RECORDS: u64 = 4 << 30;

/// Opens a file of records: not a pipe, which may never have a writer, nor a device, which may have no end.
fn open(path: &Path) -> Result<File> {
    let found = std::fs::metadata(path).map_err(io(path))?;
    if !found.is_file() && !found.is_dir() {
        return Err(JournalError::NotAFile(path.to_path_buf()));
    }
    if found.len() > RECORDS {
        return Err(JournalError::TooLong {
            path: path.to_path_buf(),
            limit: RECORDS,
        });
    }
    File::open(path).map_err(io(path))
}

/// The field that every version's header has.
#[derive(serde::Deserialize)]
struct Named {
    format: String,
}

/// Passes each record of a file to `visit`. Returns the header and the total length of the complete lines in bytes.
fn scan(path: &Path, mut visit: impl FnMut(ImageRecord) -> Result<()>) -> Result<(Header, u64)> {
    let mut reader = BufReader::new(open(path)?);
    let mut header = None;
    let (mut whole, mut number) = (0, 0);
    // As bytes, because a line may be cut inside a character.
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut rest = reader.by_ref().take(LINE);
        let length = rest.read_until(b'\n', &mut line).map_err(io(path))?;
        if length as u64 == LINE {
            return Err(JournalError::Line {
                path: path.to_path_buf(),
                line: number + 1,
                reason: format!("it is longer than {LINE} bytes; this is not a file of records"),
            });
        }
        if length == 0 || !line.ends_with(b"\n") {
            break;
        }
        number += 1;
        let wrong = |error: serde_json::Error| JournalError::Line {
            path: path.to_path_buf(),
            line: number,
            reason: error.to_string(),
        };
        match header {
            None => {
                let named: Named = serde_json::from_slice(&line).map_err(wrong)?;
                if named.format != FORMAT {
                    return Err(JournalError::Format {
                        path: path.to_path_buf(),
                        found: named.format,
                    });
                }
                header = Some(serde_json::from_slice::<Header>(&line).map_err(wrong)?);
            }
            Some(_) => visit(serde_json::from_slice(&line).map_err(wrong)?)?,
        }
        whole += length as u64;
    }
    let header = header.ok_or_else(|| JournalError::Line {
        path: path.to_path_buf(),
        line: 1,
        reason: "there is no header; this is not a file of records".to_string(),
    })?;
    Ok((header, whole))
}

/// Checks that a file belongs to the expected study.
fn same(path: &Path, found: &Header, expected: &Header) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let fields = |header: &Header| match serde_json::to_value(header) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let text = |value: Option<&serde_json::Value>| match value {
        None | Some(serde_json::Value::Null) => "none".to_string(),
        Some(value) => value.to_string(),
    };
    let (found, expected) = (fields(found), fields(expected));
    let others = expected
        .iter()
        .filter(|(name, value)| found.get(*name) != Some(value));
    // Named fields come first, because a hash follows from them: another fit gives other pictures.
    let (named, hashes): (Vec<_>, Vec<_>) =
        others.partition(|(name, _)| !name.ends_with("_sha256"));
    let (field, value) = match named.into_iter().chain(hashes).next() {
        Some((name, value)) => (name.clone(), Some(value)),
        None => ("format".to_string(), None),
    };
    Err(JournalError::Study {
        path: path.to_path_buf(),
        found: text(found.get(&field)),
        expected: text(value),
        field,
    })
}
