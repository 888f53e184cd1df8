//! The images of a data set that a card measures.

use std::collections::BTreeMap;

use gradcam_data::{Class, Dataset, Sample};
use gradcam_eval::statistics::{MAX_DEGENERATE, MIN_SAMPLES};
use gradcam_random::Random;

use crate::console::Console;
use crate::dataset::{lying, prepare};
use crate::reading::Reading;

/// Returns the samples' numbers in a random order from the seed, of which any beginning keeps the classes' proportions. Of classes of the
/// same size, none has two more than another. Each class is shuffled and spread evenly over the order from a random start: systematic
/// sampling of strata (Cochran 1977, chapter 8). Samples without a class form a class of their own.
pub(super) fn order<'a>(samples: impl IntoIterator<Item = &'a Sample>, seed: u64) -> Vec<usize> {
    let mut classes: BTreeMap<Option<&Class>, Vec<usize>> = BTreeMap::new();
    for (index, sample) in samples.into_iter().enumerate() {
        let class = classes.entry(sample.class.as_ref()).or_default();
        class.push(index);
    }
    let mut places: Vec<(f64, usize)> = Vec::new();
    for (number, mut class) in classes.into_values().enumerate() {
        let mut random = Random::new(seed, number as u64);
        let start = random.unit();
        let mut keyed: Vec<(u64, usize)> = class
            .iter()
            .map(|&index| (random.number(), index))
            .collect();
        keyed.sort_unstable();
        class = keyed.into_iter().map(|(_, index)| index).collect();
        let place = |rank: usize| (rank as f64 + start) / class.len() as f64;
        places.extend(
            class
                .iter()
                .enumerate()
                .map(|(i, &index)| (place(i), index)),
        );
    }
    places.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    places.into_iter().map(|(_, index)| index).collect()
}

/// Returns the most images to look at so that `count` have something to measure: beyond that, the share without exceeds the rule's limit.
pub(super) fn at_most(count: usize) -> usize {
    (count as f64 / (1.0 - MAX_DEGENERATE)) as usize
}

/// Whether more images can raise a test with `values` of `images` to the rule's number: it has too few, but not too large a share without.
pub(super) fn mendable(values: usize, images: usize) -> bool {
    values < MIN_SAMPLES && values as f64 >= (1.0 - MAX_DEGENERATE) * images as f64
}

/// Draws the samples to measure, followed by those that replace some of them. A sample that cannot be read is reported at once and skipped,
/// so that every test uses the same images.
pub(crate) fn drawn<'a>(
    data: &'a Dataset,
    count: usize,
    seed: u64,
    reading: &Reading<'_>,
    console: &mut Console<'_>,
) -> Vec<(usize, &'a Sample)> {
    let most = at_most(count.min(data.samples.len()));
    let mut samples = Vec::new();
    let mut lies = 0;
    for index in order(&data.samples, seed) {
        if samples.len() == most {
            break;
        }
        let sample = &data.samples[index];
        match prepare(sample, reading) {
            Ok(prepared) => {
                lies += usize::from(prepared.lies);
                if let Some(remark) = prepared.remark {
                    console.warn(format!("`{}`: {remark}", sample.id));
                }
                samples.push((index, sample));
            }
            Err(error) => console.warn(format!("{error:#}")),
        }
    }
    if lies > 0 {
        console.warn(lying(lies));
    }
    samples
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use gradcam_data::Picture;
    use image::RgbImage;

    use super::*;

    /// Makes samples of classes of these sizes, one class after the other.
    fn samples(sizes: &[usize]) -> Vec<Sample> {
        let picture = Arc::new(RgbImage::new(1, 1));
        let classes = sizes.iter().enumerate();
        let classes = classes.flat_map(|(class, size)| std::iter::repeat_n(class, *size));
        let sample = |(index, class): (usize, usize)| {
            let mut sample = Sample::new(index.to_string(), Picture::Memory(picture.clone()));
            sample.class = Some(Class {
                number: class,
                name: class.to_string().into(),
            });
            sample
        };
        classes.enumerate().map(sample).collect()
    }

    /// Counts each class among the first `count`.
    fn counts(samples: &[Sample], count: usize, seed: u64) -> Vec<usize> {
        let mut counts = vec![0; 1 + samples.last().unwrap().class.as_ref().unwrap().number];
        for &index in &order(samples, seed)[..count] {
            counts[samples[index].class.as_ref().unwrap().number] += 1;
        }
        counts
    }

    /// Checks thirty pictures of five classes: a fixed step would favour classes that alternate, and a prefix sorted ones.
    #[test]
    fn classes_of_one_size_have_the_same_number() {
        let samples = samples(&[6; 5]);
        for seed in 0..20 {
            for count in 1..=30 {
                let counts = counts(&samples, count, seed);
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                assert!(most - least <= 1, "{count} of them: {counts:?}");
            }
            let mut all = order(&samples, seed);
            all.sort_unstable();
            assert!(all.into_iter().eq(0..30));
        }
        assert_eq!(order(&samples, 1), order(&samples, 1));
        assert_ne!(order(&samples, 1), order(&samples, 2));
    }

    #[test]
    fn classes_have_their_share() {
        let many = samples(&[900, 90, 10]);
        for seed in 0..20 {
            let counts = counts(&many, 100, seed);
            for (found, expected) in counts.iter().zip([90, 9, 1]) {
                assert!(found.abs_diff(expected) <= 1, "{counts:?}");
            }
        }
        // Classes of one picture each have their share together, beside one large class.
        let mut sizes = vec![900];
        sizes.extend([1; 100]);
        let single = samples(&sizes);
        let mean = (0..50)
            .map(|seed| 30 - counts(&single, 30, seed)[0])
            .sum::<usize>() as f64
            / 50.0;
        assert!((mean - 3.0).abs() < 1.0, "{mean}");
    }

    #[test]
    fn what_is_made_up_for_ends() {
        assert_eq!((at_most(30), at_most(1), at_most(0)), (37, 1, 0));
        // One flat map of 30, seven of 36; not nine of 38, nor a test that has its number.
        assert!(mendable(29, 30) && mendable(29, 36) && !mendable(30, 30));
        assert!(!mendable(29, 38) && !mendable(4, 30) && !mendable(0, 30));
    }
}
