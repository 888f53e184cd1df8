//! The metrics that are tests over images: their names and nulls.

use gradcam_eval::evaluate::Null;
use gradcam_eval::{CardTest, Metric, Need};

use super::entry::Named;

/// Whether a test compares the method with this null in this metric; the methods beside it are compared with none.
pub(super) fn compared(method: usize, metric: Metric, null: Null) -> bool {
    method == 0 && metric.about().nulls().contains(&null)
}

/// Says why the metric could be measured on no image.
pub(super) fn no_image(metric: Metric) -> &'static str {
    if metric.about().needs.contains(&Need::Distractor) {
        "no image has an object of under a quarter of the picture beside one of another class"
    } else {
        "no image has a class that the network knows"
    }
}

pub(super) fn named(metric: Metric, test: &CardTest) -> Named<'static> {
    let about = metric.about();
    Named {
        id: test.id,
        title: about.title,
        paper: about.paper,
        metric: metric.name(),
        unit: "",
        protocol: test.protocol,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use gradcam_eval::card::Card;

    use super::*;

    /// Checks that the committed card of the default model has the tests in this order, under these headings and with these texts.
    #[test]
    fn the_committed_card_has_the_tests_of_the_table() {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../models/efficientnet-lite0/card"
        );
        let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
        let card = Card::from_json(&read("card.json")).unwrap();
        let tests = Metric::of_card();
        let known = |id: &str| tests.iter().find(|(_, test)| test.id == id);
        let found: Vec<_> = card
            .tests()
            .filter(|test| known(&test.id).is_some())
            .collect();
        assert_eq!(found.len(), tests.len());
        for (found, (metric, test)) in found.into_iter().zip(&tests) {
            assert_eq!(found.id, test.id);
            assert!(
                card.sections.tests(test.section).contains(found),
                "{metric}"
            );
            assert_eq!(found.title, metric.about().title);
            assert_eq!(found.metric.name, metric.name());
            assert_eq!(found.protocol.description, test.protocol);
            let nulls = found.nulls.iter().map(|null| null.name.replace('_', "-"));
            let expected = test.against.nulls().iter().map(|null| null.name());
            if found.metric.n > 0 {
                assert!(nulls.eq(expected), "{metric}");
            }
            assert_eq!(found.axes.is_some(), test.curve.is_some(), "{metric}");
        }
        let records = read("records.jsonl");
        let header: serde_json::Value =
            serde_json::from_str(records.lines().next().unwrap()).unwrap();
        let measured = tests.iter().map(|(metric, _)| metric.name());
        let measured: Vec<&str> = measured
            .filter(|name| {
                header["metrics"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|n| n == name)
            })
            .collect();
        assert_eq!(header["metrics"], serde_json::json!(measured));
    }
}
