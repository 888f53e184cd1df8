//! Model sensitivity: maps after changes to the parameters of the user's own network.

mod cascade;
mod invariances;

use anyhow::Result;
use candle_core::Tensor;
use gradcam_eval::Metric;
use gradcam_eval::card::Sections;
use gradcam_eval::sanity::{
    Images, Order, Protocol, Trained, blocks, cascade_test, randomize, weight_randomization_test,
};
use gradcam_nn::Network;

use self::cascade::{fewest, merge, of_curve, of_independent};
use self::invariances::{consistency, linear, twins};
use super::entry::Named;
use super::papers::{ADEBAYO, ARUN};
use super::subject::Subject;
use crate::console::{Console, Unit};

/// Map similarities, for the curves.
const METRICS: [Metric; 5] = [
    Metric::Ssim,
    Metric::SsimGaussian,
    Metric::Spearman,
    Metric::SpearmanAbsolute,
    Metric::Hog,
];

/// The tests, in the card's order.
pub(crate) const TESTS: [&str; 10] = [
    "cascading_randomization.ssim",
    "cascading_randomization.spearman",
    "cascading_randomization.spearman_absolute",
    "cascading_randomization.hog",
    "independent_randomization",
    "model_weight_randomization",
    "implementation_invariance.folded",
    "implementation_invariance.permuted",
    "linearity",
    "model_consistency",
];

/// Measures the tests and adds them to their section.
pub(crate) fn measure(
    subject: &Subject<'_>,
    sections: &mut Sections,
    console: &mut Console<'_>,
) -> Result<()> {
    let model = subject.model;
    let all = blocks(&model.network, subject.input())?;
    // Spread over the network if there are too many; the last step of a cascade redraws every block either way.
    let kept: Vec<_> = match subject.effort.blocks {
        limit if all.len() > limit => merge(&all, limit),
        _ => all,
    };
    let rebuild = |change: &dyn Fn(&str, &Tensor) -> candle_core::Result<Tensor>| {
        let rebuilt = model.rebuilt(change).map_err(candle_core::Error::wrap)?;
        Ok(Box::new(rebuilt.network) as Box<dyn Network>)
    };
    let explain =
        |network: &dyn Network, image: &Tensor, class: usize| subject.signed(network, image, class);
    let load = |i: usize| subject.load(i);
    let trained = Trained::new(&model.network, &rebuild, &explain);
    let bar = console.bar(5, Unit::Checks);
    let layer = (!subject.explainer.layers.is_empty()).then(|| subject.layer());
    let protocol = |order| Protocol {
        order,
        blocks: &kept,
        metrics: &METRICS,
        layer,
        reset_statistics: false,
        seed: subject.seed,
    };
    bar.set_message("cascading randomization");
    let (count, cascade) = subject.made_up(
        |count| {
            let images = Images::new(count, &load);
            let order = protocol(Order::Cascading);
            Ok(randomize(&trained, &images, &order)?)
        },
        fewest,
    )?;
    bar.inc(1);
    bar.set_message("independent randomization");
    let images = Images::new(count, &load);
    let independent = randomize(&trained, &images, &protocol(Order::Independent))?;
    bar.inc(1);
    let tests = &mut sections.model_sensitivity;
    for (metric, id, title) in [
        (
            Metric::SsimGaussian,
            "cascading_randomization.ssim",
            "Cascading parameter randomization (SSIM)",
        ),
        (
            Metric::Spearman,
            "cascading_randomization.spearman",
            "Cascading parameter randomization (rank correlation)",
        ),
        (
            Metric::SpearmanAbsolute,
            "cascading_randomization.spearman_absolute",
            "Cascading parameter randomization (rank correlation of absolute values)",
        ),
        (
            Metric::Hog,
            "cascading_randomization.hog",
            "Cascading parameter randomization (histograms of gradients)",
        ),
    ] {
        let named = Named {
            id,
            title,
            paper: ADEBAYO,
            metric: metric.name(),
            unit: "",
            protocol: "Blocks of parameters are drawn anew from the output down, one after the other; the map of the class that the trained network saw against the trained network's map. The value is that of the last step.",
        };
        tests.push(of_curve(
            named,
            &cascade,
            metric,
            &cascade_test(&cascade, metric, subject.seed)?,
        ));
    }
    let named = Named {
        id: "independent_randomization",
        title: "Independent parameter randomization",
        paper: ADEBAYO,
        metric: "ssim-gaussian, mean over blocks",
        unit: "",
        protocol: "One block at a time is drawn anew, the others stay trained. The rule has no threshold for this curve, so it only describes.",
    };
    tests.push(of_independent(named, &independent)?);
    let named = Named {
        id: "model_weight_randomization",
        title: "Model weight randomization",
        paper: ARUN,
        metric: "ssim",
        unit: "",
        protocol: "All parameters are drawn anew; the maps against those of the trained network, and as a null 50 pairs of maps of different images by the trained network.",
    };
    let found = weight_randomization_test(&cascade, subject.seed)?;
    tests.push(of_curve(named, &cascade, Metric::Ssim, &found));
    bar.set_message("implementation invariance");
    tests.extend(twins(subject, &rebuild)?);
    bar.inc(1);
    bar.set_message("linearity");
    tests.push(linear(subject)?);
    bar.inc(1);
    bar.set_message("model consistency");
    tests.push(consistency(subject, &rebuild)?);
    bar.inc(1);
    bar.finish_and_clear();
    Ok(())
}
