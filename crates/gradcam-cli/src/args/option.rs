//! Options of methods and generators.

/// Parses `OPTION=VALUE`.
pub(super) fn option(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((option, value)) if !option.is_empty() => Ok((option.to_string(), value.to_string())),
        _ => Err("expected OPTION=VALUE".to_string()),
    }
}
