//! Weights in a micro-kernel's reading order.

use std::ops::Range;

use super::micro::Kernel;

/// The weights of one product, cut into panels of a few output channels each.
///
/// For each of the `depth` terms of a sum, a panel holds the weights of its channels side by side. The last panel is padded with zeros
/// to a whole number of vectors.
pub(crate) struct Panels<A> {
    values: Vec<A>,
    groups: usize,
    /// Output channels of one group.
    channels: usize,
    /// Terms of one sum.
    depth: usize,
    /// Output channels of a full panel.
    lanes: usize,
    /// Channels are padded to a multiple of this.
    vector: usize,
}

/// Inputs of a channel that are packed at a time.
const INPUTS: usize = 16;

/// One panel.
pub(crate) struct Panel<'a, A> {
    /// Its channels within the group.
    pub(crate) channels: Range<usize>,
    /// The number of channels, padding included.
    pub(crate) width: usize,
    pub(crate) values: &'a [A],
}

impl<A: Copy + Default> Panels<A> {
    /// Packs sums over `taps × inputs` terms for `kernel`; `weight(group, tap, input, channel)` returns one weight.
    ///
    /// Runs on one thread: the caller holds a lock, and a pool thread that waited here might be given work that needs the same lock.
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
                    // A few inputs of every channel at a time, so that both sides stay in the first-level cache.
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

    /// Counts the panels of one group.
    pub(crate) fn count(&self) -> usize {
        self.channels.div_ceil(self.lanes.max(1))
    }

    /// Counts the groups.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// Counts the output channels of one group.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Returns the output channels of a full panel.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes
    }

    /// Returns the number of terms of one sum.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Returns the panel `index` of `group`.
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
