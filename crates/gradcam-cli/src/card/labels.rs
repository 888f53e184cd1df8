//! Label sensitivity and model sensitivity on small networks that are trained here, with true and with permuted labels.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, bail};
use candle_core::Tensor;
use gradcam::{Grid, Method};
use gradcam_data::{Dataset, Sample, Split};
use gradcam_eval::Metric;
use gradcam_eval::card::{Sections, Test};
use gradcam_eval::sanity::{
    Classes, ExplainClass, Images, Side, accuracy_gate, agreement, agreement_test,
    data_randomization, data_randomization_test,
};
use gradcam_eval::statistics::{Grade, Measurement};
use gradcam_nn::{ModuleTree, Network};
use gradcam_train::{
    Examples, Family, NetworkSpec, Settings, Trained, build, initial, permuted_labels, train,
};
use indicatif::ProgressBar;

use super::Subject;
use super::sample::order;
use super::small::explain;
use super::tests::{Counts, Named, measured, without};
use crate::console::{Console, Unit};

const ADEBAYO: &str = "Adebayo et al. 2018, Sanity Checks for Saliency Maps";
const ARUN: &str = "Arun et al. 2021, Assessing the Trustworthiness of Saliency Maps for Localizing Abnormalities in Medical Imaging";
/// The network that is trained several times, and another one.
const RESIDUAL: Family = Family::Residual { width: 8 };
const CNN: Family = Family::Cnn { hidden: 64 };
/// The network of Adebayo et al.
const PAPER: Family = Family::Cnn { hidden: 1024 };

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

/// Images that the maps are made of.
const LOOKED_AT: usize = 100;
/// The accuracy on its training labels at which a network counts as having memorised them.
const MEMORISED: f64 = 0.95;
/// Trainings that are begun before a network counts as one that does not learn.
const ATTEMPTS: u64 = 3;

/// The tests: of the labels, then of the parameters.
pub(crate) const TESTS: [&str; 6] = [
    OWN_CLASS.id,
    TRUE_CLASS.id,
    OWN_CLASS_CNN.id,
    TRUE_CLASS_CNN.id,
    REPEATABILITY.id,
    REPRODUCIBILITY.id,
];

/// Measures the tests and puts them in their sections.
pub(crate) fn measure(
    subject: &Subject<'_>,
    sections: &mut Sections,
    console: &mut Console<'_>,
) -> Result<()> {
    let digits = subject.digits;
    let spec = spec(RESIDUAL, digits);
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
        data.extend([OWN_CLASS, TRUE_CLASS, OWN_CLASS_CNN, TRUE_CLASS_CNN].map(none));
        models.extend([REPEATABILITY, REPRODUCIBILITY].map(none));
        return Ok(());
    }
    let paper = subject.effort.paper;
    let bar = console.bar(if paper { 6 } else { 4 }, Unit::Checks);
    let school = School {
        subject,
        digits,
        bar: &bar,
    };
    let residual = school.labelled(RESIDUAL)?;
    let paper = match paper {
        true => Some(school.labelled(PAPER)?),
        false => None,
    };
    let small;
    let other = match &paper {
        Some(paper) => &paper.truth,
        None => {
            small = school.network("another architecture", CNN, &digits.train, 300)?;
            &small
        }
    };
    bar.finish_and_clear();
    let tests = &mut sections.label_sensitivity;
    tests.extend(randomized(
        subject,
        digits,
        &residual,
        [OWN_CLASS, TRUE_CLASS],
    )?);
    let cnn = [OWN_CLASS_CNN, TRUE_CLASS_CNN];
    match &paper {
        Some(paper) => tests.extend(randomized(subject, digits, paper, cnn)?),
        None => {
            let reason = "the paper's network takes minutes to memorise permuted labels, and the quick card leaves it out";
            tests.extend(cnn.map(|named| without(named, Grade::NotRun, reason)));
        }
    }
    for (named, twin) in [(REPEATABILITY, &residual.second), (REPRODUCIBILITY, other)] {
        let test = alike(subject, digits, (&residual.truth, twin), named)?;
        sections.model_sensitivity.push(test);
    }
    Ok(())
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
pub(crate) struct Digits {
    /// Channels, rows and columns.
    shape: [usize; 3],
    train: Examples,
    test: Examples,
}

