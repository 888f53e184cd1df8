//! Why a node is not supported.

/// Why a node is not supported, for a person.
pub(crate) type Reason = String;

/// Returns the tensor library's message.
pub(crate) fn reason(error: candle_core::Error) -> Reason {
    error.to_string()
}
