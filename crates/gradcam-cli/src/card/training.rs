//! Trains the small networks of the label test.

use anyhow::{Result, bail};
use gradcam_nn::ModuleTree;
use gradcam_train::{Examples, Family, Settings, Trained, build, permuted_labels, train};
use indicatif::ProgressBar;

use super::digits::Digits;
use super::subject::Subject;
use crate::interruption::flow;

/// The accuracy on its training labels from which a network counts as having memorised them.
const MEMORISED: f64 = 0.95;
/// The number of trainings after which a network counts as unable to learn.
const ATTEMPTS: u64 = 3;

/// A trained network.
pub(super) struct Net {
    pub(super) tree: ModuleTree,
    pub(super) train_accuracy: f64,
    pub(super) test_accuracy: f64,
    pub(super) layer: &'static str,
}

/// Networks of one family: two seeds with true labels, and one with permuted labels.
pub(super) struct Labelled {
    pub(super) truth: Net,
    pub(super) second: Net,
    pub(super) permuted: Net,
}

/// Everything that training needs.
pub(super) struct School<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) digits: &'a Digits,
    pub(super) bar: &'a ProgressBar,
}

impl School<'_> {
    pub(super) fn labelled(&self, family: Family) -> Result<Labelled> {
        let train = &self.digits.train;
        let permuted = Examples {
            images: train.images.clone(),
            labels: permuted_labels(&train.labels, self.subject.seed),
        };
        Ok(Labelled {
            truth: self.network("true labels", family, train, 0)?,
            second: self.network("another seed", family, train, 100)?,
            permuted: self.network("permuted labels", family, &permuted, 200)?,
        })
    }

    /// Trains a network; one that stays at chance is trained again with another seed.
    pub(super) fn network(
        &self,
        what: &'static str,
        family: Family,
        train_on: &Examples,
        number: u64,
    ) -> Result<Net> {
        self.bar.set_message(format!("training, {what}"));
        let spec = self.digits.spec(family);
        let seed = self.subject.seed.wrapping_mul(1000).wrapping_add(number);
        let mut best: Option<Trained> = None;
        for attempt in 0..ATTEMPTS {
            let settings = Settings::quick(spec.family);
            let found = train(
                &spec,
                train_on,
                Some(&self.digits.test),
                &settings,
                seed.wrapping_add(attempt),
                &mut |_| flow(self.subject.interrupted),
            )?;
            let better = best
                .as_ref()
                .is_none_or(|best| found.train_accuracy > best.train_accuracy);
            if better {
                best = Some(found);
            }
            if best.as_ref().is_some_and(|b| b.train_accuracy >= MEMORISED) {
                break;
            }
        }
        let Some(best) = best else {
            bail!("nothing was trained");
        };
        self.bar.inc(1);
        Ok(Net {
            tree: build(&spec, &best.weights)?,
            train_accuracy: best.train_accuracy,
            test_accuracy: best.test_accuracy.unwrap_or_default(),
            layer: spec.family.last_maps(),
        })
    }
}