impl Digits {
    /// At most `count` pictures to train with, and those to test with, drawn from the seed in the proportions of their classes.
    ///
    /// # Errors
    /// When there are none of either, one cannot be read or has no class, or the networks cannot be made for them.
    pub(crate) fn load(data: &Dataset, count: usize, seed: u64) -> Result<Self> {
        let of = |split: Split| -> Vec<&Sample> {
            let own = data.samples.iter().filter(|s| s.split == Some(split));
            own.collect()
        };
        let (train, test) = (of(Split::Train), of(Split::Test));
        if train.is_empty() || test.is_empty() {
            bail!(
                "`{}` has no pictures to train with, or none to test with",
                data.name
            );
        }
        // The sets may be sorted by class, or have the classes in turn.
        let mut drawn = order(train.iter().copied(), seed);
        drawn.truncate(count);
        drawn.sort_unstable();
        let train: Vec<&Sample> = drawn.into_iter().map(|i| train[i]).collect();
        // The first ones are looked at.
        let drawn = order(test.iter().copied(), seed);
        let test: Vec<&Sample> = drawn.into_iter().map(|i| test[i]).collect();
        let train = examples(&train)?;
        let (_, channels, height, width) = train.images.dims4()?;
        let digits = Digits {
            shape: [channels, height, width],
            train,
            test: examples(&test)?,
        };
        if digits.test.images.dims()[1..] != digits.train.images.dims()[1..] {
            bail!(
                "`{}` has pictures to test with of another size than those to train with",
                data.name
            );
        }
        for family in [RESIDUAL, CNN] {
            let spec = spec(family, &digits);
            let fresh = build(&spec, &initial(&spec, 0)?)?;
            let first = digits.test.images.narrow(0, 0, 1)?;
            let seen = fresh.forward(&first, &mut ());
            seen.with_context(|| {
                format!(
                    "a small network cannot learn the pictures of `{}`",
                    data.name
                )
            })?;
        }
        Ok(digits)
    }

    /// The input of a test image.
    fn image(&self, i: usize) -> gradcam_eval::Result<Tensor> {
        Ok(self.test.images.narrow(0, i, 1)?.contiguous()?)
    }

    /// The images that maps are made of.
    fn images<'a>(
        &self,
        load: &'a (dyn Fn(usize) -> gradcam_eval::Result<Tensor> + Sync),
    ) -> Images<'a> {
        Images {
            count: self.test.labels.len().min(LOOKED_AT),
            load,
        }
    }
}

/// Grey pictures from 0 to 1 with their classes.
fn examples(samples: &[&Sample]) -> Result<Examples> {
    let mut pixels = Vec::new();
    let mut labels = Vec::with_capacity(samples.len());
    let mut size = None;
    for sample in samples {
        let picture = image::DynamicImage::ImageRgb8(sample.rgb()?).into_luma8();
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

/// Networks of one family: of true labels from two seeds, and of permuted labels.
struct Labelled {
    truth: Net,
    second: Net,
    permuted: Net,
}

/// What networks are trained on.
struct School<'a> {
    subject: &'a Subject<'a>,
    digits: &'a Digits,
    bar: &'a ProgressBar,
}

impl School<'_> {
    fn labelled(&self, family: Family) -> Result<Labelled> {
        let train = &self.digits.train;
        let permuted = Examples {
            images: train.images.clone(),
            labels: permuted_labels(&train.labels, self.subject.seed),
        };
        Ok(Labelled {
            truth: self.network("true labels", family, train, 0)?,
            second: self.network("another seed", family, train, 100)?,
            permuted: self.network("permuted labels", family, &permuted, 200)?,
        })
    }

    /// Trains a network; one that stays at chance is begun again with another seed.
    fn network(
        &self,
        what: &'static str,
        family: Family,
        train_on: &Examples,
        number: u64,
    ) -> Result<Net> {
        self.bar.set_message(format!("training, {what}"));
        let spec = spec(family, self.digits);
        let seed = self.subject.seed.wrapping_mul(1000).wrapping_add(number);
        let mut best: Option<Trained> = None;
        for attempt in 0..ATTEMPTS {
            let settings = Settings::quick(spec.family);
            let found = train(
                &spec,
                train_on,
                Some(&self.digits.test),
                &settings,
                seed.wrapping_add(attempt),
                &mut |_| match self.subject.interrupted.load(Ordering::SeqCst) {
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
        self.bar.inc(1);
        Ok(Net {
            tree: build(&spec, &best.weights)?,
            train_accuracy: best.train_accuracy,
            test_accuracy: best.test_accuracy.unwrap_or_default(),
            layer: spec.family.last_maps(),
        })
    }
}

/// A network's maps of the test images.
fn maps_of<'a>(
    method: &'a Method,
    net: &'a Net,
) -> impl Fn(&dyn Network, &Tensor, usize) -> gradcam_eval::Result<Grid> + Sync + 'a {
    move |network, image, class| explain(method, net.layer, network, image, class)
}

// Digits are too small for histograms of gradients in cells of 16 pixels.
const METRICS: [Metric; 2] = [Metric::Spearman, Metric::Ssim];

/// Maps of true labels against those of permuted ones, for each network's own class and for the true one.
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

/// Whether two networks that have learned the same have the same maps.
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
    Side {
        network: &net.tree,
        explain,
    }
}

fn counts(test: &Measurement, images: usize) -> Counts {
    Counts {
        values: test.samples,
        degenerate: images - test.samples.min(images),
    }
}

/// The test with the accuracies of its networks.
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
