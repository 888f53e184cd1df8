//! Label sensitivity, and what needs several trainings: on small networks that are trained here.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use anyhow::{Result, bail};
use candle_core::Tensor;
use gradcam::{Explainer, Grid, Interpolation, Method, Source, Target};
use gradcam_data::{Dataset, Sample, Split};
use gradcam_eval::Metric;
use gradcam_eval::card::Sections;
use gradcam_eval::sanity::{
    Classes, Images, Side, agreement, agreement_test, data_randomization, data_randomization_test,
};
use gradcam_eval::statistics::Grade;
use gradcam_nn::{ModuleTree, Network};
use gradcam_train::{
    Examples, Family, NetworkSpec, Settings, Trained, build, permuted_labels, train,
};

use super::Subject;
use super::tests::{Counts, Named, measured, without};
use crate::console::{Console, Unit};

const ADEBAYO: &str = "Adebayo et al. 2018, Sanity Checks for Saliency Maps";
const ARUN: &str = "Arun et al. 2021, Assessing the Trustworthiness of Saliency Maps for Localizing Abnormalities in Medical Imaging";
const BAM: &str =
    "Yang and Kim 2019, Benchmarking Attribution Methods with Relative Feature Importance";

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
    let trainings = Trainings::run(subject, &digits, console)?;
    trained(subject, sections, &digits, &trainings)?;
    for (id, title) in [
        ("model_contrast_score", "Model contrast score"),
        ("input_dependence_rate", "Input dependence rate"),
        ("input_independence_rate", "Input independence rate"),
    ] {
        let named = Named {
            id,
            title,
            paper: BAM,
            metric: id,
            unit: "",
            protocol: "Two networks of the same pixels, one trained on objects and one on scenes.",
        };
        let reason = "no pair of networks trained on objects and on scenes is at hand yet";
        let test = without(named, Grade::NotRun, reason);
        sections.label_sensitivity.push(test);
    }
    Ok(())
}

/// Small pictures with labels.
struct Digits {
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
        Ok(Digits {
            train: examples(&train)?,
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
        let residual = Family::Residual { width: 8 };
        let cnn = Family::Cnn { hidden: 64 };
        let bar = console.bar(4, Unit::Checks);
        let permuted = Examples {
            images: digits.train.images.clone(),
            labels: permuted_labels(&digits.train.labels, subject.seed),
        };
        let one = |what: &'static str, family, examples: &Examples, seed: u64| {
            bar.set_message(what);
            let net = network(subject, family, examples, &digits.test, seed);
            bar.inc(1);
            net
        };
        let seed = subject.seed.wrapping_mul(1000);
        let found = Trainings {
            truth: one("training", residual, &digits.train, seed)?,
            second: one(
                "training, another seed",
                residual,
                &digits.train,
                seed + 100,
            )?,
            permuted: one("training, permuted labels", residual, &permuted, seed + 200)?,
            other: one(
                "training, another architecture",
                cnn,
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
    family: Family,
    train_on: &Examples,
    test_on: &Examples,
    seed: u64,
) -> Result<Net> {
    let (_, channels, height, width) = train_on.images.dims4()?;
    let classes = train_on.labels.iter().chain(&test_on.labels).max();
    let spec = NetworkSpec {
        input: [channels, height, width],
        classes: classes.map_or(0, |class| class + 1),
        family,
    };
    let mut best: Option<Trained> = None;
    for attempt in 0..ATTEMPTS {
        let settings = Settings::quick(family);
        let found = train(
            &spec,
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
        tree: build(&spec, weights)?,
        train_accuracy: best.train_accuracy,
        test_accuracy: best.test_accuracy.unwrap_or_default(),
        layer: family.last_maps(),
    })
}

/// The method at a small network's last maps, signed, at the input's resolution.
fn explain(
    method: &Method,
    layer: &str,
    network: &dyn Network,
    image: &Tensor,
    class: usize,
) -> gradcam_eval::Result<Grid> {
    let explainer = Explainer {
        layers: match method.about().source {
            Source::Layer => vec![layer.to_string()],
            Source::Pixels => Vec::new(),
        },
        inputs: gradcam::Inputs {
            black: vec![0.0],
            white: vec![1.0],
            background: None,
        },
        ..Explainer::of(method.clone())
    };
    let found = explainer.explain_one(network, image, Target::Index(class))?;
    let (_, _, height, width) = image.dims4()?;
    Ok(Interpolation::Bilinear.resize(found.raw(), height, width))
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
    for (id, title, classes) in [
        (
            "data_randomization.predicted",
            "Data randomization (each network's own class)",
            Classes::Predicted,
        ),
        (
            "data_randomization.fixed",
            "Data randomization (the true class)",
            Classes::Given(&digits.test.labels[..count]),
        ),
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
        let named = Named {
            id,
            title,
            paper: ADEBAYO,
            metric: "rank correlation with the maps of permuted labels, less that with a second training",
            unit: "",
            protocol: "A residual network with global pooling is trained on true labels, again from another seed, and on permuted labels until it has memorised them; signed maps of test images are compared.",
        };
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
    for (id, title, twin, net, protocol) in [
        (
            "repeatability",
            "Repeatability",
            &second,
            &nets.second,
            "The same architecture trained from two seeds; maps of each network's own class for the same test images.",
        ),
        (
            "reproducibility",
            "Reproducibility",
            &other,
            &nets.other,
            "Two architectures trained on the same images; maps of each network's own class for the same test images.",
        ),
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
        let named = Named {
            id,
            title,
            paper: ARUN,
            metric: "ssim",
            unit: "",
            protocol,
        };
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
