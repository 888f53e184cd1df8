//! Checks test names before there is a card.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use gradcam_eval::Metric;
use gradcam_names::{hint, nearest};

use super::{labels, parameters, scenes};

/// Lists the ids of all tests of a card.
fn ids() -> impl Iterator<Item = &'static str> {
    let methodology = ["determinism", "gradient_check"];
    let images = Metric::of_card().into_iter().map(|(_, test)| test.id);
    let others = labels::TESTS.into_iter().chain(parameters::TESTS);
    let all = methodology.into_iter().chain(images).chain(others);
    all.chain(scenes::TESTS)
}

/// Returns the part of an id before the first `.`, which the variants of one published test share.
fn published(id: &str) -> &str {
    id.split('.').next().unwrap_or(id)
}

/// Checks that a card has tests of all these names, which are ids or the shared parts of several.
///
/// # Errors
/// For the first unknown name, with the nearest known ones.
pub(crate) fn wanted(names: &[String]) -> Result<()> {
    let known: BTreeSet<&str> = ids().flat_map(|id| [id, published(id)]).collect();
    for name in names {
        if known.contains(name.as_str()) {
            continue;
        }
        let hint = match nearest(name, known.iter().copied()).as_slice() {
            [] => format!("; they are {}", ids().collect::<Vec<_>>().join(", ")),
            near => hint(near),
        };
        bail!("`--fail-on {name}`: no test of a card has that name{hint}");
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use gradcam_eval::card::Card;

    use super::*;

    /// Checks that the committed card of the default model has exactly these tests.
    #[test]
    fn all_tests_of_a_card_are_known() {
        let card = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../models/efficientnet-lite0/card/card.json"
        );
        let card = Card::from_json(&std::fs::read_to_string(card).unwrap()).unwrap();
        let measured: BTreeSet<&str> = card.tests().map(|test| test.id.as_str()).collect();
        assert_eq!(ids().collect::<BTreeSet<_>>(), measured);
    }

    #[test]
    fn an_unknown_test_is_refused_with_the_nearest() {
        let of = |name: &str| wanted(&[name.to_string()]);
        for name in ["determinism", "deletion", "deletion.rise", "linearity"] {
            of(name).unwrap();
        }
        for name in ["determinsm", "Determinism", "deletion.rice"] {
            let error = of(name).unwrap_err().to_string();
            let nearest = match name {
                "deletion.rice" => "deletion.rise",
                _ => "determinism",
            };
            assert!(error.contains(&format!("`{nearest}`")), "{error}");
        }
        assert!(of("9").unwrap_err().to_string().contains("hit_rate"));
    }
}
