//! Laws of Grad-CAM, on small random networks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};
use gradcam::{
    Error, Explainer, Fusion, Grid, Heatmap, LayerMap, MapError, Saliency, SignedMap, Size,
    Subject, Target, Verdict, explain_each,
};
use gradcam_models::Model;
use gradcam_nn::ops::{Activation, AdaptiveAvgPool2d, Conv2d, ConvOptions, Linear, Padding};
use gradcam_nn::{Network, Pass};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// A convolution, a ReLU, global average pooling and a linear head: the networks that CAM was designed for (Zhou et al. 2016).
#[derive(Debug, Clone)]
struct Small {
    stem: Conv2d,
    head: Linear,
}

impl Small {
    fn maps(&self, x: &Tensor) -> Result<Tensor> {
        Activation::Relu.forward(&self.stem.forward(x)?)
    }
}

impl Network for Small {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let x = pass.conv2d(&self.stem, x)?;
        let x = pass.tap("stem", x)?;
        let x = pass.activation(Activation::Relu, &x)?;
        let x = pass.tap("maps", x)?;
        let x = pass.tap("again", x)?;
        let x = pass.adaptive_avg_pool(&AdaptiveAvgPool2d::new(1), &x)?;
        pass.linear(&self.head, &x.flatten_from(1)?)
    }
}

/// Images, channels of the maps, height, width and classes.
type Sizes = (usize, usize, usize, usize, usize);

/// A network and a batch of images for it.
#[derive(Debug, Clone)]
struct Case {
    sizes: Sizes,
    network: Small,
    x: Tensor,
    head: Vec<f32>,
}

impl Case {
    fn new(sizes: Sizes, kernel: &[f32], head: &[f32], x: &[f32]) -> Self {
        let (images, channels, height, width, classes) = sizes;
        let tensor = |values: &[f32], shape: &[usize]| {
            Tensor::from_vec(values.to_vec(), shape, &Device::Cpu).unwrap()
        };
        let same = ConvOptions {
            padding: Padding::all(1),
            ..ConvOptions::default()
        };
        let bias = tensor(&kernel[..channels], &[channels]);
        let stem = Conv2d::new(tensor(kernel, &[channels, 2, 3, 3]), Some(bias), same);
        let linear = Linear::new(
            tensor(head, &[classes, channels]),
            Some(tensor(&head[..classes], &[classes])),
        );
        Case {
            sizes,
            network: Small { stem, head: linear },
            x: tensor(x, &[images, 2, height, width]),
            head: head.to_vec(),
        }
    }

    /// Computes the maps of all images for the same targets.
    fn maps(&self, method: &Explainer, targets: &[Target]) -> Vec<Vec<Heatmap>> {
        let targets = vec![targets.to_vec(); self.sizes.0];
        method.explain(&self.network, &self.x, &targets).unwrap()
    }

    /// Computes the map of the first image.
    fn first(&self, target: Target) -> Heatmap {
        self.maps(&Explainer::default().at("maps"), &[target])
            .remove(0)
            .remove(0)
    }
}

/// Generates cases whose pictures have these values.
fn cases(values: impl Strategy<Value = f32> + Clone) -> impl Strategy<Value = Case> {
    let sizes = (1..4_usize, 2..5_usize, 1..5_usize, 2..6_usize, 2..5_usize);
    sizes.prop_flat_map(move |sizes| {
        // A bias is the start of its weight, so a case prints every number once.
        let (images, channels, height, width, classes) = sizes;
        let head = classes * channels;
        (
            vec(-1.0_f32..1.0, channels * 18),
            vec(-1.0_f32..1.0, head),
            vec(values.clone(), images * 2 * height * width),
        )
            .prop_map(move |(kernel, head, x)| Case::new(sizes, &kernel, &head, &x))
    })
}

fn ordinary() -> impl Strategy<Value = Case> {
    cases(-1.0_f32..1.0)
}

/// Returns the largest absolute value.
fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |m, v| m.max(v.abs()))
}

/// Fails unless both are equal within rounding, relative to values as large as `scale`.
fn close(found: &[f32], expected: &[f32], scale: f32) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!(
            (a - b).abs() <= 1e-5 * scale,
            "{a} and {b} at the scale {scale}"
        );
    }
}

