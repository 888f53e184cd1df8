//! The nearest names in words.

/// Says which names are the nearest, to stand behind a message; empty if there are none.
pub fn hint(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        [name] => format!("; the nearest is `{name}`"),
        names => format!("; the nearest are `{}`", names.join("`, `")),
    }
}
