//! Networks that are similar, and networks that are the same.

use super::*;
use crate::Tally;
use crate::statistics::Measured;

/// The network of these parameters with `by` times a normal number added to each.
fn moved(seed: u64, by: f64) -> Box<dyn Network> {
    let tensors = parameters(1);
    let change = |name: &str, tensor: &Tensor| {
        let mut random = Random::of_name(seed, name);
        let noise = (0..tensor.elem_count()).map(|_| (by * random.normal()) as f32);
        let noise = Tensor::from_vec(noise.collect(), tensor.shape(), tensor.device())?;
        tensor + noise
    };
    let change = |name: &str, tensor: &Tensor| {
        if name.contains("running") {
            Ok(tensor.clone())
        } else {
            change(name, tensor)
        }
    };
    rebuilt(&tensors, &change).unwrap()
}

fn side(network: &dyn Network) -> Side<'_> {
    Side {
        network,
        explain: &grad_cam,
    }
}

#[test]
fn networks_that_are_alike_agree() {
    let (own, near, far) = (moved(0, 0.0), moved(1, 0.01), moved(2, 3.0));
    let classes: Vec<usize> = (0..32).map(|i| i % 5).collect();
    let with = |other: &dyn Network, classes: Classes<'_>| {
        agreement(
            &side(own.as_ref()),
            &side(other),
            &images(32),
            classes,
            &METRICS,
            0,
        )
        .unwrap()
    };
    let given = Classes::Given(&classes);
    let close = on_any_threads(|| with(near.as_ref(), given));
    assert!(mean(&close.likeness, Metric::Spearman) > 0.95);
    assert_eq!(close.same_class, 1.0);
    let grade = |found: &Agreement, accuracies| {
        agreement_test(found, Metric::Spearman, accuracy_gate(accuracies), 0)
            .unwrap()
            .graded()
            .grade
    };
    assert_eq!(grade(&close, (0.8, 0.82)), Grade::Pass);
    assert_eq!(grade(&close, (0.8, 0.83)), Grade::Inconclusive);
    let distant = with(far.as_ref(), given);
    assert!(mean(&distant.likeness, Metric::Spearman) < 0.5);
    assert_ne!(grade(&distant, (0.8, 0.8)), Grade::Pass);
    // Each network explains its own class: the distant one predicts others.
    assert!(with(far.as_ref(), Classes::Predicted).same_class < 0.9);
    let few = Classes::Given(&classes[..3]);
    let short = agreement(
        &side(own.as_ref()),
        &side(far.as_ref()),
        &images(4),
        few,
        &METRICS,
        0,
    );
    assert!(matches!(short, Err(Error::Length { found: 3, .. })));
}

#[test]
fn accuracy_counts() {
    let network = moved(0, 0.0);
    let named: Vec<usize> = (0..4)
        .map(|i| predicted(network.as_ref(), &image(i).unwrap()).unwrap())
        .collect();
    let wrong: Vec<usize> = named
        .iter()
        .enumerate()
        .map(|(i, c)| c + usize::from(i == 0))
        .collect();
    assert_eq!(accuracy(network.as_ref(), &images(4), &named).unwrap(), 1.0);
    assert_eq!(
        accuracy(network.as_ref(), &images(4), &wrong).unwrap(),
        0.75
    );
    assert!(accuracy(network.as_ref(), &images(4), &[0]).is_err());
}

#[test]
fn labels_that_mean_nothing_move_maps() {
    let (truth, second, permuted) = (moved(0, 0.0), moved(1, 0.02), moved(2, 3.0));
    let classes: Vec<usize> = (0..32).map(|i| i % 5).collect();
    let of = |permuted: &dyn Network, second: &dyn Network| {
        let (truth, classes) = (side(truth.as_ref()), Classes::Given(&classes));
        let (permuted, second) = (side(permuted), side(second));
        data_randomization(
            &truth,
            &permuted,
            &second,
            &images(32),
            classes,
            &METRICS,
            0,
        )
        .unwrap()
    };
    let found = of(permuted.as_ref(), second.as_ref());
    let test = |found: &DataRandomization, accuracy: f64| {
        data_randomization_test(found, Metric::Spearman, accuracy, 0).unwrap()
    };
    let difference =
        mean(&found.permuted, Metric::Spearman) - mean(&found.second, Metric::Spearman);
    assert!((test(&found, 0.99).interval.value - difference).abs() < 1e-9 && difference < -0.3);
    let memorised = test(&found, 0.99);
    assert!(memorised.gates.len() == 2 && memorised.gates[0].ok);
    // The similarity to the maps of permuted labels is compared with that of different images.
    let likeness = |value: f64| {
        let values = Tally {
            outcomes: vec![Ok(value); 40],
        };
        let measured = Measured::of(values, 0).unwrap();
        vec![Likeness {
            metric: Metric::Spearman,
            measured,
        }]
    };
    let own = mean(&found.permuted, Metric::Spearman);
    for (pairs, grade) in [(own + 0.01, Grade::Pass), (own - 0.01, Grade::Inconclusive)] {
        let found = DataRandomization {
            different_images: likeness(pairs),
            ..found.clone()
        };
        let test = test(&found, 0.99);
        assert_eq!(test.gates[1].ok, grade == Grade::Pass);
        assert_eq!(test.graded().grade, grade);
    }
    assert_eq!(test(&found, 0.6).graded().grade, Grade::Inconclusive);
    // Swapped, the maps moved no more than those of another seed.
    let swapped = of(second.as_ref(), permuted.as_ref());
    let failed = test(&swapped, 0.99);
    assert_eq!(
        (failed.graded().grade, failed.gates.len()),
        (Grade::Fail, 1)
    );
}

