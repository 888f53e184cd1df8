//! Compares the sums of methods' parts with the totals that they should have.

use gradcam::{Explainer, Heatmap, Method, Target};

use super::row::Row;
use super::subject::Subject;

/// A method whose parts add up to a score, or to a difference of two scores.
pub(super) struct Sum {
    pub(super) method: &'static str,
    options: &'static [(&'static str, &'static str)],
    /// The prefix of its measures, before `-error` and `-gap`.
    measure: &'static str,
    /// The largest error, as a share, unless something else explains it.
    limit: f64,
}

/// A limit above this decides nothing: a sum may be wrong by half.
const LOOSE: f64 = 0.5;
/// The rounding error of scores and parts, as a share of them: they are returned in `f32`.
const ROUNDING: f64 = 1e-7;

/// All checked methods.
pub(super) const SUMS: [Sum; 4] = [
    Sum {
        method: "fullgrad",
        options: &[],
        measure: "completeness",
        limit: 1e-3,
    },
    Sum {
        method: "integrated-gradients",
        options: &[],
        measure: "completeness",
        // The error that fifty points leave on a network with many kinks.
        limit: 0.05,
    },
    Sum {
        method: "deeplift",
        options: &[],
        measure: "completeness",
        limit: 0.01,
    },
    Sum {
        method: "lrp",
        // A small stabiliser absorbs less.
        options: &[("epsilon", "1e-9")],
        measure: "conservation",
        limit: 0.01,
    },
];

impl Sum {
    /// Checks whether the method's parts add up.
    pub(super) fn row(&self, subject: &Subject<'_>) -> Row {
        let check = format!("{}: {} error", self.method, self.measure);
        let options: Vec<(String, String)> = self
            .options
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let found = Method::with_options(self.method, &options)
            .map_err(anyhow::Error::from)
            .and_then(|method| {
                let explainer = Explainer {
                    inputs: subject.inputs.clone(),
                    ..Explainer::of(method)
                };
                Ok(explainer.explain_one(subject.exact, &subject.exact_image, Target::Top(0))?)
            });
        match found {
            Err(error) => Row::new(check, f64::NAN, self.limit, "").cannot_tell(error.to_string()),
            Ok(map) => self.judged(check, &map),
        }
    }

    fn judged(&self, check: String, map: &Heatmap) -> Row {
        let measured = |name: &str| {
            let mut measures = map.layers[0].measures.iter();
            measures.find(|(n, _)| *n == name).map(|(_, v)| *v)
        };
        let named = |kind: &str| measured(&format!("{}-{kind}", self.measure)).unwrap_or(f64::NAN);
        let (error, gap) = (named("error"), named("gap"));
        // The total of the parts; without a gap there is nothing to divide by, and no error.
        let whole = if gap == 0.0 {
            f64::INFINITY
        } else {
            gap / error
        };
        let explained = measured("quadrature-gap").unwrap_or_default() / whole;
        // The number of points is no excuse if none is needed.
        let coarse = error > self.limit && explained > self.limit;
        let limit = if coarse { explained } else { self.limit };
        // Relevance kept by biases counts as conserved, though it does not reach the pixels.
        let note = match (measured("bias-share"), coarse) {
            (Some(share), _) => format!("biases keep {:.1} % of it", 100.0 * share),
            (None, true) => "the limit is the error that the integral's points explain".to_string(),
            (None, false) => String::new(),
        };
        let row = Row::new(check, error, limit, note);
        if limit > LOOSE {
            return row.cannot_tell("the integral has too few points for its kinks");
        }
        // FullGrad's map is not the sum of its terms.
        let parts: f64 = match self.method {
            "fullgrad" => 0.0,
            _ => map.raw().values().iter().map(|v| f64::from(v.abs())).sum(),
        };
        let logits = map.logits.iter().map(|v| f64::from(v.abs()));
        let rounding = ROUNDING * (parts + logits.fold(0.0, f64::max));
        if row.passes == Some(false) && gap <= 2.0 * rounding {
            row.cannot_tell(format!(
                "the total of {whole:.1e} is lost in the rounding of its parts"
            ))
        } else {
            row
        }
    }
}
