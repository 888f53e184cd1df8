//! The training loop.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use candle_core::{Device, Tensor};
use gradcam_nn::{ModuleTree, Network, WeightsError, logits};
use gradcam_random::Random;
use serde::{Deserialize, Serialize};

use crate::adam::Adam;
use crate::gradient::{batch, largest};
use crate::{Examples, Family, NetworkSpec, TrainError, build, initial};

/// How a network is trained: with Adam, on batches in a new random order every epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The step size of Adam, above 0.
    pub learning_rate: f64,
    /// Pictures per step, at least 1.
    pub batch: usize,
    /// The factor λ of the penalty λ/2 · Σ w² over all weights except the biases, 0 or above.
    pub l2: f64,
    /// The most epochs, at least 1.
    pub epochs: usize,
    /// The accuracy on the training pictures, in [0, 1], at which training ends early.
    pub enough: Option<f64>,
}

impl Settings {
    /// The settings of Adebayo et al. (2018): Adam with 1e-4, batches of 50, λ = 0.001, 50 epochs. The paper trains on 55,000 digits,
    /// and for 100 epochs with permuted labels.
    pub const PAPER: Settings = Settings {
        learning_rate: 1e-4,
        batch: 50,
        l2: 1e-3,
        epochs: 50,
        enough: None,
    };

    /// Returns settings that memorise the permuted labels of 1,000 digits: batches of 50, no penalty, up to 100 epochs or an accuracy
    /// of 0.98. The step size is 5e-4 for the paper's network (`fc1` of 64 units or more) and 2e-3 for the residual one (width 8).
    ///
    /// Larger steps may end at chance accuracy. With permuted labels that happened to an `fc1` of 32 units at 1e-3 and to the residual
    /// network at 1e-2.
    pub fn quick(family: Family) -> Settings {
        Settings {
            learning_rate: match family {
                Family::Cnn { .. } => 5e-4,
                Family::Residual { .. } => 2e-3,
            },
            batch: 50,
            l2: 0.0,
            epochs: 100,
            enough: Some(0.98),
        }
    }
}

/// The progress of a training.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Completed steps of this epoch.
    pub step: usize,
    /// Steps of an epoch.
    pub steps: usize,
    /// The mean cross-entropy over this epoch so far, each batch measured before its own step.
    pub loss: f64,
    /// The share of this epoch's pictures so far classified as their labels say, each batch measured before its own step.
    pub accuracy: f64,
}

/// A trained network.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Trained {
    /// The parameters by name, `f32`.
    pub weights: BTreeMap<String, Tensor>,
    /// The share of training pictures that the network classifies as their labels say, in [0, 1].
    pub train_accuracy: f64,
    /// The same share of the test pictures, if there are any.
    pub test_accuracy: Option<f64>,
    /// The number of epochs run.
    pub epochs: usize,
}

