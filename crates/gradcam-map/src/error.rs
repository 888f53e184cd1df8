//! Errors of maps.

/// Errors of maps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A map needs at least one row and one column.
    #[error("a map needs at least one row and one column, found height {height} and width {width}")]
    Empty {
        /// Requested rows.
        height: usize,
        /// Requested columns.
        width: usize,
    },
    /// The number of values is not height × width.
    #[error("a map of height {height} and width {width} needs {expected} values, found {found}")]
    Length {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// height × width.
        expected: usize,
        /// The number of values passed.
        found: usize,
    },
    /// No interpolation has this name.
    #[error("unknown interpolation `{0}`, expected `nearest`, `bilinear`, `bicubic` or `lanczos3`")]
    UnknownInterpolation(String),
}