/// Returns every number of a map, as bits.
fn bits(map: &Heatmap) -> Vec<u32> {
    let layers = map
        .layers
        .iter()
        .flat_map(|l| [l.raw.values(), l.map.values()]);
    let all = layers.chain([map.upsampled.values(), &map.logits]);
    all.flatten().map(|v| v.to_bits()).collect()
}

/// Makes a score that is `factor` times the logit of class 0.
fn scaled(factor: f32) -> Target {
    Target::Score(Arc::new(move |logits| logits.get(0)? * f64::from(factor)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    /// With a head of global average pooling and one linear layer, Grad-CAM is CAM divided by the number of positions (section 3.1 of the
    /// paper).
    #[test]
    fn grad_cam_generalises_cam(case in ordinary(), class in 0..2_usize) {
        let (_, channels, height, width, _) = case.sizes;
        let positions = height * width;
        let activations = case.network.maps(&case.x).unwrap();
        let all = activations.flatten_from(1).unwrap().to_vec2::<f32>().unwrap();
        let weights = &case.head[class * channels..][..channels];
        for (maps, a) in case.maps(&Explainer::default().at("maps"), &[Target::Index(class)]).iter().zip(all) {
            let cam: Vec<f32> = (0..positions)
                .map(|i| (0..channels).map(|k| weights[k] * a[k * positions + i]).sum::<f32>())
                .map(|sum| sum / positions as f32)
                .collect();
            close(maps[0].raw().values(), &cam, largest(&a) / positions as f32 * channels as f32);
        }
    }

    #[test]
    fn a_positive_factor_of_the_score_is_a_factor_of_the_map(case in ordinary(), factor in 1e-3_f32..1e3) {
        let (one, many) = (case.first(scaled(1.0)), case.first(scaled(factor)));
        let expected: Vec<f32> = one.raw().values().iter().map(|v| v * factor).collect();
        close(many.raw().values(), &expected, largest(&expected));
        prop_assert_eq!(one.verdict, many.verdict);
        // A class and its own score are the same target.
        let class = case.first(Target::Index(0));
        prop_assert_eq!(one.raw(), class.raw());
    }

    #[test]
    fn a_batch_is_its_images(case in ordinary()) {
        let method = Explainer::default().at("stem");
        let together = case.maps(&method, &[Target::Top(0), Target::Index(1)]);
        for (image, maps) in together.iter().enumerate() {
            let alone = Case {
                sizes: (1, case.sizes.1, case.sizes.2, case.sizes.3, case.sizes.4),
                x: case.x.narrow(0, image, 1).unwrap(),
                ..case.clone()
            };
            let alone = alone.maps(&method, &[Target::Top(0), Target::Index(1)]);
            for (a, b) in maps.iter().zip(&alone[0]) {
                prop_assert_eq!(bits(a), bits(b));
            }
        }
    }

    #[test]
    fn targets_that_share_a_forward_are_separate_runs(case in ordinary()) {
        let targets = [Target::Index(1), Target::Top(1), Target::Difference(0, 1), scaled(2.0)];
        let together = case.maps(&Explainer::default().at("stem"), &targets);
        for (n, target) in targets.iter().enumerate() {
            let alone = case.maps(&Explainer::default().at("stem"), std::slice::from_ref(target));
            for (a, b) in together.iter().zip(&alone) {
                prop_assert_eq!(bits(&a[n]), bits(&b[0]));
            }
        }
    }

    #[test]
    fn a_difference_is_the_difference_of_the_maps(case in ordinary()) {
        let (a, b) = (case.first(Target::Index(0)), case.first(Target::Index(1)));
        let both = case.first(Target::Difference(0, 1));
        let (a, b) = (a.raw().values(), b.raw().values());
        let expected: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        close(both.raw().values(), &expected, largest(a) + largest(b));
        let other: Vec<f32> = case.first(Target::Difference(1, 0)).raw().values().iter().map(|v| -v).collect();
        prop_assert_eq!(both.raw().values(), &other);
    }

    #[test]
    fn a_counterfactual_is_the_negative(case in ordinary()) {
        let method = Explainer { counterfactual: true, ..Explainer::default().at("maps") };
        let against = case.maps(&method, &[Target::Index(0)]).remove(0).remove(0);
        let negative: Vec<f32> = case.first(Target::Index(0)).raw().values().iter().map(|v| -v).collect();
        prop_assert_eq!(against.raw().values(), &negative);
    }

    #[test]
    fn the_best_class_is_the_top(case in ordinary()) {
        let top = case.first(Target::Top(0));
        let class = top.target.index.unwrap();
        prop_assert!(top.logits.iter().all(|&logit| logit <= top.logits[class]));
        prop_assert_eq!(bits(&top), bits(&case.first(Target::Index(class))));
    }

    /// The automatic layer is the last one with a map, and a second name of one output gives the same map.
    #[test]
    fn names_of_one_output_agree(case in ordinary()) {
        prop_assume!(case.sizes.2 * case.sizes.3 > 1);
        let at = |layers: &[&str]| {
            let layers = layers.iter().map(|l| (*l).to_string()).collect();
            let method = Explainer { layers, ..Explainer::default() };
            case.maps(&method, &[Target::Index(0)]).remove(0).remove(0)
        };
        let (one, automatic, both) = (at(&["maps"]), at(&[]), at(&["maps", "again"]));
        prop_assert_eq!(bits(&one), bits(&automatic));
        prop_assert_eq!(&both.layers[0].raw, one.raw());
        prop_assert_eq!(&both.layers[1].raw, one.raw());
        // Each layer of a fusion is divided by its largest value.
        let expected = one.upsampled.scaled();
        close(both.upsampled.values(), expected.values(), 1.0);
    }

    #[test]
    fn a_fusion_lies_between_its_layers(case in ordinary()) {
        let fused = |fusion| {
            let layers = vec!["stem".to_string(), "maps".to_string()];
            let method = Explainer { layers, fusion, ..Explainer::default() };
            case.maps(&method, &[Target::Index(0)]).remove(0).remove(0)
        };
        let (mean, max) = (fused(Fusion::Mean), fused(Fusion::Max));
        prop_assert_eq!(&mean.layers, &max.layers);
        for (mean, max) in mean.upsampled.values().iter().zip(max.upsampled.values()) {
            prop_assert!((0.0..=1.0).contains(max) && *mean <= *max && *mean >= max / 2.0 - 1e-6);
        }
    }

    /// Each verdict holds, and the verdicts cover every case.
    #[test]
    fn a_verdict_means_what_it_says(case in cases(prop_oneof![
        4 => -1.0_f32..1.0,
        4 => Just(0.0_f32),
        1 => prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(3e38_f32)],
    ]), target in 0..3_usize) {
        let target = [Target::Top(0), Target::Difference(0, 0), Target::Index(1)][target].clone();
        for map in case.maps(&Explainer::default().at("stem"), &[target]).remove(0) {
            let share = map.layers[0].measures.iter().find(|(name, _)| *name == "share-of-parts");
            let (raw, map, verdict) = (map.raw(), map.map(), map.verdict);
            let finite = raw.values().iter().all(|v| v.is_finite());
            let spread = raw.max() - raw.min();
            let empty = map.values().iter().all(|&v| v == 0.0);
            match verdict {
                Verdict::Ok => prop_assert!(finite && map.max() > 0.0 && spread > 0.0),
                Verdict::AllNegative => prop_assert!(finite && empty && raw.min() < 0.0),
                Verdict::Flat => prop_assert!(finite && spread <= 1e-6 * largest(raw.values())),
                Verdict::ZeroGradient => prop_assert!(finite && empty && spread == 0.0),
                // The logits may overflow although the map does not.
                Verdict::NonFinite => prop_assert!(case.x.flatten_all().unwrap().to_vec1::<f32>().unwrap()
                    .iter().any(|v| !v.is_finite() || *v > 1e38)),
                Verdict::Vanishing => prop_assert!(share.unwrap().1 < 1e-4),
                Verdict::Saturated => prop_assert!(false, "these logits are no probabilities"),
                Verdict::Incomplete => prop_assert!(false, "Grad-CAM adds up to nothing"),
            }
            prop_assert!(finite || verdict == Verdict::NonFinite);
        }
    }
}

/// Two feature maps, averaged, each times a factor; then an optional softmax.
struct Two {
    factors: [f64; 2],
    softmax: bool,
}

impl Network for Two {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let maps = pass.tap("maps", x.clone())?;
        let factors = Tensor::new(&self.factors, x.device())?.to_dtype(x.dtype())?;
        let logits = maps.mean((2, 3))?.broadcast_mul(&factors)?;
        if !self.softmax {
            return Ok(logits);
        }
        let exps = logits.exp()?;
        exps.broadcast_div(&exps.sum_keepdim(1)?)
    }
}

