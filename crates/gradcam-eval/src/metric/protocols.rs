//! The descriptions of a card's tests, in one or two sentences.

use crate::evaluate::SHUFFLES;

pub(super) const READ: &str =
    "Read off the map of the class that the network sees, at the map's own resolution.";
pub(super) const MASK: &str =
    "The map of the annotated class against the object's mask, brought to the network's input.";
pub(super) const NETWORK: &str = "The network is asked again for changed images, for the class that it sees in the image; ties between pixels are broken by a seeded draw.";
pub(super) const METHOD: &str = "The method is asked again for changed inputs, for the class that the network sees in the image.";

pub(super) const TUNED: &str = "The map of the annotated class, cut at one of 0.2, 0.3, … 0.8 of its range, against the object's mask: every second image at the threshold with the highest mean over the other half, and the other half at that of these. Each null has thresholds of its own.";
pub(super) const CLASS_MEAN: &str = "As the pointing game, with the mean over classes of each class's share of hits; intervals are over images: each keeps a weight of one over its class's images, and a resample is divided by the weights that were drawn.";
pub(super) const DIFFICULT: &str = "The pointing game on the images whose object covers less than a quarter of the picture, with an object of another class beside it.";
pub(super) const LOCALISATION_ERROR: &str = "An image is right where its class is among the network's first ones and the box around the largest segment of the class's map, at 15 % of the maximum, overlaps the object's by half (IoU). The maps of the other classes are not made, since they cannot be right.";

// The texts below name this number.
const _: () = assert!(SHUFFLES == 100);
pub(super) const CORRELATION: &str = "How the score changes with each place of the map, taken one on top of the other, against the place's saliency. Null `permuted`: the same values in random places, for which the network is asked anew; `shuffled`: the mean over 100 random orders of the saliency an image, against the same changes.";
pub(super) const CORRELATION_ALONE: &str = "How the score changes with each place of the map alone, from that before the first, against the place's saliency. Nulls as with cumulative steps.";
