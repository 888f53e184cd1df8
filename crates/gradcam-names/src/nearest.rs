//! The distance between names, and the nearest ones.

use std::cmp::Ordering;

/// The most names in a message.
const MOST: usize = 3;

/// Finds up to three of `names` near `name`, nearest first, ties in alphabetical order. If a name differs only in case, spaces, `-` and
/// `_`, farther ones are left out.
///
/// ```
/// use gradcam_names::nearest;
///
/// let labels = ["tabby", "tiger cat", "crane"];
/// assert_eq!(nearest("taby", labels), ["tabby"]);
/// assert_eq!(nearest("TIGER-CAT", labels), ["tiger cat"]);
/// assert!(nearest("espresso", labels).is_empty());
/// ```
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = plain(name);
    let mut near: Vec<Near<'a>> = names
        .into_iter()
        .filter_map(|known| Near::new(&wanted, known))
        .collect();
    near.sort_unstable_by(|a, b| a.compare(b));
    near.dedup_by(|a, b| a.name == b.name);
    if near.first().is_some_and(|first| first.distance == 0) {
        near.retain(|near| near.distance == 0);
    }
    near.truncate(MOST);
    near.into_iter().map(|near| near.name.to_string()).collect()
}

/// A known name near the wanted one.
struct Near<'a> {
    name: &'a str,
    /// Letters that change.
    distance: usize,
    /// Letters of the longer of the two names.
    length: usize,
}

impl<'a> Near<'a> {
    /// Measures `name`; `None` if more than half the letters change.
    fn new(wanted: &str, name: &'a str) -> Option<Self> {
        let known = plain(name);
        let (a, b) = (wanted.chars().count(), known.chars().count());
        let length = a.max(b);
        // At least the difference in length changes, so pasted text of any length need not be measured.
        if 2 * a.abs_diff(b) > length {
            return None;
        }
        let distance = strsim::damerau_levenshtein(wanted, &known);
        (2 * distance <= length).then_some(Near {
            name,
            distance,
            length,
        })
    }

    /// Orders by the share of the letters that change, then alphabetically.
    fn compare(&self, other: &Self) -> Ordering {
        let shares = (self.distance * other.length).cmp(&(other.distance * self.length));
        shares.then_with(|| self.name.cmp(other.name))
    }
}

/// Returns the letters that count, in lower case.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, ' ' | '-' | '_'));
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHODS: [&str; 4] = ["grad-cam", "grad-cam++", "xgrad-cam", "smooth-grad-cam++"];

    #[test]
    fn case_and_separators_do_not_count() {
        for name in ["Grad-CAM", "GradCAM", "gradcam", "grad_cam", "GRAD CAM"] {
            assert_eq!(nearest(name, METHODS), ["grad-cam"], "{name}");
        }
        assert_eq!(nearest("GradCAM++", METHODS), ["grad-cam++"]);
    }

    #[test]
    fn the_nearest_come_first_and_far_ones_not_at_all() {
        let found = nearest("grad-cm", METHODS);
        assert_eq!(found, ["grad-cam", "xgrad-cam", "grad-cam++"]);
        assert!(nearest("rise", METHODS).is_empty());
        // Swapping two neighbours is one change; half the letters is just near enough.
        assert_eq!(nearest("cooc", ["cub", "voc", "coco"]), ["coco", "voc"]);
        // With equally many changes the longer name is nearer; ties are alphabetical.
        let sizes = ["vgg19", "resnet152", "vgg16", "vgg11", "resnet50", "vgg13"];
        assert_eq!(nearest("resnet51", sizes), ["resnet50", "resnet152"]);
        assert_eq!(nearest("vgg17", sizes), ["vgg11", "vgg13", "vgg16"]);
    }

    #[test]
    fn a_name_is_listed_once() {
        assert_eq!(nearest("cranes", ["crane", "crane"]), ["crane"]);
    }

    #[test]
    fn names_without_letters_and_endless_ones_are_measured() {
        assert_eq!(nearest("-", ["", "fem"]), [""]);
        assert!(nearest("", METHODS).is_empty());
        assert!(nearest(&"grad-cam".repeat(1 << 20), METHODS).is_empty());
    }
}