/// Returns the verdict on class 0 of a picture with two channels of 1 × 2 pixels.
fn verdict(network: &Two, x: [f32; 4]) -> Verdict {
    let x = Tensor::new(&x, &Device::Cpu)
        .unwrap()
        .reshape((1, 2, 1, 2))
        .unwrap();
    Explainer::default()
        .at("maps")
        .explain_one(network, &x, Target::Index(0))
        .unwrap()
        .verdict
}

#[test]
fn every_verdict_has_its_case() {
    let plain = |factor| Two {
        factors: [factor, 1.0],
        softmax: false,
    };
    let sure = Two {
        factors: [1.0, 1.0],
        softmax: true,
    };
    let x = [1.0, 3.0, 0.5, 0.5];
    assert_eq!(verdict(&plain(1.0), x), Verdict::Ok);
    assert_eq!(verdict(&plain(-1.0), x), Verdict::AllNegative);
    assert_eq!(verdict(&plain(0.0), x), Verdict::ZeroGradient);
    assert_eq!(verdict(&plain(1.0), [2.0, 2.0, 0.5, 0.7]), Verdict::Flat);
    assert_eq!(verdict(&plain(-1.0), [2.0, 2.0, 0.5, 0.7]), Verdict::Flat);
    assert_eq!(verdict(&plain(1.0), [0.0, 0.0, 0.5, 0.7]), Verdict::Flat);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(
            verdict(&plain(1.0), [1.0, bad, 0.5, 0.5]),
            Verdict::NonFinite
        );
        // In a channel that the class ignores: the other class's logit is corrupted.
        assert_eq!(
            verdict(&plain(1.0), [1.0, 3.0, bad, 0.5]),
            Verdict::NonFinite
        );
    }
    assert_eq!(verdict(&plain(1e39), x), Verdict::NonFinite);
    assert_eq!(verdict(&sure, [30.0, 32.0, 0.5, 0.5]), Verdict::Saturated);
    assert_eq!(verdict(&sure, [0.5, 0.5, 30.0, 32.0]), Verdict::Saturated);
    // A softmax that is not saturated has a gradient.
    assert_eq!(verdict(&sure, x), Verdict::Ok);
    // A method without gradients is unaffected.
    let image = Tensor::new(&[30.0_f32, 32.0, 0.5, 0.5], &Device::Cpu).unwrap();
    let image = image.reshape((1, 2, 1, 2)).unwrap();
    let explainer = Explainer {
        method: "eigen-cam".parse().unwrap(),
        ..Explainer::default().at("maps")
    };
    let map = explainer
        .explain_one(&sure, &image, Target::Index(0))
        .unwrap();
    assert_eq!(map.verdict, Verdict::Ok);
}

