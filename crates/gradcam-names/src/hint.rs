//! The nearest names in words.

/// Puts the nearest names into words, for the end of a message; empty if there are none.
pub fn hint(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        [name] => format!("; the nearest is `{name}`"),
        names => format!("; the nearest are `{}`", names.join("`, `")),
    }
}
