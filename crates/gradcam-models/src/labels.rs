//! The names of classes.

use std::sync::LazyLock;

/// ImageNet-1k's thousand names, from the default model's description.
static IMAGENET: LazyLock<Vec<String>> = LazyLock::new(|| {
    #[derive(serde::Deserialize)]
    struct Named {
        label_names: Vec<String>,
    }
    serde_json::from_str::<Named>(crate::embedded::CONFIG)
        .map(|named| named.label_names)
        .unwrap_or_default()
});

/// Names for a model that brings none: ImageNet's for 1000 classes, else `class 0`, `class 1` and so on.
pub(crate) fn for_classes(classes: usize) -> Vec<String> {
    if classes == 1000 {
        return IMAGENET.clone();
    }
    (0..classes).map(|index| format!("class {index}")).collect()
}

#[cfg(test)]
mod tests {
    use super::for_classes;

    #[test]
    fn there_is_a_name_for_every_class() {
        assert_eq!(for_classes(1000)[285], "Egyptian cat");
        assert_eq!(for_classes(2), ["class 0", "class 1"]);
    }
}