/// An optional layer norm over the channels without parameters, then a weighted sum of the averages.
struct Normed(bool);

impl Network for Normed {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let x = pass.tap("maps", x.clone())?;
        let channels = x.dim(1)?;
        let y = if self.0 {
            let centred = x.broadcast_sub(&x.mean_keepdim(1)?)?;
            let variance = centred.sqr()?.mean_keepdim(1)?;
            centred.broadcast_div(&(variance + 1e-5)?.sqrt()?)?
        } else {
            x
        };
        let weights: Vec<f32> = (0..channels).map(|c| (c as f32 * 1.7).sin()).collect();
        let weights = Tensor::new(weights, y.device())?.to_dtype(y.dtype())?;
        y.mean((2, 3))?
            .broadcast_mul(&weights)?
            .sum(1)?
            .reshape(((), 1))
    }
}

/// A norm ignores the length of its input, so gradient times activation comes only from its epsilon (Euler's theorem on functions of degree
/// 0). HiResCAM's map there has values and a shape, but no meaning.
#[test]
fn what_cancels_in_front_of_a_norm_vanishes() {
    let values: Vec<f32> = (0..64 * 6).map(|i| (i as f32 * 0.61).sin() * 5.0).collect();
    let x = Tensor::from_vec(values, (1, 64, 2, 3), &Device::Cpu).unwrap();
    let verdict = |network: &Normed, method: &str| {
        let explainer = Explainer {
            method: method.parse().unwrap(),
            ..Explainer::default().at("maps")
        };
        let map = explainer
            .explain_one(network, &x, Target::Index(0))
            .unwrap();
        (map.raw().max(), map.verdict)
    };
    let (max, found) = verdict(&Normed(true), "hires-cam");
    assert_eq!(found, Verdict::Vanishing);
    assert!(max != 0.0, "rounding leaves something");
    assert_eq!(verdict(&Normed(false), "hires-cam").1, Verdict::Ok);
    // The gradient's average does not depend on the length at each position.
    assert_eq!(verdict(&Normed(true), "grad-cam").1, Verdict::Ok);
    assert_eq!(verdict(&Normed(true), "layer-cam").1, Verdict::Ok);
}

