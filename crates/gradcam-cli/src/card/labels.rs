//! Label sensitivity and model sensitivity on small networks that are trained here, with true and with permuted labels.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use anyhow::{Result, bail};
use candle_core::Tensor;
use gradcam_data::{Dataset, Sample, Split};
use gradcam_eval::Metric;
use gradcam_eval::card::Sections;
use gradcam_eval::sanity::{
    Classes, Images, Side, agreement, agreement_test, data_randomization, data_randomization_test,
};
use gradcam_eval::statistics::Grade;
use gradcam_nn::{ModuleTree, Network};
use gradcam_train::{
    Examples, Family, NetworkSpec, Settings, Trained, build, initial, permuted_labels, train,
};

use super::Subject;
use super::small::explain;
use super::tests::{Counts, Named, measured, without};
use crate::console::{Console, Unit};

const ADEBAYO: &str = "Adebayo et al. 2018, Sanity Checks for Saliency Maps";
const ARUN: &str = "Arun et al. 2021, Assessing the Trustworthiness of Saliency Maps for Localizing Abnormalities in Medical Imaging";
/// The network that is trained several times, and another one.
const RESIDUAL: Family = Family::Residual { width: 8 };
const CNN: Family = Family::Cnn { hidden: 64 };

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

/// Images that the maps are made of.
const LOOKED_AT: usize = 100;
/// The accuracy on its training labels at which a network counts as having memorised them.
const MEMORISED: f64 = 0.95;
/// Trainings that are begun before a network counts as one that does not learn.
const ATTEMPTS: u64 = 3;

/// Measures the tests and puts them in their sections.
pub(crate) fn measure(
    subject: &Subject<'_>,
    sections: &mut Sections,
    console: &mut Console<'_>,
) -> Result<()> {
    let digits = Digits::load(subject.labels, subject.effort.digits)?;
    let spec = spec(RESIDUAL, &digits);
    let fresh = build(&spec, &initial(&spec, subject.seed)?)?;
    let first = digits.test.images.narrow(0, 0, 1)?;
    let method = &subject.explainer.method;
    if let Err(error) = explain(method, RESIDUAL.last_maps(), &fresh, &first, 0) {
        let reason = format!("the method does not suit a convolutional network: {error}");
        let none = |named: Named<'static>| without(named, Grade::NotApplicable, &reason);
        let [data, models] = [
            &mut sections.label_sensitivity,
            &mut sections.model_sensitivity,
        ];
        data.extend([OWN_CLASS, TRUE_CLASS].map(none));
        models.extend([REPEATABILITY, REPRODUCIBILITY].map(none));
        return Ok(());
    }
    let trainings = Trainings::run(subject, &digits, console)?;
    trained(subject, sections, &digits, &trainings)
}

/// The network of a family for the digits.
fn spec(family: Family, digits: &Digits) -> NetworkSpec {
    let labels = digits.train.labels.iter().chain(&digits.test.labels);
    NetworkSpec {
        input: digits.shape,
        classes: labels.max().map_or(0, |class| class + 1),
        family,
    }
}

/// Small pictures with labels.
struct Digits {
    /// Channels, rows and columns.
    shape: [usize; 3],
    train: Examples,
    test: Examples,
}

impl Digits {
    fn load(data: &Dataset, count: usize) -> Result<Self> {
        let of = |split: Split| data.samples.iter().filter(move |s| s.split == Some(split));
        let mut train: Vec<&Sample> = of(Split::Train).collect();
        let test: Vec<&Sample> = of(Split::Test).collect();
        if train.is_empty() || test.is_empty() {
            bail!(
                "`{}` has no pictures to train with, or none to test with",
                data.name
            );
        }
        // Spread over the set, which may be sorted by class.
        let every = train.len().div_ceil(count).max(1);
        train = train.into_iter().step_by(every).collect();
        let train = examples(&train)?;
        let (_, channels, height, width) = train.images.dims4()?;
        Ok(Digits {
            shape: [channels, height, width],
            train,
            test: examples(&test)?,
        })
    }
}

/// Grey pictures from 0 to 1 with their classes.
fn examples(samples: &[&Sample]) -> Result<Examples> {
    let mut pixels = Vec::new();
    let mut labels = Vec::with_capacity(samples.len());
    let mut size = None;
    for sample in samples {
        let picture = image::DynamicImage::ImageRgb8(sample.picture.rgb()?).into_luma8();
        let found = (picture.height() as usize, picture.width() as usize);
        if *size.get_or_insert(found) != found {
            bail!("`{}` has another size than the others", sample.id);
        }
        let Some(class) = &sample.class else {
            bail!("`{}` has no class", sample.id);
        };
        pixels.extend(picture.into_raw().into_iter().map(|v| f32::from(v) / 255.0));
        labels.push(class.number);
    }
    let (height, width) = size.unwrap_or_default();
    Ok(Examples::new(&pixels, [1, height, width], labels)?)
}

/// A network that was trained.
struct Net {
    tree: ModuleTree,
    train_accuracy: f64,
    test_accuracy: f64,
    layer: &'static str,
}

/// The networks that the tests compare.
struct Trainings {
    truth: Net,
    second: Net,
    permuted: Net,
    other: Net,
}

