//! Model sensitivity: maps under changed parameters of the user's own network.

use anyhow::Result;
use candle_core::{DType, Tensor};
use gradcam::{Grid, Target, ranking};
use gradcam_eval::card::{Curve, Sections, Test};
use gradcam_eval::sanity::{
    Agreement, Classes, Images, Order, Protocol, Randomized, Rebuild, Side, Step, Trained,
    accuracy, agreement, agreement_test, blocks, cascade_test, classifier_channels,
    implementation_invariance, linearity, named as by_name, permuted, predicted, randomize,
    rounded, twin_test, weight_randomization_test,
};
use gradcam_eval::statistics::{Gate, Grade, Graded, Measurement, grade_exact};
use gradcam_eval::{Metric, Tally};
use gradcam_nn::Network;

use super::entry::{Counts, Named, exact, measured, without};
use super::subject::Subject;
use crate::console::{Console, Unit};

const ADEBAYO: &str = "Adebayo et al. 2018, Sanity Checks for Saliency Maps";
const ARUN: &str = "Arun et al. 2021, Assessing the Trustworthiness of Saliency Maps for Localizing Abnormalities in Medical Imaging";
const SUNDARARAJAN: &str = "Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks";

const DING: &str = "Ding and Koehn 2021, Evaluating Saliency Methods for Neural Language Models";

/// Images of the tests whose answer is the same for every image.
const FEW: usize = 10;

/// Likeness of maps, for the curves.
const METRICS: [Metric; 5] = [
    Metric::Ssim,
    Metric::SsimGaussian,
    Metric::Spearman,
    Metric::SpearmanAbsolute,
    Metric::Hog,
];

/// How far the maps of two ways to write one function may be apart.
const TWINS: f64 = 1e-4;

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

/// Measures the tests and puts them in their section.
pub(crate) fn measure(
    subject: &Subject<'_>,
    sections: &mut Sections,
    console: &mut Console<'_>,
) -> Result<()> {
    let model = subject.model;
    let all = blocks(&model.network, subject.input()?)?;
    // Spread over the network where there are too many; the last step of a cascade draws every block anew either way.
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
    let trained = Trained {
        network: &model.network,
        rebuild: &rebuild,
        explain: &explain,
    };
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
            let images = Images { count, load: &load };
            let order = protocol(Order::Cascading);
            Ok(randomize(&trained, &images, &order)?)
        },
        fewest,
    )?;
    bar.inc(1);
    bar.set_message("independent randomization");
    let images = Images { count, load: &load };
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

/// Images of the fewest that a map of the last step can be compared for, by any metric.
fn fewest(cascade: &Randomized) -> usize {
    let last = cascade.steps.last();
    let last = last.into_iter().flat_map(|step| &step.fixed);
    let values = last.map(|likeness| likeness.measured.values.values().len());
    values.min().unwrap_or(0)
}

/// Neighbouring blocks joined, so that there are `limit` of them.
fn merge(all: &[gradcam_eval::sanity::Block], limit: usize) -> Vec<gradcam_eval::sanity::Block> {
    let size = all.len().div_ceil(limit.max(1));
    all.chunks(size)
        .map(|chunk| gradcam_eval::sanity::Block {
            name: match (chunk.first(), chunk.last()) {
                (Some(first), Some(last)) if first.name != last.name => {
                    format!("{} to {}", first.name, last.name)
                }
                (Some(first), _) => first.name.clone(),
                _ => String::new(),
            },
            parameters: chunk.iter().flat_map(|b| b.parameters.clone()).collect(),
        })
        .collect()
}

/// A test of the last step, with the curve of all steps.
fn of_curve(
    named: Named<'_>,
    found: &Randomized,
    metric: Metric,
    measurement: &Measurement,
) -> Test {
    let counts = Counts {
        values: measurement.samples,
        degenerate: found.classes.len() - measurement.samples.min(found.classes.len()),
    };
    let mut test = measured(named, measurement, measurement.graded(), counts);
    let of = |name: &str, pick: fn(&Step) -> &[gradcam_eval::sanity::Likeness]| {
        curve(name, &found.steps, metric, pick)
    };
    test.curves = vec![
        of("class of the trained network", |step| &step.fixed),
        of("class of the randomised network", |step| &step.repicked),
    ];
    test.axes = Some(["blocks drawn anew".to_string(), metric.name().to_string()]);
    test.protocol.options = found
        .steps
        .iter()
        .enumerate()
        .map(|(i, step)| {
            let changes = match step.activations_change {
                Some(true) => "; activations of the layer change",
                Some(false) => "; activations of the layer stay",
                None => "",
            };
            (
                format!("step {:02}", i + 1),
                format!("{}{changes}", step.block),
            )
        })
        .collect();
    test
}

