//! The tests over images: their metrics, what these are held against, and what is said of them.

use gradcam_eval::card::Section;
use gradcam_eval::evaluate::{Null, SHUFFLES};
use gradcam_eval::{Metric, Need};

use super::entry::Named;

/// The tests, in the card's order: metric, id, section, and what it is compared with.
pub(super) const TESTS: [(Metric, &str, Section, &[Null]); 34] = {
    use Metric as M;
    use Section::{InputSensitivity as I, Minimality as L, PerceptualCorrespondence as P};
    const BLIND: &[Null] = &[Null::Random, Null::Centre];
    const CELLS: &[Null] = &[Null::Permuted];
    const ORDERS: &[Null] = &[Null::Permuted, Null::Shuffled];
    const OBJECTS: &[Null] = &[Null::Random, Null::Untrained, Null::MeanMask];
    const PLACES: &[Null] = &[Null::Random, Null::Centre, Null::Untrained];
    const NONE: &[Null] = &[];
    [
        (M::Deletion, "deletion.rise", I, BLIND),
        (M::Dauc, "deletion.gomez", I, CELLS),
        (M::Insertion, "insertion.rise", I, BLIND),
        (M::Iauc, "insertion.gomez", I, CELLS),
        (M::Road, "road", I, BLIND),
        (M::RegionPerturbation, "region_perturbation", I, BLIND),
        (M::AverageDrop, "average_drop", I, BLIND),
        (M::Increase, "increase_in_confidence", I, BLIND),
        (M::DropInDeletion, "average_drop_in_deletion", I, BLIND),
        (M::Infidelity, "infidelity", I, BLIND),
        (M::SensitivityN, "sensitivity_n", I, BLIND),
        (M::MaxSensitivity, "max_sensitivity", I, NONE),
        (M::InputInvariance, "input_invariance", I, NONE),
        (M::Sparsity, "sparsity", L, NONE),
        (M::SparsityUpsampled, "sparsity.input", L, NONE),
        (M::Gini, "gini", L, NONE),
        (M::Entropy, "entropy", L, NONE),
        (M::AveragePrecision, "localization_utility.ap", P, OBJECTS),
        (
            M::PrecisionTrapezoid,
            "localization_utility.trapezoid",
            P,
            OBJECTS,
        ),
        (
            M::DeletionCorrelation,
            "luminosity_calibration.dc",
            P,
            ORDERS,
        ),
        (
            M::InsertionCorrelation,
            "luminosity_calibration.ic",
            P,
            ORDERS,
        ),
        (
            M::DeletionCorrelationAlone,
            "luminosity_calibration.dc_alone",
            P,
            ORDERS,
        ),
        (
            M::InsertionCorrelationAlone,
            "luminosity_calibration.ic_alone",
            P,
            ORDERS,
        ),
        (M::IouOtsu, "mean_iou.otsu", P, PLACES),
        (M::IouHalf, "mean_iou.half", P, PLACES),
        (M::IouTuned, "mean_iou.tuned", P, PLACES),
        (M::Pointing, "pointing_game", P, PLACES),
        (M::PointingClassMean, "pointing_game.class_mean", P, PLACES),
        (M::PointingDifficult, "pointing_game.difficult", P, PLACES),
        (M::Hit, "hit_rate", P, PLACES),
        (M::Energy, "energy", P, PLACES),
        (M::Localisation, "weak_localization.annotated", P, PLACES),
        (
            M::LocalisationErrorTop1,
            "weak_localization.top1",
            P,
            PLACES,
        ),
        (
            M::LocalisationErrorTop5,
            "weak_localization.top5",
            P,
            PLACES,
        ),
    ]
};

/// What a card holds a metric against.
pub(crate) fn nulls(metric: Metric) -> &'static [Null] {
    let mut tests = TESTS.iter();
    let test = tests.find(|(own, ..)| *own == metric);
    test.map_or(&[], |(.., nulls)| *nulls)
}

