//! Verdicts in words.

use gradcam::Verdict;

/// Explains a verdict to the reader of the picture.
pub(crate) fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "the map shows positive evidence",
        Verdict::NonFinite => "non-finite: the network's numbers overflow, the map cannot be used",
        Verdict::Saturated => {
            "saturated: the network ends in a softmax, and its gradient has vanished"
        }
        Verdict::ZeroGradient => "zero-gradient: the score does not depend on this layer",
        Verdict::Flat => "flat: no position stands out",
        Verdict::Vanishing => {
            "vanishing: the parts of the map cancel, and only rounding is left; another layer may show more"
        }
        Verdict::Incomplete => {
            "incomplete: the pixels' shares do not add up to the score; more steps or another baseline may help, by `--set`"
        }
        Verdict::AllNegative => {
            "all-negative: this layer has no evidence for the target; `--no-relu` shows the evidence against it"
        }
    }
}
