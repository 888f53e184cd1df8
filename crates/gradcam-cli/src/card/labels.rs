//! Label sensitivity and model sensitivity of small networks, trained here on true and on permuted labels.

use anyhow::Result;
use candle_core::Tensor;
use gradcam::{Grid, Method};
use gradcam_eval::Metric;
use gradcam_eval::card::{Sections, Test};
use gradcam_eval::sanity::{
    Classes, ExplainClass, Side, accuracy_gate, agreement, agreement_test, data_randomization,
    data_randomization_test,
};
use gradcam_eval::statistics::{Grade, Measurement};
use gradcam_nn::Network;
use gradcam_train::{Family, build, initial};

use super::digits::{CNN, Digits, PAPER, RESIDUAL};
use super::entry::{Counts, Named, measured, without};
use super::papers::{ADEBAYO, ARUN};
use super::small::explain;
use super::subject::Subject;
use super::training::{Labelled, Net, School};
use crate::console::{Console, Unit};

const OWN_CLASS: Named<'_> = Named {
    id: "data_randomization.predicted",
    title: "Data randomization (each network's own class)",
    paper: ADEBAYO,
    metric: "rank correlation with the maps of permuted labels, less that with a second training",
    unit: "",
    protocol: "A residual network with global pooling is trained on true labels, again from another seed, and on permuted labels until it has memorised them; signed maps of test images are compared.",
};
const TRUE_CLASS: Named<'_> = Named {
    id: "data_randomization.fixed",
    title: "Data randomization (the true class)",
    ..OWN_CLASS
};
const OWN_CLASS_CNN: Named<'_> = Named {
    id: "data_randomization.cnn_predicted",
    title: "Data randomization of the paper's network (each network's own class)",
    protocol: "The paper's convolutional network, with 1,024 units in its first full layer, is trained on true labels, again from another seed, and on permuted labels until it has memorised them; signed maps of test images at its second convolution are compared.",
    ..OWN_CLASS
};
const TRUE_CLASS_CNN: Named<'_> = Named {
    id: "data_randomization.cnn_fixed",
    title: "Data randomization of the paper's network (the true class)",
    ..OWN_CLASS_CNN
};
const REPEATABILITY: Named<'_> = Named {
    id: "repeatability",
    title: "Repeatability",
    paper: ARUN,
    metric: "ssim",
    unit: "",
    protocol: "The same architecture trained from two seeds; maps of each network's own class for the same test images.",
};
const REPRODUCIBILITY: Named<'_> = Named {
    id: "reproducibility",
    title: "Reproducibility",
    protocol: "Two architectures trained on the same images; maps of each network's own class for the same test images.",
    ..REPEATABILITY
};

/// The tests: of the labels, then of the parameters.
pub(crate) const TESTS: [&str; 6] = [
    OWN_CLASS.id,
    TRUE_CLASS.id,
    OWN_CLASS_CNN.id,
    TRUE_CLASS_CNN.id,
    REPEATABILITY.id,
    REPRODUCIBILITY.id,
];

/// Measures the tests and adds them to their sections.
pub(crate) fn measure(
    subject: &Subject<'_>,
    sections: &mut Sections,
    console: &mut Console<'_>,
) -> Result<()> {
    let digits = subject.digits;
    let method = &subject.explainer.method;
    let [data, models] = [
        &mut sections.label_sensitivity,
        &mut sections.model_sensitivity,
    ];
    let none = |named: Named<'static>, reason: &str| without(named, Grade::NotApplicable, reason);
    if let Some(reason) = unsuited(method, digits, RESIDUAL, subject.seed)? {
        let all = [OWN_CLASS, TRUE_CLASS, OWN_CLASS_CNN, TRUE_CLASS_CNN];
        data.extend(all.map(|named| none(named, &reason)));
        models.extend([REPEATABILITY, REPRODUCIBILITY].map(|named| none(named, &reason)));
        return Ok(());
    }
    // Both networks with fully connected layers are of one family.
    let without_cnn = unsuited(method, digits, CNN, subject.seed)?;
    let paper = subject.effort.paper && without_cnn.is_none();
    let trainings = match (&without_cnn, paper) {
        (Some(_), _) => 3,
        (None, false) => 4,
        (None, true) => 6,
    };
    let bar = console.bar(trainings, Unit::Checks);
    let school = School {
        subject,
        digits,
        bar: &bar,
    };
    let residual = school.labelled(RESIDUAL)?;
    let paper = paper.then(|| school.labelled(PAPER)).transpose()?;
    let small = match (&without_cnn, &paper) {
        (None, None) => Some(school.network("another architecture", CNN, &digits.train, 300)?),
        (Some(_), _) | (None, Some(_)) => None,
    };
    let other = paper.as_ref().map(|paper| &paper.truth).or(small.as_ref());
    bar.finish_and_clear();
    data.extend(randomized(
        subject,
        digits,
        &residual,
        [OWN_CLASS, TRUE_CLASS],
    )?);
    let cnn = [OWN_CLASS_CNN, TRUE_CLASS_CNN];
    match (&paper, &without_cnn) {
        (Some(paper), _) => data.extend(randomized(subject, digits, paper, cnn)?),
        (None, Some(reason)) => data.extend(cnn.map(|named| none(named, reason))),
        (None, None) => {
            let reason = "the paper's network takes minutes to memorise permuted labels, and the quick card leaves it out";
            data.extend(cnn.map(|named| without(named, Grade::NotRun, reason)));
        }
    }
    let twins = [
        (REPEATABILITY, Some(&residual.second)),
        (REPRODUCIBILITY, other),
    ];
    for (named, twin) in twins {
        models.push(match twin {
            Some(twin) => alike(subject, digits, (&residual.truth, twin), named)?,
            None => none(named, without_cnn.as_deref().unwrap_or_default()),
        });
    }
    Ok(())
}

