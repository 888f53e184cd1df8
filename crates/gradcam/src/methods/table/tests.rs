#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::methods::perturbation::testing::{Linear, picture, with_subject};
use crate::saliency::Features;

/// A method is added by its file, for which this module stands, and by its line in a table.
#[allow(unreachable_pub)]
mod added {
    use serde::{Deserialize, Serialize};

    use crate::Result;
    use crate::methods::about::{About, LAYER};
    use crate::methods::class_activation::GradCam;
    use crate::methods::recipe::{Check, Recipe};
    use crate::saliency::{SignedMap, Subject};

    /// The largest gradient at each position, to a power.
    #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Steepest {
        /// The power.
        pub power: f64,
    }

    impl Default for Steepest {
        fn default() -> Self {
            Steepest { power: 2.0 }
        }
    }

    impl Recipe for Steepest {
        fn about(&self) -> About {
            About {
                paper: "none",
                ..LAYER
            }
        }
        fn check(&self, check: &Check) -> Result<()> {
            check.finite("power", self.power)
        }
        fn is_signed(&self) -> bool {
            false
        }
        fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
            let mut largest = vec![0.0_f64; subject.features.positions()];
            for (_, gradient) in subject.features.pairs() {
                for (value, &g) in largest.iter_mut().zip(gradient) {
                    *value = value.max(f64::from(g.abs()).powf(self.power));
                }
            }
            Ok(subject.features.grid(largest).into())
        }
    }

    methods! {
        /// Grad-CAM.
        GradCam = "grad-cam" => GradCam;
        /// The steepest channel.
        Steepest(options: Steepest) = "steepest" => *options;
    }
}

#[test]
fn a_line_of_the_table_makes_a_method() {
    use added::{Method, Steepest};
    let names: Vec<&str> = Method::all().iter().map(Method::name).collect();
    assert_eq!(names, ["grad-cam", "steepest"]);
    let method: Method = serde_json::from_str(r#"{"method":"steepest","power":1}"#).unwrap();
    assert_eq!(method, Method::Steepest(Steepest { power: 1.0 }));
    let about = method.ask(|recipe| recipe.about());
    assert_eq!(about.source, Source::Layer);
    assert!(!method.ask(|recipe| recipe.is_signed()));
    assert!(Method::GradCam.ask(|recipe| recipe.is_signed()));
    let check = Check {
        method: method.name(),
        input: None,
    };
    let wrong = Method::Steepest(Steepest { power: f64::NAN });
    let error = wrong.ask(|recipe| recipe.check(&check)).unwrap_err();
    assert!(
        error.to_string().contains("`power` of `steepest`"),
        "{error}"
    );
    let (image, network) = (picture(6, 5), Linear::new(6, 5));
    let map = with_subject(&network, &image, |subject| {
        let features = Features {
            activation: &[0.0; 4],
            gradient: &[1.0, -2.0, 3.0, 0.5],
            size: Size::new(1, 2).unwrap(),
        };
        let subject = Subject {
            features,
            ..*subject
        };
        method.ask(|recipe| recipe.map(&subject)).unwrap().map
    });
    assert_eq!(map.values(), [3.0, 2.0]);
}

/// The table alone decides which method runs: no other product code of the crate asks which method it has.
#[test]
fn no_file_but_the_table_knows_the_methods() {
    let mut found = BTreeMap::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    visit(&sources, &mut |path, text| {
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        let named = product.lines().map(str::trim_start).filter(|line| {
            let code = !line.starts_with("//");
            code && Method::all().iter().any(|method| {
                let debug = format!("{method:?}");
                let variant = debug.split(['(', ' ']).next().unwrap_or_default();
                line.contains(&format!("Method::{variant}"))
            })
        });
        found.insert(path.to_path_buf(), named.count());
    });
    found.retain(|_, count| *count > 0);
    // The default is Grad-CAM.
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found.get(&sources.join("methods/table.rs")), Some(&1));
}

/// Visits product files; test code is in separate files.
fn visit(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if path.is_dir() {
            visit(&path, look);
        } else if !["golden", "testing", "tests"].contains(&name) {
            look(&path, &std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn defaults_mean_something_and_their_bounds_are_kept() {
    for method in Method::all() {
        method.check_options(None).unwrap();
    }
    for (name, option, value) in [
        ("smoothgrad", "samples", "0"),
        ("vargrad", "noise", "-1"),
        ("is-cam", "steps", "9223372036854775808"),
        ("ss-cam", "samples", "9223372036854775808"),
        ("occlusion", "stride", "33"),
        ("lime", "segments", "50176"),
        ("ss-cam", "sigma", "-0.5"),
        ("integrated-gradients", "steps", "18446744073709551615"),
        ("blur-ig", "sigma", "1e300"),
        ("blur-ig", "sigma", "-3"),
        ("shapley-cam", "step", "0"),
        ("lrp", "epsilon", "0"),
        ("grad-cam++", "epsilon", "-1"),
        ("xrai", "steps", "0"),
        ("recipro-cam", "kernel", "2"),
        ("recipro-cam", "kernel", "19"),
    ] {
        let set = [(option.to_string(), value.to_string())];
        let method = Method::with_options(name, &set).unwrap();
        let error = method.check_options(None).unwrap_err();
        let expected = format!("the option `{option}` of `{name}` must be ");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

#[test]
fn a_window_and_cells_fit_the_input() {
    for (name, option) in [("occlusion", "window"), ("rise", "cells")] {
        let with = |value: usize| {
            let set = [(option.to_string(), value.to_string())];
            let set = [&set[..], &[("stride".to_string(), "1".to_string())]].concat();
            let set = if name == "rise" { &set[..1] } else { &set };
            Method::with_options(name, set).unwrap()
        };
        for (value, input, fits) in [
            (28, Size::new(28, 40).ok(), true),
            (29, Size::new(28, 40).ok(), false),
            (29, Size::new(40, 28).ok(), false),
            (29, None, true),
        ] {
            let found = with(value).check_options(input);
            assert_eq!(found.is_ok(), fits, "{name} {value} {input:?}");
        }
    }
    assert_eq!(Method::GradCam.baseline(), None);
    assert_eq!(
        "lime".parse::<Method>().unwrap().baseline(),
        Some(Baseline::Mean)
    );
}
