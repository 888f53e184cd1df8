//! The checks before a computation refuse exactly what the computation would refuse.

use candle_core::{Device, Result, Tensor};
use gradcam::{Explainer, Method, Source, Target};
use gradcam_models::architectures;
use gradcam_nn::{Network, Pass, Tokens, Weights};

/// A network whose operations no rule sees.
struct Opaque<'a>(&'a dyn Network);

impl Network for Opaque<'_> {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        self.0.forward(x, pass)
    }
    fn tokens(&self) -> Option<Tokens> {
        self.0.tokens()
    }
}

/// The methods that have requirements of the network, and one that has none.
const METHODS: [&str; 10] = [
    "cam",
    "grad-cam",
    "guided-grad-cam",
    "fullgrad",
    "guided-backprop",
    "deconvolution",
    "deeplift",
    "lrp",
    "attention-rollout",
    "gradient-attention-rollout",
];

/// Returns the methods that do not suit, after checking that they fail for the same reason.
fn refused(network: &dyn Network, layer: &str) -> Vec<&'static str> {
    let values: Vec<f32> = (0..3 * 64 * 64).map(|i| (i as f32 * 0.7).sin()).collect();
    let picture = Tensor::from_vec(values, (1, 3, 64, 64), &Device::Cpu).unwrap();
    let mut refused = Vec::new();
    for name in METHODS {
        let mut explainer = Explainer::of(name.parse::<Method>().unwrap());
        if explainer.method.about().source == Source::Layer {
            explainer.layers = vec![layer.to_string()];
        }
        let before = explainer.check(network, (3, 64, 64)).err();
        let found = explainer.explain_one(network, &picture, Target::Index(1));
        // Guided Grad-CAM is refused by its failing part.
        let own = |error: &gradcam::Error| {
            error
                .to_string()
                .replace("guided-grad-cam", "guided-backprop")
        };
        assert_eq!(
            before.as_ref().map(own),
            found.err().as_ref().map(own),
            "{name}"
        );
        refused.extend(before.map(|_| name));
    }
    refused
}

#[test]
fn methods_that_do_not_suit_are_known_before() {
    const ATTENTION: [&str; 2] = ["attention-rollout", "gradient-attention-rollout"];
    let network = |name: &str| {
        let architecture = architectures::find(name).unwrap();
        architecture.build(&Weights::random(3), 10).unwrap()
    };
    let pooled = network("tf_efficientnet_lite0");
    let (squeezed, tokens) = (network("squeezenet1_1"), network("vit_tiny_patch16_224"));
    // SqueezeNet's classifier is a convolution; a transformer's head uses one token.
    let none = [&["cam"][..], &ATTENTION[..]].concat();
    assert_eq!(refused(&squeezed, "features.12"), none);
    assert_eq!(refused(&tokens, "blocks.11.norm1"), ["cam"]);
    assert_eq!(refused(&pooled, "bn2"), ATTENTION);
    assert_eq!(refused(&pooled, "blocks.5"), none);
    let seen: Vec<&str> = METHODS.into_iter().filter(|m| *m != "grad-cam").collect();
    assert_eq!(refused(&Opaque(&squeezed), "features.12"), seen);
    // A name that is not a layer is refused by every method that uses a layer.
    let known = Explainer::default()
        .at("features.13")
        .check(&squeezed, (3, 64, 64));
    assert!(
        known
            .unwrap_err()
            .to_string()
            .contains("no layer `features.13`")
    );
}