fn curve(
    name: &str,
    steps: &[Step],
    metric: Metric,
    pick: fn(&Step) -> &[gradcam_eval::sanity::Likeness],
) -> Curve {
    let mut curve = Curve {
        name: name.to_string(),
        x: Vec::with_capacity(steps.len()),
        y: Vec::with_capacity(steps.len()),
        lo: Vec::with_capacity(steps.len()),
        hi: Vec::with_capacity(steps.len()),
        reason: None,
    };
    for (i, step) in steps.iter().enumerate() {
        let mean = by_name(pick(step), metric).ok().and_then(|m| m.mean);
        curve.x.push((i + 1) as f64);
        curve.y.push(mean.map(|m| m.value));
        curve.lo.push(mean.map(|m| m.low));
        curve.hi.push(mean.map(|m| m.high));
        if mean.is_none() {
            curve.reason = Some("at a step without a value every map is empty".to_string());
        }
    }
    curve
}

fn of_independent(named: Named<'_>, found: &Randomized) -> Result<Test> {
    let metric = Metric::SsimGaussian;
    let values: Vec<f64> = found
        .steps
        .iter()
        .filter_map(|step| by_name(&step.fixed, metric).ok()?.mean)
        .map(|mean| mean.value)
        .collect();
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let graded = Graded {
        grade: Grade::Info,
        reason: "a curve without a threshold".to_string(),
    };
    let mut test = exact(named, mean, found.classes.len(), graded);
    test.metric.direction = gradcam_eval::Direction::None;
    test.curves = vec![curve(
        "one block drawn anew",
        &found.steps,
        metric,
        |step| &step.fixed,
    )];
    test.axes = Some([
        "block, from the output down".to_string(),
        metric.name().to_string(),
    ]);
    Ok(test)
}

/// The same function written in other ways: norms folded into convolutions, channels in another order.
fn twins(subject: &Subject<'_>, rebuild: &Rebuild<'_>) -> Result<Vec<Test>> {
    let explain = |network: &dyn Network,
                   image: &Tensor,
                   class: usize|
     -> gradcam_eval::Result<Grid> { subject.signed(network, image, class) };
    let load = |i: usize| subject.load(i);
    let mut images = subject.few(&load);
    images.count = images.count.min(FEW);
    let own = Side {
        network: &subject.model.network,
        explain: &explain,
    };
    let named = |id, protocol| Named {
        id,
        title: match id {
            "implementation_invariance.folded" => "Implementation invariance (norms folded)",
            _ => "Implementation invariance (channels permuted)",
        },
        paper: SUNDARARAJAN,
        metric: "largest difference of the maps",
        unit: "share of the map's largest value",
        protocol,
    };
    let folded = named(
        "implementation_invariance.folded",
        "Every batch norm is multiplied into the convolution before it; the maps must not change.",
    );
    let turned = named(
        "implementation_invariance.permuted",
        "The channels that the classifier reads change places, together with its weights; the maps must not change.",
    );
    let mut tests = Vec::new();
    let network = subject.model.network.folded()?;
    let side = Side {
        network: &network,
        explain: &explain,
    };
    let twin = implementation_invariance(&own, &side, &images)?;
    tests.push(exact(
        folded,
        twin.largest(),
        images.count,
        twin_test(&twin, TWINS),
    ));
    let channels = classifier_channels(&subject.model.network, rebuild, subject.input()?)?;
    let Some(channels) = channels else {
        tests.push(without(
            turned,
            Grade::NotApplicable,
            "no convolution's channels can be told apart from the others before the classifier",
        ));
        return Ok(tests);
    };
    let network = permuted(rebuild, &channels, subject.seed)?;
    let side = Side {
        network: network.as_ref(),
        explain: &explain,
    };
    let twin = implementation_invariance(&own, &side, &images)?;
    tests.push(exact(
        turned,
        twin.largest(),
        images.count,
        twin_test(&twin, TWINS),
    ));
    Ok(tests)
}