/// The sum of the pixels above a threshold.
struct Above(f64);

impl Network for Above {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let x = pass.tap("maps", x.clone())?;
        (x.sum((1, 2, 3))? - self.0)?.relu()?.reshape(((), 1))
    }
}

/// An integral with one point misses a kink.
#[test]
fn a_map_that_does_not_add_up_is_incomplete() {
    let verdict = |network: &dyn Network, values: &[f32; 4]| {
        let x = Tensor::new(values, &Device::Cpu).unwrap();
        let x = x.reshape((1, 1, 2, 2)).unwrap();
        let options = [("steps", "1"), ("baseline", "mean")];
        let options = options.map(|(name, value)| (name.to_string(), value.to_string()));
        let method = gradcam::Method::with_options("integrated-gradients", &options).unwrap();
        let map = Explainer::of(method).explain_one(network, &x, Target::Index(0));
        map.unwrap().verdict
    };
    // The pixels get 10 while the score rises by 6: two thirds too much.
    assert_eq!(
        verdict(&Above(4.0), &[1.0, 2.0, 3.0, 4.0]),
        Verdict::Incomplete
    );
    // A fifth too much.
    assert_eq!(verdict(&Above(1.6), &[1.0, 2.0, 3.0, 4.0]), Verdict::Ok);
    // If a score does not change, rounding is a large share of it, and meaningless.
    struct Even;
    impl Network for Even {
        fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
            let x = pass.tap("maps", x.clone())?;
            (x.sum((1, 2, 3))? + 5.0)?.reshape(((), 1))
        }
    }
    assert_eq!(verdict(&Even, &[0.1, 0.2, 0.3, -0.599_999_9]), Verdict::Ok);
}

/// Passes a tensor through and counts the gradients that come back.
struct Counted(Arc<AtomicUsize>);

impl CustomOp1 for Counted {
    fn name(&self) -> &'static str {
        "counted"
    }
    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (start, end) = layout.contiguous_offsets().unwrap();
        let values = x.as_slice::<f32>()?[start..end].to_vec();
        Ok((CpuStorage::F32(values), layout.shape().clone()))
    }
    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Some(grad.clone()))
    }
}

/// Two averaged maps as logits; counts forward and backward passes.
#[derive(Default)]
struct Counting {
    forwards: AtomicUsize,
    backwards: Arc<AtomicUsize>,
}

impl Network for Counting {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        self.forwards.fetch_add(1, Ordering::Relaxed);
        let maps = pass.tap("maps", x.clone())?;
        let mean = maps.mean((2, 3))?.contiguous()?;
        mean.apply_op1(Counted(self.backwards.clone()))
    }
}

/// One forward pass serves all methods at a layer, and one backward pass serves all that need the class's gradient; Finer-CAM's own score
/// does not evict it.
#[test]
fn methods_that_are_asked_for_together_share_their_passes() {
    let network = Counting::default();
    let names = [
        "grad-cam",
        "finer-cam",
        "layer-cam",
        "finer-cam",
        "hires-cam",
        "grad-cam++",
    ];
    let explainers: Vec<Explainer> = names
        .iter()
        .map(|name| Explainer {
            method: name.parse().unwrap(),
            ..Explainer::default().at("maps")
        })
        .collect();
    let image = Tensor::new(&[1.0_f32, 3.0, 0.5, 0.5], &Device::Cpu).unwrap();
    let image = image.reshape((1, 2, 1, 2)).unwrap();
    let mut seen = 0;
    explain_each(
        &explainers,
        &network,
        &image,
        &Target::Index(0),
        |_, map, _| {
            seen += map.map(|_| 1)?;
            Ok::<(), Error>(())
        },
    )
    .unwrap();
    assert_eq!(seen, names.len());
    assert_eq!(network.forwards.load(Ordering::Relaxed), 1);
    assert_eq!(network.backwards.load(Ordering::Relaxed), 2);
}