#[test]
fn twins_have_the_same_maps() {
    let tensors = parameters(1);
    let rebuild = |change: &dyn Fn(&str, &Tensor) -> Candle<Tensor>| rebuilt(&tensors, change);
    let network = build(&Weights::from_tensors(tensors.clone()));
    let folded = network.folded().unwrap();
    let compare = |twin: &dyn Network| {
        implementation_invariance(&side(&network), &side(twin), &images(6)).unwrap()
    };
    let found = compare(&folded);
    assert!(found.largest() > 0.0 && found.largest() < 1e-5, "{found:?}");
    assert_eq!(twin_test(&found, 1e-4).grade, Grade::Pass);
    let channels = classifier_channels(&network, &rebuild, (3, SIDE, SIDE))
        .unwrap()
        .unwrap();
    let expected = Channels {
        outputs: vec!["body.norm".to_string(), "body.conv".to_string()],
        inputs: vec!["head".to_string()],
    };
    assert_eq!(channels, expected);
    let found = compare(permuted(&rebuild, &channels, 3).unwrap().as_ref());
    assert!(found.logits > 0.0 && found.largest() < 1e-5, "{found:?}");
    // If the classifier's channels stay, it is another function.
    let half = Channels {
        inputs: Vec::new(),
        ..channels.clone()
    };
    let found = compare(permuted(&rebuild, &half, 3).unwrap().as_ref());
    assert!(found.logits > 0.01);
    assert_eq!(twin_test(&found, 1e-4).grade, Grade::NotRun);
    // The same function with another map, by a method that depends on the implementation.
    let counts = |network: &dyn Network, image: &Tensor, _: usize| {
        struct Norms(f32);
        impl Pass for Norms {
            fn fuses(&self) -> bool {
                false
            }
            fn operation(&mut self, op: Op<'_>, inputs: &[&Tensor]) -> Candle<Tensor> {
                if let Op::BatchNorm(_) = op {
                    self.0 += 1.0;
                }
                op.forward(inputs)
            }
        }
        let mut norms = Norms(0.0);
        network.forward(image, &mut norms)?;
        Ok(grid(1, 2, &[4.0, norms.0]))
    };
    let written = |network| Side {
        network,
        explain: &counts,
    };
    let found = implementation_invariance(&written(&network), &written(&folded), &images(2));
    let found = found.unwrap();
    assert_eq!(
        (found.largest(), twin_test(&found, 1e-4).grade),
        (0.5, Grade::Fail)
    );
    let nothing = Channels {
        outputs: vec!["nothing".to_string()],
        inputs: Vec::new(),
    };
    assert!(permuted(&rebuild, &nothing, 3).is_err());
}

#[test]
fn the_signed_map_is_linear_and_the_positive_one_is_not() {
    let network = moved(0, 0.0);
    let image = image(0).unwrap();
    let explain = |relu: bool| {
        let (network, image) = (network.as_ref(), &image);
        move |parts: &[(usize, f32)]| {
            let explainer = Explainer {
                relu,
                ..Explainer::default().at("body")
            };
            let target = Target::Weighted(parts.to_vec());
            Ok(explainer.explain_one(network, image, target)?.map().clone())
        }
    };
    let parts = [(0, 0.7), (3, -1.5), (4, 2.0)];
    assert!(linearity(&parts, &explain(false)).unwrap() < 1e-5);
    assert!(linearity(&parts, &explain(true)).unwrap() > 0.05);
}
