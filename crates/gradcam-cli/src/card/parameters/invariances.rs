//! Changes that should leave maps as they are: an equivalent network, a sum of scores, weights in eight bits.

use anyhow::Result;
use candle_core::{DType, Tensor};
use gradcam::{Grid, Saliency, Target, ranking};
use gradcam_eval::card::Test;
use gradcam_eval::sanity::{
    Agreement, Classes, Images, Rebuild, Side, accuracy, agreement, agreement_test,
    classifier_channels, implementation_invariance, linearity, permuted, predicted, rounded,
    twin_test,
};
use gradcam_eval::statistics::{Gate, Grade, grade_exact};
use gradcam_eval::{Metric, Tally};
use gradcam_nn::Network;

use crate::card::entry::{Counts, Named, exact, measured, without};
use crate::card::papers::SUNDARARAJAN;
use crate::card::subject::Subject;

const DING: &str = "Ding and Koehn 2021, Evaluating Saliency Methods for Neural Language Models";

/// Number of images for tests whose result is the same for every image.
const FEW: usize = 10;

/// The largest allowed difference between the maps of two equivalent networks.
const TWINS: f64 = 1e-4;

/// Compares equivalent networks: norms folded into convolutions, channels in another order.
pub(super) fn twins(subject: &Subject<'_>, rebuild: &Rebuild<'_>) -> Result<Vec<Test>> {
    let explain = |network: &dyn Network,
                   image: &Tensor,
                   class: usize|
     -> gradcam_eval::Result<Grid> { subject.signed(network, image, class) };
    let load = |i: usize| subject.load(i);
    let mut images = subject.few(&load);
    images.count = images.count.min(FEW);
    let own = Side::new(&subject.model.network, &explain);
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
    match subject.model.network.folded()? {
        None => tests.push(without(
            folded,
            Grade::NotApplicable,
            "exporters multiply the norms into the convolutions of a file",
        )),
        Some(network) => {
            let side = Side::new(&network, &explain);
            let twin = implementation_invariance(&own, &side, &images)?;
            tests.push(exact(
                folded,
                twin.largest(),
                images.count,
                twin_test(&twin, TWINS),
            ));
        }
    }
    let channels = classifier_channels(&subject.model.network, rebuild, subject.input())?;
    let Some(channels) = channels else {
        tests.push(without(
            turned,
            Grade::NotApplicable,
            "no convolution's channels can be told apart from the others before the classifier",
        ));
        return Ok(tests);
    };
    let network = permuted(rebuild, &channels, subject.seed)?;
    let side = Side::new(network.as_ref(), &explain);
    let twin = implementation_invariance(&own, &side, &images)?;
    tests.push(exact(
        turned,
        twin.largest(),
        images.count,
        twin_test(&twin, TWINS),
    ));
    Ok(tests)
}

/// Compares the map of a sum of scores with the sum of the maps.
pub(super) fn linear(subject: &Subject<'_>) -> Result<Test> {
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
        let logits = logits.to_dtype(DType::F32)?.to_vec1()?;
        let order = ranking(&logits);
        let &[first, second, ..] = order.as_slice() else {
            let reason = "the network has one class";
            return Ok(without(named, Grade::NotApplicable, reason));
        };
        let parts = [(first, 1.0), (second, -0.5)];
        let sum = Target::Weighted(parts.to_vec());
        if let Err(error) = subject.explainer.method.objective(&sum, &logits) {
            return Ok(without(named, Grade::NotApplicable, &error.to_string()));
        }
        differences.push(linearity(&parts, &explain));
    }
    let tally = Tally::collect(differences)?;
    // NaN sorts above every number.
    let Some(largest) = tally.values().into_iter().max_by(f64::total_cmp) else {
        let reason = "no image has maps to compare";
        return Ok(without(named, Grade::NotRun, reason));
    };
    let graded = grade_exact(largest, TWINS);
    Ok(exact(named, largest, tally.values().len(), graded))
}

/// Compares the network with itself after its weights are rounded to eight bits.
pub(super) fn consistency(subject: &Subject<'_>, rebuild: &Rebuild<'_>) -> Result<Test> {
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
    let side = |network| Side::new(network, &explain);
    let load = |i: usize| subject.load(i);
    let (own, twin) = (side(&subject.model.network), side(compressed.as_ref()));
    let run = |count: usize| {
        let images = Images::new(count, &load);
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
    let images = Images::new(count, &load);
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
