//! The facts about a method that are known before it runs.

use serde::Serialize;

use crate::saliency::Source;

/// The facts about a method that are known before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct About {
    /// Authors, year and title.
    pub paper: &'static str,
    /// Passes through the network for one target, with the default options.
    pub cost: &'static str,
    /// The requirements on the network.
    pub needs: &'static str,
    /// Where the map comes from.
    pub source: Source,
    /// The positions that the map has values for: those of the layer, or the pixels.
    pub resolution: Source,
    /// Whether the map is made from the score's gradient at the source.
    pub gradient: bool,
    /// Whether the method takes a gradient anywhere.
    pub backward: bool,
    /// Whether the map depends on the target.
    pub target: bool,
}

/// Methods that weight a layer's activations by the gradient there.
pub(crate) const LAYER: About = About {
    paper: "",
    cost: "1 forward, 1 backward of the head",
    needs: "a layer with a spatial map, and the gradient there",
    source: Source::Layer,
    resolution: Source::Layer,
    gradient: true,
    backward: true,
    target: true,
};

/// Methods that weight a layer's activations by scores alone.
pub(crate) const SCORES: About = About {
    needs: "a layer with a spatial map; only scores, no gradient",
    gradient: false,
    backward: false,
    ..LAYER
};

/// Methods from a gradient at the pixels.
pub(crate) const PIXELS: About = About {
    cost: "1 forward, 1 backward",
    needs: "a gradient",
    source: Source::Pixels,
    resolution: Source::Pixels,
    gradient: false,
    ..LAYER
};

/// Methods that propagate the score back to the pixels by other rules than the gradient's.
pub(crate) const RULES: About = About {
    cost: "2 forwards, 1 backward",
    needs: "a network whose operations all go through the pass",
    ..PIXELS
};

/// Methods from the attention of a transformer.
pub(crate) const ATTENTION: About = About {
    needs: "a transformer of tokens (ViT, DeiT, DINOv2, CLIP)",
    ..PIXELS
};

/// Methods from the scores of changed pictures, at the pixels.
pub(crate) const BLACK_BOX: About = About {
    needs: "only scores, no gradient",
    backward: false,
    ..PIXELS
};
