//! Random orders, and draws without replacement (Fisher and Yates 1938).

use crate::Random;

impl Random {
    /// Shuffles the items, from the last place to the first, by [`fair`](Random::fair) numbers.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.fair(last + 1));
        }
    }

    /// Draws `count` distinct numbers from 0 to below `end`, or all of them if there are fewer. They begin a random order, shuffled from
    /// the first place on by [`below`](Random::below).
    pub fn draws(&mut self, count: usize, end: usize) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..end).collect();
        for i in 0..count.min(end) {
            let other = i + self.below(end - i);
            numbers.swap(i, other);
        }
        numbers.truncate(count);
        numbers
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn orders_are_fixed() {
        let mut items: Vec<usize> = (0..8).collect();
        Random::new(7, 1).shuffle(&mut items);
        assert_eq!(items, [0, 6, 3, 2, 5, 4, 1, 7]);
        assert_eq!(Random::new(7, 1).draws(5, 8), [7, 1, 6, 5, 4]);
    }

    #[test]
    fn no_more_are_drawn_than_there_are() {
        let mut found = Random::new(7, 1).draws(9, 4);
        found.sort_unstable();
        assert_eq!(found, [0, 1, 2, 3]);
    }

    #[test]
    fn every_order_is_as_likely() {
        let mut random = Random::new(0, 0);
        let (mut shuffled, mut drawn) = (BTreeMap::new(), BTreeMap::new());
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            random.shuffle(&mut items);
            *shuffled.entry(items.to_vec()).or_insert(0) += 1;
            *drawn.entry(random.draws(3, 3)).or_insert(0) += 1;
        }
        for counts in [shuffled, drawn] {
            assert_eq!(counts.len(), 6);
            // 1,000 each, give or take five times the standard deviation of 29.
            let likely = |n: &i32| (855..=1145).contains(n);
            assert!(counts.values().all(likely), "{counts:?}");
        }
    }
}
