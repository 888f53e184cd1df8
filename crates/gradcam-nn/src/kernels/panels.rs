//! Weights in the order in which a micro-kernel reads them.

use std::ops::Range;

use rayon::prelude::*;

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

/// One panel.
pub(crate) struct Panel<'a, A> {
    /// Its channels within the group.
    pub(crate) channels: Range<usize>,
    /// The channels with those that fill it up.
    pub(crate) width: usize,
    pub(crate) values: &'a [A],
}

impl<A: Copy + Default + Send + Sync> Panels<A> {
    /// Packs for `kernel`; `weight(group, term, channel)` is one weight.
    pub(crate) fn new<T>(
        kernel: &Kernel<A, T>,
        groups: usize,
        channels: usize,
        depth: usize,
        weight: impl Fn(usize, usize, usize) -> A + Sync,
    ) -> Self {
        let (lanes, vector, pair) = (kernel.lanes.min(channels), kernel.vector, kernel.pair);
        let lanes = lanes.next_multiple_of(vector);
        let mut panels = Panels {
            values: Vec::new(),
            groups,
            channels,
            depth,
            lanes,
            vector,
        };
        let group = panels.group_len();
        let mut values = vec![A::default(); groups * group];
        if group > 0 {
            values
                .par_chunks_mut(group)
                .enumerate()
                .for_each(|(g, values)| {
                    values
                        .par_chunks_mut(lanes * depth)
                        .enumerate()
                        .for_each(|(index, values)| {
                            let channels = panels.range(index);
                            let width = values.len() / depth;
                            for term in 0..depth {
                                let line = &mut values[term / pair * pair * width + term % pair..];
                                for (lane, channel) in channels.clone().enumerate() {
                                    line[lane * pair] = weight(g, term, channel);
                                }
                            }
                        });
                });
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
