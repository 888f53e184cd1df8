//! Which of a map's two resolutions a metric looks at.

use crate::Metric;

/// One of the two resolutions that a map has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The method's: a layer's, or the pixels'. Values of maps of different resolutions are not of one scale: the entropy of 49 places is at
    /// most log 49, and places of 32 × 32 pixels take away more than single ones.
    Own,
    /// The network's input, to which every map is brought.
    Input,
}

impl Metric {
    /// Which resolution the metric looks at. What asks the method for other maps compares them at the input's.
    pub fn resolution(self) -> Resolution {
        use Metric as M;
        let own = matches!(
            self,
            M::Sparsity
                | M::Gini
                | M::Entropy
                | M::Dauc
                | M::Iauc
                | M::DeletionCorrelation
                | M::InsertionCorrelation
                | M::DeletionCorrelationAlone
                | M::InsertionCorrelationAlone
        );
        match own {
            true => Resolution::Own,
            false => Resolution::Input,
        }
    }
}
