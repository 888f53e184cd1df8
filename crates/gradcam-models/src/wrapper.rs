//! Wrappers around a network in training, which prefix its parameters' names.

/// Prefixes of `DataParallel` and `DistributedDataParallel`, `torch.compile`, and the attributes for the network in Lightning's examples.
const WRAPPERS: [&str; 4] = ["module.", "_orig_mod.", "model.", "net."];

/// Finds the wrapper that prefixes more than half of the names; other names may belong to a loss or a metric.
pub(crate) fn wrapper<S: AsRef<str>>(names: &[S]) -> Option<&'static str> {
    WRAPPERS.into_iter().find(|wrapper| {
        let inside = names.iter().filter(|n| n.as_ref().starts_with(wrapper));
        2 * inside.count() > names.len()
    })
}

/// Removes the wrappers from every name, and returns them too, the outermost first.
pub(crate) fn unwrapped(mut names: Vec<String>) -> (Vec<String>, Vec<&'static str>) {
    let mut removed = Vec::new();
    while let Some(wrapper) = wrapper(&names) {
        for name in &mut names {
            if let Some(inner) = name.strip_prefix(wrapper) {
                *name = inner.to_string();
            }
        }
        removed.push(wrapper);
    }
    (names, removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_are_taken_off_one_by_one() {
        let names = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
        let all = names(&[
            "model.module.conv.weight",
            "model.module.fc.bias",
            "loss.weight",
        ]);
        let (plain, removed) = unwrapped(all);
        assert_eq!(plain, ["conv.weight", "fc.bias", "loss.weight"]);
        assert_eq!(removed, ["model.", "module."]);
        assert_eq!(wrapper(&names(&["conv.weight", "net.bias"])), None);
        assert_eq!(wrapper(&names(&[])), None);
    }

    #[test]
    fn no_network_has_a_module_named_as_a_wrapper() {
        for architecture in crate::architectures::all() {
            let skeleton = gradcam_nn::Weights::skeleton();
            assert!(architecture.build(&skeleton, 10).is_ok());
            assert_eq!(wrapper(&skeleton.names()), None, "{}", architecture.name);
        }
    }
}
