//! Why there is no such map.

/// Why there is no such map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A map needs at least one row and one column.
    #[error("a map needs at least one row and one column, found height {height} and width {width}")]
    Empty {
        /// Rows asked for.
        height: usize,
        /// Columns asked for.
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
        /// Values given.
        found: usize,
    },
    /// No interpolation has this name.
    #[error("unknown interpolation `{0}`, expected `nearest`, `bilinear`, `bicubic` or `lanczos3`")]
    UnknownInterpolation(String),
}