/// Metrics that ask the network hundreds of times an image.
pub(super) const SLOW: [Metric; 4] = [
    Metric::Road,
    Metric::RegionPerturbation,
    Metric::Infidelity,
    Metric::SensitivityN,
];

/// Whether a test holds the method in a metric against a null; the methods beside it are held against none.
pub(super) fn compared(method: usize, metric: Metric, null: Null) -> bool {
    let mut tests = TESTS.iter();
    method == 0 && tests.any(|(own, .., nulls)| *own == metric && nulls.contains(&null))
}

/// Metrics that take a map's places in their order.
pub(super) const ORDERED: [Metric; 9] = [
    Metric::Deletion,
    Metric::Insertion,
    Metric::Dauc,
    Metric::Iauc,
    Metric::Road,
    Metric::DeletionCorrelation,
    Metric::InsertionCorrelation,
    Metric::DeletionCorrelationAlone,
    Metric::InsertionCorrelationAlone,
];

/// How many classes a metric of localisation lets the network name.
pub(super) fn named_first(metric: Metric) -> Option<usize> {
    match metric {
        Metric::LocalisationErrorTop1 => Some(1),
        Metric::LocalisationErrorTop5 => Some(5),
        _ => None,
    }
}

/// Why no image has a metric that could be measured.
pub(super) fn no_image(metric: Metric) -> &'static str {
    match metric.about().needs {
        needs if needs.contains(&Need::Distractor) => {
            "no image has an object of under a quarter of the picture beside one of another class"
        }
        _ => "no image has a class that the network knows",
    }
}

pub(super) fn named(metric: Metric, id: &'static str) -> Named<'static> {
    let about = metric.about();
    Named {
        id,
        title: about.title,
        paper: about.paper,
        metric: metric.name(),
        unit: "",
        protocol: protocol(metric),
    }
}

// The words below say so.
const _: () = assert!(SHUFFLES == 100);

/// What is done, in a sentence or two.
fn protocol(metric: Metric) -> &'static str {
    match metric {
        Metric::IouTuned => {
            "The map of the annotated class, cut at one of 0.2, 0.3, … 0.8 of its range, against the object's mask: every second image at the threshold with the highest mean over the other half, and the other half at that of these. Each null has thresholds of its own."
        }
        Metric::PointingClassMean => {
            "As the pointing game, with the mean over classes of each class's share of hits; intervals are over images: each keeps a weight of one over its class's images, and a resample is divided by the weights that were drawn."
        }
        Metric::PointingDifficult => {
            "The pointing game on the images whose object covers less than a quarter of the picture, with an object of another class beside it."
        }
        Metric::LocalisationErrorTop1 | Metric::LocalisationErrorTop5 => {
            "An image is right where its class is among the network's first ones and the box around the largest segment of the class's map, at 15 % of the maximum, overlaps the object's by half (IoU). The maps of the other classes are not made, since they cannot be right."
        }
        Metric::DeletionCorrelation | Metric::InsertionCorrelation => {
            "How the score changes with each place of the map, taken one on top of the other, against the place's saliency. Null `permuted`: the same values in random places, for which the network is asked anew; `shuffled`: the mean over 100 random orders of the saliency an image, against the same changes."
        }
        Metric::DeletionCorrelationAlone | Metric::InsertionCorrelationAlone => {
            "How the score changes with each place of the map alone, from that before the first, against the place's saliency. Nulls as with cumulative steps."
        }
        _ => match metric.about().needs {
            needs if needs.contains(&Need::Mask) => {
                "The map of the annotated class against the object's mask, brought to the network's input."
            }
            needs if needs.contains(&Need::Explainer) => {
                "The method is asked again for changed inputs, for the class that the network sees in the image."
            }
            needs if needs.contains(&Need::Network) => {
                "The network is asked again for changed images, for the class that it sees in the image; ties between pixels are broken by a seeded draw."
            }
            _ => {
                "Read off the map of the class that the network sees, at the map's own resolution."
            }
        },
    }
}