/// Whether the map of a sum of scores is the sum of the maps.
fn linear(subject: &Subject<'_>) -> Result<Test> {
    let named = Named {
        id: "linearity",
        title: "Linearity",
        paper: SUNDARARAJAN,
        metric: "largest difference of the maps",
        unit: "share of the map's largest value",
        protocol: "The signed map of the first class's logit less half of the second's against that sum of the two maps. What follows a ReLU is not linear by its nature, and not asked.",
    };
    let network = &subject.model.network;
    let count = subject.samples.len().min(FEW);
    let mut differences = Vec::with_capacity(count);
    for i in 0..count {
        let image = subject.load(i)?;
        let explain = |parts: &[(usize, f32)]| -> gradcam_eval::Result<Grid> {
            let target = Target::Weighted(parts.to_vec());
            let found = subject.explainer.explain_one(network, &image, target)?;
            Ok(found.raw().clone())
        };
        let logits = network.forward(&image, &mut ())?.flatten_all()?;
        let order = ranking(&logits.to_dtype(DType::F32)?.to_vec1()?);
        let &[first, second, ..] = order.as_slice() else {
            let reason = "the network has one class";
            return Ok(without(named, Grade::NotApplicable, reason));
        };
        differences.push(linearity(&[(first, 1.0), (second, -0.5)], &explain));
    }
    let tally = Tally::collect(differences)?;
    // NaN is above every number here.
    let Some(largest) = tally.values().into_iter().max_by(f64::total_cmp) else {
        let reason = "no image has maps to compare";
        return Ok(without(named, Grade::NotRun, reason));
    };
    let graded = grade_exact(largest, TWINS);
    Ok(exact(named, largest, tally.values().len(), graded))
}

/// The same network with its weights in eight bits.
fn consistency(subject: &Subject<'_>, rebuild: &Rebuild<'_>) -> Result<Test> {
    let named = Named {
        id: "model_consistency",
        title: "Model consistency",
        paper: DING,
        metric: "spearman",
        unit: "",
        protocol: "The network against itself with its weights rounded to eight bits, each output with a step of its own; signed maps of the class that the network sees.",
    };
    let explain =
        |network: &dyn Network, image: &Tensor, class: usize| subject.signed(network, image, class);
    let compressed = rebuild(&|_, tensor| rounded(tensor, 8))?;
    let side = |network| Side {
        network,
        explain: &explain,
    };
    let load = |i: usize| subject.load(i);
    let (own, twin) = (side(&subject.model.network), side(compressed.as_ref()));
    let run = |count: usize| {
        let images = Images { count, load: &load };
        let classes = (0..count)
            .map(|i| predicted(own.network, &subject.load(i)?))
            .collect::<gradcam_eval::Result<Vec<usize>>>()?;
        let given = Classes::Given(&classes);
        let metrics = [Metric::Spearman];
        let found = agreement(&own, &twin, &images, given, &metrics, subject.seed)?;
        Ok((classes, found))
    };
    let values = |(_, found): &(Vec<usize>, Agreement)| {
        let values = found.likeness.iter();
        values
            .map(|l| l.measured.values.values().len())
            .min()
            .unwrap_or(0)
    };
    let (count, (classes, found)) = subject.made_up(run, values)?;
    let images = Images { count, load: &load };
    let same = accuracy(twin.network, &images, &classes)?;
    let gate = Gate {
        name: "accuracy".to_string(),
        required: "the same class for 98 % of the images".to_string(),
        observed: format!("{:.1} %", 100.0 * same),
        ok: same >= 0.98,
    };
    let test = agreement_test(&found, Metric::Spearman, gate, subject.seed)?;
    let counts = Counts {
        values: test.samples,
        degenerate: images.count - test.samples.min(images.count),
    };
    Ok(measured(named, &test, test.graded(), counts))
}