/// The coarsest map keeps its values; finer ones are raised by tanh.
#[test]
fn layer_cam_lifts_its_shallow_layers() {
    let size = |height, width| Size::new(height, width).unwrap();
    let layer = |size, values: &[f32]| {
        let map = Grid::new(size, values.to_vec()).unwrap();
        LayerMap::new("", map.clone(), map)
    };
    let shallow = layer(size(2, 2), &[1.0, 4.0, 0.0, 2.0]);
    let deep = layer(size(1, 2), &[3.0, 0.3]);
    let explainer = Explainer {
        fusion: Fusion::Tanh,
        ..Explainer::default()
    };
    let found = explainer.upsample(&[shallow, deep], size(2, 2));
    // The shallow map is divided by 4, the deep one by 3.
    let expected = [1.0, 2.0_f32.tanh(), 1.0, 1.0_f32.tanh()];
    for (found, expected) in found.values().iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
    }
}

/// A user's method whose map does not fit its own size.
#[test]
fn a_map_that_is_not_of_its_own_size_is_refused() {
    struct Broken;
    impl Saliency for Broken {
        fn name(&self) -> &str {
            "broken"
        }
        fn signed_map(&self, _: &Subject<'_>) -> std::result::Result<SignedMap, Error> {
            Ok(Grid::new(Size::new(2, 2)?, vec![1.0; 3])?.into())
        }
    }
    let image = Tensor::zeros((1, 2, 1, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
    let network = Two {
        factors: [1.0, 1.0],
        softmax: false,
    };
    let explainer = Explainer {
        layers: vec!["maps".to_string()],
        ..Explainer::of(Broken)
    };
    let error = explainer.explain_one(&network, &image, Target::Index(0));
    assert!(
        matches!(error, Err(Error::Map(MapError::Length { found: 3, .. }))),
        "{error:?}"
    );
}

#[test]
fn a_layer_is_not_fused_with_itself() {
    let network = Two {
        factors: [1.0, 1.0],
        softmax: false,
    };
    let x = Tensor::ones((1, 2, 1, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
    let method = Explainer {
        layers: ["maps", "maps"].map(String::from).to_vec(),
        ..Explainer::default()
    };
    let error = method
        .explain_one(&network, &x, Target::Top(0))
        .unwrap_err();
    assert!(
        matches!(&error, Error::RepeatedLayer(name) if name == "maps"),
        "{error}"
    );
    assert_eq!(error.to_string(), "the layer `maps` is given twice");
}

/// The default model at a small input, at layers of every kind: fused and unfused passes, deep and shallow gradients.
#[test]
fn a_batch_of_the_default_model_is_its_images() {
    let model = Model::default_model(&Device::Cpu).unwrap();
    let values: Vec<f32> = (0..3 * 3 * 64 * 96)
        .map(|i| (i as f32 * 0.37).sin() * (i as f32 * 0.001).cos())
        .collect();
    let x = Tensor::from_vec(values, (3, 3, 64, 96), &Device::Cpu).unwrap();
    let targets = vec![vec![Target::Top(0), Target::Index(7)]; 3];
    for layer in [model.default_layer(), "blocks.3.1.conv_dw"] {
        let method = Explainer::default().at(layer);
        let together = method.explain(&model.network, &x, &targets).unwrap();
        for (image, maps) in together.iter().enumerate() {
            let alone = x.narrow(0, image, 1).unwrap();
            let alone = method
                .explain(&model.network, &alone, &targets[..1])
                .unwrap();
            for (a, b) in maps.iter().zip(&alone[0]) {
                assert!(bits(a) == bits(b), "{layer}: image {image}");
            }
        }
    }
}
