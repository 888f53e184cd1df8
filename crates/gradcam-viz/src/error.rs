//! Errors of drawing.

use std::path::PathBuf;

/// Why a picture cannot be drawn; the message says what to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Photo and map differ in size.
    #[error(
        "photo and map differ in size: the photo is {photo_width}x{photo_height}, \
         the map {map_width}x{map_height} (width x height); resize one of them first"
    )]
    Size {
        /// Width of the photo.
        photo_width: u32,
        /// Height of the photo.
        photo_height: u32,
        /// Width of the map.
        map_width: usize,
        /// Height of the map.
        map_height: usize,
    },
    /// No colour map has this name.
    #[error("unknown colour map `{name}`; expected one of {expected}")]
    ColorMap {
        /// The unknown name.
        name: String,
        /// The known names.
        expected: String,
    },
    /// No view has this name.
    #[error("unknown view `{name}`; expected one of {expected}")]
    View {
        /// The unknown name.
        name: String,
        /// The known names.
        expected: String,
    },
    /// The opacity is outside 0 to 1.
    #[error("alpha must lie between 0 and 1, found {0}")]
    Alpha(f32),
    /// The common scale is negative or not finite.
    #[error("the scale must be a finite number of at least 0, found {0}")]
    Scale(f32),
    /// A threshold is outside 0 (excluded) to 1.
    #[error("a threshold is a fraction of the maximum above 0 and up to 1, found {0}")]
    Fraction(f64),
    /// A sheet without pictures or without columns.
    #[error("a sheet needs at least one picture and one column, found {pictures} and {columns}")]
    EmptySheet {
        /// The number of pictures.
        pictures: usize,
        /// Requested columns.
        columns: usize,
    },
    /// The picture would have too many pixels.
    #[error("a picture of {width}x{height} pixels is larger than the limit of {limit} pixels")]
    TooLarge {
        /// Requested width in pixels.
        width: u64,
        /// Requested height in pixels.
        height: u64,
        /// The most pixels that a picture may have.
        limit: u64,
    },
    /// The file name has no extension that names a format.
    #[error(
        "no picture format for `{path}`: {found}; supported extensions are {expected}",
        path = .path.display(),
        found = found_extension(.path)
    )]
    Extension {
        /// The file's name.
        path: PathBuf,
        /// The supported extensions.
        expected: String,
    },
    /// A picture's note is too long.
    #[error("a picture's note has at most 32 KiB, found {0} bytes")]
    Note(usize),
    /// The encoder refused the picture, for example because of its size.
    #[error("cannot encode a {width}x{height} picture as {format}")]
    Encode {
        /// The requested format.
        format: String,
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
        /// The encoder's reason.
        source: image::ImageError,
    },
}

/// The result of a drawing function.
pub type Result<T> = std::result::Result<T, Error>;

/// Lists names in backticks for an error.
pub(crate) fn quoted<T: std::fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn found_extension(path: &std::path::Path) -> String {
    match path.extension() {
        Some(extension) => format!("unknown extension `{}`", extension.display()),
        None => "it has no extension".to_owned(),
    }
}
