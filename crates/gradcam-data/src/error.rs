//! Why a data set cannot be read, drawn or written.

use std::io;
use std::path::{Path, PathBuf};

use gradcam_names::hint;
use gradcam_picture::PictureError;
use gradcam_picture::bounded::ReadError;

/// Why a data set cannot be read, drawn or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// A file or folder cannot be written.
    #[error("cannot write `{}`", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file is not a picture that can be decoded.
    #[error("cannot decode the picture `{}`", .path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// The decoder's error.
        source: PictureError,
    },
    /// A file of annotations does not have the content that its layout requires.
    #[error("`{}`{}: expected {expected}, found {found}", .path.display(), place(.at))]
    Annotation {
        /// The file.
        path: PathBuf,
        /// The line or the record, if known.
        at: Option<String>,
        /// The content that the layout requires.
        expected: String,
        /// The content that was found.
        found: String,
    },
    /// Annotations name pictures that do not exist.
    #[error("`{}` names {count} pictures that are not in `{}`: `{}`{}", .annotations.display(), .folder.display(), .first.join("`, `"), rest(*.count, .first))]
    MissingPictures {
        /// The file or folder of annotations.
        annotations: PathBuf,
        /// The folder that was searched for the pictures.
        folder: PathBuf,
        /// The number of missing pictures.
        count: usize,
        /// The first few of them.
        first: Vec<String>,
    },
    /// No known layout matches a path.
    #[error("`{}` matches no known layout: {found}", .path.display())]
    NoLayout {
        /// The path.
        path: PathBuf,
        /// The content that was found instead.
        found: String,
    },
    /// No layout has this name.
    #[error("there is no layout `{name}`{}", hint(.nearest))]
    UnknownLayout {
        /// The unknown name.
        name: String,
        /// Similar names.
        nearest: Vec<String>,
    },
    /// A mask's size differs from its picture's.
    #[error("expected a mask of {} × {} pixels, the size of its picture, found {} × {}", .expected.1, .expected.0, .found.1, .found.0)]
    Size {
        /// Height and width of the picture.
        expected: (usize, usize),
        /// Height and width of the mask.
        found: (usize, usize),
    },
    /// A run-length code does not describe a mask.
    #[error("bad run-length code: {0}")]
    Runs(String),
    /// A sample's picture or objects cannot be loaded.
    #[error("the sample `{id}` cannot be loaded")]
    Sample {
        /// The sample.
        id: String,
        /// Why.
        source: Box<Error>,
    },
    /// A parameter is out of its range.
    #[error("`{field}` is {found}, expected {expected}")]
    Setting {
        /// The parameter.
        field: &'static str,
        /// Its range.
        expected: &'static str,
        /// Its value.
        found: String,
    },
    /// The folder to write exists; nothing is overwritten.
    #[error("`{}` exists already; choose a folder that does not exist", .0.display())]
    Exists(PathBuf),
}

/// A result whose error is [`enum@Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn read<E: Into<ReadError>>(path: &Path) -> impl FnOnce(E) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Read {
            path,
            source: source.into(),
        }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Write { path, source }
    }

    pub(crate) fn picture(path: &Path) -> impl FnOnce(PictureError) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Picture { path, source }
    }

    /// Reports a file that is wrong at a line or record, or as a whole if `at` is empty.
    pub(crate) fn annotation(
        path: &Path,
        at: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        let at = at.into();
        Error::Annotation {
            path: path.to_path_buf(),
            at: (!at.is_empty()).then_some(at),
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// Reports a path that no layout matches.
    pub(crate) fn no_layout(path: &Path, found: &str) -> Error {
        Error::NoLayout {
            path: path.to_path_buf(),
            found: found.to_string(),
        }
    }
}

fn place(at: &Option<String>) -> String {
    at.as_ref().map(|at| format!(", {at}")).unwrap_or_default()
}

fn rest(count: usize, first: &[String]) -> &'static str {
    if count > first.len() { ", …" } else { "" }
}
