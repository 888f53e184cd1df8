//! Weights in the order in which a micro-kernel reads them.

use std::ops::Range;

use super::micro::Kernel;

/// The weights of one product, cut into panels of some output channels each.
///
/// A panel holds, for each of the `depth` values that a sum runs over, the weights of its channels side by side; the last one is filled
/// up with zeros to a whole number of vectors.
pub(crate) struct Panels<A> {
    values: Vec<A>,
    groups: usize,
    /// Output channels of one group.
    channels: usize,
    /// Terms of one sum.
    depth: usize,
    /// Output channels of a full panel.
    lanes: usize,
    /// Channels are filled up to a multiple of this.
    vector: usize,
}

/// Inputs of a channel that are packed at a time.
const INPUTS: usize = 16;

/// One panel.
pub(crate) struct Panel<'a, A> {
    /// Its channels within the group.
    pub(crate) channels: Range<usize>,
    /// The channels with those that fill it up.
    pub(crate) width: usize,
    pub(crate) values: &'a [A],
}

impl<A: Copy + Default> Panels<A> {
    /// Packs for `kernel` sums over `taps × inputs` terms; `weight(group, tap, input, channel)` is one weight.
    ///
    /// On one thread: whoever packs holds a lock, and a thread of the pool that waited here might be given work that needs the same one.
    pub(crate) fn new<T>(
        kernel: &Kernel<A, T>,
        groups: usize,
        channels: usize,
        (taps, inputs): (usize, usize),
        weight: impl Fn(usize, usize, usize, usize) -> A,
    ) -> Self {
        let (vector, pair) = (kernel.vector, kernel.pair);
        let mut panels = Panels {
            values: Vec::new(),
            groups,
            channels,
            depth: taps * inputs,
            lanes: kernel.lanes.min(channels).next_multiple_of(vector),
            vector,
        };
        let mut values = vec![A::default(); groups * panels.group_len()];
        for group in 0..groups {
            for index in 0..panels.count() {
                let channels = panels.range(index);
                let width = channels.len().next_multiple_of(vector);
                let start = group * panels.group_len() + channels.start * panels.depth;
                let values = &mut values[start..start + width * panels.depth];
                for tap in 0..taps {
                    // A few inputs of every channel at a time: both sides stay in the nearest cache.
                    for first in (0..inputs).step_by(INPUTS) {
                        for (lane, channel) in channels.clone().enumerate() {
                            for input in first..inputs.min(first + INPUTS) {
                                let term = tap * inputs + input;
                                let line = term / pair * pair * width + term % pair;
                                values[line + lane * pair] = weight(group, tap, input, channel);
                            }
                        }
                    }
                }
            }
        }
        panels.values = values;
        panels
    }

    fn group_len(&self) -> usize {
        self.channels.next_multiple_of(self.vector) * self.depth
    }

    fn range(&self, index: usize) -> Range<usize> {
        index * self.lanes..((index + 1) * self.lanes).min(self.channels)
    }

    /// Panels of one group.
    pub(crate) fn count(&self) -> usize {
        self.channels.div_ceil(self.lanes.max(1))
    }

    /// How many groups there are.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// Output channels of one group.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Output channels of a full panel.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes
    }

    /// Terms of one sum.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// The panel `index` of `group`.
    pub(crate) fn panel(&self, group: usize, index: usize) -> Panel<'_, A> {
        let channels = self.range(index);
        let width = channels.len().next_multiple_of(self.vector);
        let start = group * self.group_len() + channels.start * self.depth;
        Panel {
            channels,
            width,
            values: &self.values[start..start + width * self.depth],
        }
    }
}
