//! Words for the names that are nearest to an unknown one.

/// Says which they are; `None` if there are none.
pub(crate) fn said(names: &[String]) -> Option<String> {
    match names {
        [] => None,
        [one] => Some(format!("the nearest is `{one}`")),
        several => Some(format!("the nearest are `{}`", several.join("`, `"))),
    }
}