impl Trainings {
    fn run(subject: &Subject<'_>, digits: &Digits, console: &mut Console<'_>) -> Result<Self> {
        let bar = console.bar(4, Unit::Checks);
        let permuted = Examples {
            images: digits.train.images.clone(),
            labels: permuted_labels(&digits.train.labels, subject.seed),
        };
        let one = |what: &'static str, family, examples: &Examples, seed: u64| {
            bar.set_message(what);
            let net = network(subject, &spec(family, digits), examples, &digits.test, seed);
            bar.inc(1);
            net
        };
        let seed = subject.seed.wrapping_mul(1000);
        let found = Trainings {
            truth: one("training", RESIDUAL, &digits.train, seed)?,
            second: one(
                "training, another seed",
                RESIDUAL,
                &digits.train,
                seed + 100,
            )?,
            permuted: one("training, permuted labels", RESIDUAL, &permuted, seed + 200)?,
            other: one(
                "training, another architecture",
                CNN,
                &digits.train,
                seed + 300,
            )?,
        };
        bar.finish_and_clear();
        Ok(found)
    }
}

/// Trains a network; one that stays at chance is begun again with another seed.
fn network(
    subject: &Subject<'_>,
    spec: &NetworkSpec,
    train_on: &Examples,
    test_on: &Examples,
    seed: u64,
) -> Result<Net> {
    let mut best: Option<Trained> = None;
    for attempt in 0..ATTEMPTS {
        let settings = Settings::quick(spec.family);
        let found = train(
            spec,
            train_on,
            Some(test_on),
            &settings,
            seed + attempt,
            &mut |_| match subject.interrupted.load(Ordering::SeqCst) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            },
        )?;
        let better = best
            .as_ref()
            .is_none_or(|best| found.train_accuracy > best.train_accuracy);
        if better {
            best = Some(found);
        }
        if best.as_ref().is_some_and(|b| b.train_accuracy >= MEMORISED) {
            break;
        }
    }
    let Some(best) = best else {
        bail!("nothing was trained");
    };
    let weights: &BTreeMap<String, Tensor> = &best.weights;
    Ok(Net {
        tree: build(spec, weights)?,
        train_accuracy: best.train_accuracy,
        test_accuracy: best.test_accuracy.unwrap_or_default(),
        layer: spec.family.last_maps(),
    })
}

/// The tests that compare trained networks.
fn trained(
    subject: &Subject<'_>,
    sections: &mut Sections,
    digits: &Digits,
    nets: &Trainings,
) -> Result<()> {
    let method = &subject.explainer.method;
    let at = |net: &Net| {
        let layer = net.layer;
        move |network: &dyn Network, image: &Tensor, class: usize| {
            explain(method, layer, network, image, class)
        }
    };
    let (residual, cnn) = (at(&nets.truth), at(&nets.other));
    let load = |i: usize| -> gradcam_eval::Result<Tensor> {
        Ok(digits.test.images.narrow(0, i, 1)?.contiguous()?)
    };
    let count = digits.test.labels.len().min(LOOKED_AT);
    let images = Images { count, load: &load };
    let (truth, second, permuted) = (
        Side {
            network: &nets.truth.tree,
            explain: &residual,
        },
        Side {
            network: &nets.second.tree,
            explain: &residual,
        },
        Side {
            network: &nets.permuted.tree,
            explain: &residual,
        },
    );
    // Digits are too small for histograms of gradients in cells of 16 pixels.
    let metrics = [Metric::Spearman, Metric::Ssim];
    for (named, classes) in [
        (OWN_CLASS, Classes::Predicted),
        (TRUE_CLASS, Classes::Given(&digits.test.labels[..count])),
    ] {
        let found = data_randomization(
            &truth,
            &permuted,
            &second,
            &images,
            classes,
            &metrics,
            subject.seed,
        )?;
        let test = data_randomization_test(
            &found,
            Metric::Spearman,
            nets.permuted.train_accuracy,
            subject.seed,
        )?;
        sections.label_sensitivity.push(with_accuracy(
            measured(named, &test, test.graded(), counts(&test, count)),
            &[
                ("true labels", &nets.truth),
                ("second seed", &nets.second),
                ("permuted labels", &nets.permuted),
            ],
        ));
    }
    let other = Side {
        network: &nets.other.tree,
        explain: &cnn,
    };
    for (named, twin, net) in [
        (REPEATABILITY, &second, &nets.second),
        (REPRODUCIBILITY, &other, &nets.other),
    ] {
        let found = agreement(
            &truth,
            twin,
            &images,
            Classes::Predicted,
            &metrics,
            subject.seed,
        )?;
        let test = agreement_test(
            &found,
            Metric::Ssim,
            (nets.truth.test_accuracy, net.test_accuracy),
        )?;
        sections.model_sensitivity.push(with_accuracy(
            measured(named, &test, test.graded(), counts(&test, count)),
            &[("first", &nets.truth), ("second", net)],
        ));
    }
    Ok(())
}

fn counts(test: &gradcam_eval::statistics::Measurement, images: usize) -> Counts {
    Counts {
        values: test.samples,
        degenerate: images - test.samples.min(images),
    }
}

/// The test with the accuracies of its networks.
fn with_accuracy(
    mut test: gradcam_eval::card::Test,
    nets: &[(&str, &Net)],
) -> gradcam_eval::card::Test {
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