/// Trains the network `spec` on `examples`. The initial parameters and the order follow from `seed`; `progress` is called after every
/// step and may stop the training.
///
/// The same arguments give the same bytes, for any number of threads.
///
/// # Errors
/// When the examples do not fit the network, a setting is out of range, the loss or the weights do not stay finite, or `progress`
/// stops the training.
pub fn train(
    spec: &NetworkSpec,
    examples: &Examples,
    test: Option<&Examples>,
    settings: &Settings,
    seed: u64,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Trained, TrainError> {
    check(settings)?;
    for examples in std::iter::once(examples).chain(test) {
        examples.check(spec)?;
    }
    let mut adam = Adam::new(&initial(spec, seed)?)?;
    // A separate stream from that of the initial parameters.
    let mut random = Random::new(seed, 1);
    let mut order: Vec<usize> = (0..examples.labels.len()).collect();
    let mut epoch = 0;
    let train_accuracy = loop {
        epoch += 1;
        random.shuffle(&mut order);
        let running = one_epoch(spec, examples, settings, &order, &mut adam, epoch, progress)?;
        let last = epoch == settings.epochs;
        // The running accuracy lags behind that of the current parameters: a cheap first gate.
        if last || settings.enough.is_some_and(|enough| running >= enough) {
            let network = built(spec, &adam.weights()?, settings, epoch)?;
            let found = accuracy(&network, examples)?;
            if last || settings.enough.is_some_and(|enough| found >= enough) {
                break found;
            }
        }
    };
    let weights = adam.weights()?;
    let network = build(spec, &weights)?;
    Ok(Trained {
        train_accuracy,
        test_accuracy: test.map(|test| accuracy(&network, test)).transpose()?,
        epochs: epoch,
        weights,
    })
}

/// Takes a step for each batch of `order` and returns the running accuracy.
fn one_epoch(
    spec: &NetworkSpec,
    examples: &Examples,
    settings: &Settings,
    order: &[usize],
    adam: &mut Adam,
    epoch: usize,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<f64, TrainError> {
    let (mut seen, mut loss, mut correct) = (0, 0.0, 0);
    let batches = order.chunks(settings.batch);
    let steps = batches.len();
    for (step, indices) in batches.enumerate() {
        let ids: Vec<u32> = indices.iter().map(|&i| i as u32).collect();
        let ids = Tensor::new(ids, &Device::Cpu)?;
        let images = examples.images.index_select(&ids, 0)?;
        let labels: Vec<usize> = indices.iter().map(|&i| examples.labels[i]).collect();
        let weights = adam.weights()?;
        let network = built(spec, &weights, settings, epoch)?;
        let found = batch(&network, &weights, &images, &labels)?;
        if !found.loss.is_finite() {
            return Err(diverged(settings, epoch));
        }
        adam.step(&found.gradients, settings.learning_rate, settings.l2)?;
        seen += labels.len();
        loss += found.loss * labels.len() as f64;
        correct += found.correct;
        let now = Progress {
            epoch,
            step: step + 1,
            steps,
            loss: loss / seen as f64,
            accuracy: correct as f64 / seen as f64,
        };
        if progress(&now).is_break() {
            return Err(TrainError::Stopped { epoch });
        }
    }
    Ok(correct as f64 / seen as f64)
}

/// Builds the network from the current weights of the training.
fn built(
    spec: &NetworkSpec,
    weights: &BTreeMap<String, Tensor>,
    settings: &Settings,
    epoch: usize,
) -> Result<ModuleTree, TrainError> {
    build(spec, weights).map_err(|error| match error {
        TrainError::Weights(WeightsError::NotFinite { .. }) => diverged(settings, epoch),
        other => other,
    })
}

fn diverged(settings: &Settings, epoch: usize) -> TrainError {
    let learning_rate = settings.learning_rate;
    TrainError::Diverged {
        epoch,
        learning_rate,
    }
}

/// Returns the share of `examples`, in [0, 1], whose largest logit is their label's; the first of several equal ones counts.
///
/// # Errors
/// When the network cannot take the pictures.
pub fn accuracy(network: &dyn Network, examples: &Examples) -> Result<f64, TrainError> {
    let rows = logits(network, &examples.images)?.to_dtype(candle_core::DType::F64)?;
    let rows: Vec<Vec<f64>> = rows.to_vec2()?;
    let pairs = rows.iter().zip(&examples.labels);
    let correct = pairs
        .filter(|(row, label)| largest(row) == Some(**label))
        .count();
    Ok(correct as f64 / rows.len().max(1) as f64)
}

fn check(settings: &Settings) -> Result<(), TrainError> {
    let wrong = |what, expected, found: String| {
        Err(TrainError::Setting {
            what,
            expected,
            found,
        })
    };
    let Settings {
        learning_rate,
        batch,
        l2,
        epochs,
        enough,
    } = *settings;
    if !(learning_rate > 0.0 && learning_rate.is_finite()) {
        return wrong("the learning rate", "above 0", learning_rate.to_string());
    }
    if !(l2 >= 0.0 && l2.is_finite()) {
        return wrong("the penalty's factor", "0 or above", l2.to_string());
    }
    if batch == 0 || epochs == 0 {
        let found = format!("{batch} and {epochs}");
        return wrong("the batch and the number of epochs", "at least 1", found);
    }
    match enough {
        Some(enough) if !(0.0..=1.0).contains(&enough) => wrong(
            "the accuracy that is enough",
            "in [0, 1]",
            enough.to_string(),
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::gradient::cross_entropy;
    use crate::{Storage, permuted_labels, to_bytes};

    const CNN: Family = Family::Cnn { hidden: 16 };
    const RESIDUAL: Family = Family::Residual { width: 4 };
    const SETTINGS: Settings = Settings {
        learning_rate: 3e-3,
        batch: 10,
        l2: 0.0,
        epochs: 200,
        enough: Some(0.95),
    };

    fn spec(family: Family) -> NetworkSpec {
        NetworkSpec {
            input: [1, 8, 8],
            classes: 4,
            family,
        }
    }

    /// Returns 40 pictures of noise with one bright quarter, given by the label.
    fn quarters(seed: u64) -> Examples {
        let mut random = Random::new(seed, 0);
        let labels: Vec<usize> = (0..40).map(|i| i % 4).collect();
        let mut values = Vec::new();
        for label in &labels {
            for pixel in 0..64 {
                let quarter = pixel / 32 * 2 + pixel % 8 / 4;
                let noise = random.level();
                values.push(0.6 * noise + if quarter == *label { 0.4 } else { 0.0 });
            }
        }
        Examples::new(&values, [1, 8, 8], labels).unwrap()
    }

    fn quiet(_: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn both_networks_learn_what_can_be_learnt() {
        for family in [CNN, RESIDUAL] {
            let mut losses = Vec::new();
            let mut report = |p: &Progress| {
                if p.step == p.steps {
                    losses.push(p.loss);
                }
                ControlFlow::Continue(())
            };
            let (examples, test) = (quarters(0), quarters(1));
            let found = train(
                &spec(family),
                &examples,
                Some(&test),
                &SETTINGS,
                0,
                &mut report,
            );
            let found = found.unwrap();
            assert!(found.train_accuracy >= 0.95, "{}", found.train_accuracy);
            assert!(found.test_accuracy.unwrap() >= 0.8, "{found:?}");
            assert_eq!(losses.len(), found.epochs);
            assert!(found.epochs < SETTINGS.epochs);
            assert!(losses[found.epochs - 1] < 0.6 * losses[0], "{losses:?}");
        }
    }

    #[test]
    fn permuted_labels_are_memorised_and_do_not_generalise() {
        for family in [CNN, RESIDUAL] {
            let mut examples = quarters(0);
            examples.labels = permuted_labels(&examples.labels, 2);
            let test = quarters(1);
            let found = train(
                &spec(family),
                &examples,
                Some(&test),
                &SETTINGS,
                0,
                &mut quiet,
            );
            let found = found.unwrap();
            assert!(found.train_accuracy >= 0.95, "{}", found.train_accuracy);
            assert!(
                found.test_accuracy.unwrap() < 0.6,
                "{:?}",
                found.test_accuracy
            );
        }
    }

    /// Uses the size of digits, since the shapes determine how a kernel splits its work.
    #[test]
    fn the_same_seed_gives_the_same_bytes_for_any_number_of_threads() {
        let pixel = |i: usize| (i * 7919 % 256) as f32 / 255.0;
        let values: Vec<f32> = (0..60 * 784).map(pixel).collect();
        let labels = (0..60).map(|i| i * i % 10).collect();
        let examples = Examples::new(&values, [1, 28, 28], labels).unwrap();
        let settings = Settings {
            batch: 50,
            epochs: 2,
            l2: 1e-3,
            enough: None,
            ..SETTINGS
        };
        for family in [CNN, RESIDUAL] {
            let spec = NetworkSpec {
                input: [1, 28, 28],
                classes: 10,
                family,
            };
            let run = |threads: usize, seed| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                let found = pool
                    .build()
                    .unwrap()
                    .install(|| train(&spec, &examples, None, &settings, seed, &mut quiet));
                to_bytes(&found.unwrap().weights, Storage::F32).unwrap()
            };
            let one = run(1, 7);
            assert!(one == run(2, 7) && one == run(3, 7));
            assert!(one != run(1, 8));
        }
    }

    /// With one batch an epoch, the last epoch reports the loss of the previous epoch's parameters.
    #[test]
    fn the_network_from_trained_weights_is_the_one_that_was_trained() {
        for family in [CNN, RESIDUAL] {
            let (spec, examples) = (spec(family), quarters(0));
            let run = |epochs| {
                let settings = Settings {
                    batch: 64,
                    epochs,
                    enough: None,
                    ..SETTINGS
                };
                let mut last = None;
                let mut report = |p: &Progress| {
                    last = Some(*p);
                    ControlFlow::Continue(())
                };
                let found = train(&spec, &examples, None, &settings, 7, &mut report).unwrap();
                (found, last.unwrap())
            };
            let (before, _) = run(4);
            let (_, report) = run(5);
            let network = build(&spec, &before.weights).unwrap();
            let logits = logits(&network, &examples.images).unwrap();
            let (loss, correct, _) = cross_entropy(&logits, &examples.labels).unwrap();
            assert!((loss - report.loss).abs() < 1e-6, "{loss}, {report:?}");
            assert_eq!(correct as f64 / 40.0, report.accuracy);
            assert_eq!(before.train_accuracy, report.accuracy);
        }
    }

    #[test]
    fn what_cannot_go_on_is_an_error() {
        let run = |settings: Settings, progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>| {
            train(&spec(CNN), &quarters(0), None, &settings, 0, progress).unwrap_err()
        };
        // A loss that is not finite, and weights that are not: before the next loss, and after the last.
        for (learning_rate, batch, epochs) in [(1e30, 10, 200), (1e300, 10, 200), (1e300, 40, 1)] {
            let wild = Settings {
                learning_rate,
                batch,
                epochs,
                ..SETTINGS
            };
            let error = run(wild, &mut quiet);
            assert!(
                matches!(error, TrainError::Diverged { epoch: 1, .. }),
                "{learning_rate}, {epochs}: {error}"
            );
        }
        let mut second = |p: &Progress| match p.epoch {
            2 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let slow = Settings {
            enough: None,
            ..SETTINGS
        };
        assert!(matches!(
            run(slow, &mut second),
            TrainError::Stopped { epoch: 2 }
        ));
        let none = Settings {
            batch: 0,
            ..SETTINGS
        };
        assert_eq!(
            run(none, &mut quiet).to_string(),
            "the batch and the number of epochs must be at least 1, found 0 and 200"
        );
    }
}