/// Says why a method cannot explain networks of a family, before one is trained; `None` if it can.
fn unsuited(method: &Method, digits: &Digits, family: Family, seed: u64) -> Result<Option<String>> {
    let spec = digits.spec(family);
    let fresh = build(&spec, &initial(&spec, seed)?)?;
    let first = digits.test.images.narrow(0, 0, 1)?;
    let explained = explain(method, family.last_maps(), &fresh, &first, 0);
    let reason = |error| format!("the method does not suit a convolutional network: {error}");
    Ok(explained.err().map(reason))
}

/// Makes a network's maps of the test images.
fn maps_of<'a>(
    method: &'a Method,
    net: &'a Net,
) -> impl Fn(&dyn Network, &Tensor, usize) -> gradcam_eval::Result<Grid> + Sync + 'a {
    move |network, image, class| explain(method, net.layer, network, image, class)
}

// Digits are too small for histograms of gradients in cells of 16 pixels.
const METRICS: [Metric; 2] = [Metric::Spearman, Metric::Ssim];

/// Compares maps under true labels with maps under permuted labels, for each network's own class and for the true one.
fn randomized(
    subject: &Subject<'_>,
    digits: &Digits,
    nets: &Labelled,
    [own, fixed]: [Named<'static>; 2],
) -> Result<Vec<Test>> {
    let explain = maps_of(&subject.explainer.method, &nets.truth);
    let side = |net| side(net, &explain);
    let load = |i| digits.image(i);
    let images = digits.images(&load);
    let labels = Classes::Given(&digits.test.labels[..images.count]);
    let mut tests = Vec::new();
    for (named, classes) in [(own, Classes::Predicted), (fixed, labels)] {
        let found = data_randomization(
            &side(&nets.truth),
            &side(&nets.permuted),
            &side(&nets.second),
            &images,
            classes,
            &METRICS,
            subject.seed,
        )?;
        let test = data_randomization_test(
            &found,
            Metric::Spearman,
            nets.permuted.train_accuracy,
            subject.seed,
        )?;
        tests.push(with_accuracy(
            measured(named, &test, test.graded(), counts(&test, images.count)),
            &[
                ("true labels", &nets.truth),
                ("second seed", &nets.second),
                ("permuted labels", &nets.permuted),
            ],
        ));
    }
    Ok(tests)
}

/// Compares the maps of two networks that have learned the same task.
fn alike(
    subject: &Subject<'_>,
    digits: &Digits,
    (first, second): (&Net, &Net),
    named: Named<'static>,
) -> Result<Test> {
    let method = &subject.explainer.method;
    let (one, other) = (maps_of(method, first), maps_of(method, second));
    let load = |i| digits.image(i);
    let images = digits.images(&load);
    let found = agreement(
        &side(first, &one),
        &side(second, &other),
        &images,
        Classes::Predicted,
        &METRICS,
        subject.seed,
    )?;
    let gate = accuracy_gate((first.test_accuracy, second.test_accuracy));
    let test = agreement_test(&found, Metric::Ssim, gate, subject.seed)?;
    Ok(with_accuracy(
        measured(named, &test, test.graded(), counts(&test, images.count)),
        &[("first", first), ("second", second)],
    ))
}

fn side<'a>(net: &'a Net, explain: &'a ExplainClass<'a>) -> Side<'a> {
    Side::new(&net.tree, explain)
}

fn counts(test: &Measurement, images: usize) -> Counts {
    Counts {
        values: test.samples,
        degenerate: images - test.samples.min(images),
    }
}

/// Adds the accuracies of its networks to a test.
fn with_accuracy(mut test: Test, nets: &[(&str, &Net)]) -> Test {
    for (name, net) in nets {
        test.protocol.options.insert(
            format!("accuracy, {name}"),
            format!(
                "{:.1} % on its training labels, {:.1} % on test images",
                100.0 * net.train_accuracy,
                100.0 * net.test_accuracy
            ),
        );
    }
    test
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use gradcam_data::{Generator, Glyphs, generate};

    use super::*;

    /// CAM needs a global average, which the paper's network lacks: the card failed after training four networks.
    #[test]
    fn a_network_that_does_not_suit_is_known_before_it_is_trained() {
        let glyphs = generate(Generator::Glyphs(Glyphs::default()), 0, 10, 5).unwrap();
        let digits = Digits::load(&glyphs, 10, 0).unwrap();
        let reason = |method: Method, family| unsuited(&method, &digits, family, 0).unwrap();
        assert_eq!(reason(Method::Cam, RESIDUAL), None);
        assert!(reason(Method::Cam, CNN).unwrap().contains("global average"));
        assert_eq!(reason(Method::GradCam, CNN), None);
    }
}
