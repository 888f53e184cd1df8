//! Why a picture cannot be prepared.

/// Why a picture cannot be prepared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreprocessError {
    /// A field of [`Preprocess`](super::Preprocess) is out of range.
    #[error("the preprocessing's `{field}` is {found}, expected {expected}")]
    Setting {
        /// The field's name.
        field: &'static str,
        /// Its value.
        found: String,
        /// The values it may have.
        expected: &'static str,
    },
    /// A side of the picture or of the requested size is zero.
    #[error("cannot resize from or to an empty picture: {width} × {height} pixels")]
    Empty {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The resize needs too many pixels, as for a picture one pixel wide and very high.
    #[error(
        "resizing the picture from {from_width} × {from_height} to {width} × {height} pixels takes too much memory: its sides differ too much"
    )]
    TooLarge {
        /// Width before, in pixels.
        from_width: u32,
        /// Height before, in pixels.
        from_height: u32,
        /// Requested width in pixels.
        width: u64,
        /// Requested height in pixels.
        height: u64,
    },
    /// The resizing library refused.
    #[error("cannot resize the picture: {reason}")]
    Resize {
        /// The library's message.
        reason: String,
    },
    /// The tensor cannot be made on the device.
    #[error("cannot put the picture on the device")]
    Tensor(#[from] candle_core::Error),
}
