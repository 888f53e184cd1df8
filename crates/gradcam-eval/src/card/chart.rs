//! Small SVG pictures: curves with bands, and values with intervals on one scale.
//!
//! Colours are classes from the page's style, so that they follow its light and dark mode. Colour alone never distinguishes a curve: each
//! has its own dashes, in the plot and in the legend.

use std::fmt::Write;

use super::Curve;
use super::number::number;

/// The plot's size and margins, in units of about one CSS pixel on a phone.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 42.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 40.0;
/// The number of line styles on the page; further curves reuse them.
const STYLES: usize = 6;

/// Draws curves on one pair of axes, with a legend. Returns an empty string if there is nothing to draw. Gaps of a curve stay gaps.
pub(super) fn lines(title: &str, curves: &[Curve], axes: Option<&[String; 2]>) -> String {
    let xs = || curves.iter().flat_map(|c| c.x.iter().copied());
    let ys = || {
        let of = |c: &'_ Curve| {
            c.y.iter()
                .chain(&c.lo)
                .chain(&c.hi)
                .flatten()
                .copied()
                .collect::<Vec<_>>()
        };
        curves.iter().flat_map(of)
    };
    let (Some(x), Some(y)) = (
        Axis::over(xs(), LEFT, WIDTH - RIGHT, 0.0),
        Axis::over(ys(), HEIGHT - BOTTOM, TOP, 0.04),
    ) else {
        return String::new();
    };
    let names: Vec<&str> = curves.iter().map(|c| c.name.as_str()).collect();
    let label = escape(&format!("{title}: {}", names.join(", ")));
    let mut svg = format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">"
    );
    for tick in y.ticks() {
        let at = y.place(tick);
        let _ = write!(
            svg,
            "<line class=\"rule\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text class=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 3.5,
            tick_text(tick)
        );
    }
    for tick in x.ticks() {
        let _ = write!(
            svg,
            "<text class=\"mid\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x.place(tick),
            HEIGHT - BOTTOM + 16.0,
            tick_text(tick)
        );
    }
    if let Some([x, y]) = axes {
        let _ = write!(
            svg,
            "<text x=\"0\" y=\"9\">{}</text><text class=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            escape(y),
            WIDTH - RIGHT,
            HEIGHT - 4.0,
            escape(x)
        );
    }
    for (i, curve) in curves.iter().enumerate() {
        for run in runs(curve, |c, k| {
            Some((*c.lo.get(k)?, *c.hi.get(k)?)).and_then(|(l, h)| l.zip(h))
        }) {
            let low = run.iter().map(|(at, (low, _))| (*at, *low));
            let high = run.iter().rev().map(|(at, (_, high))| (*at, *high));
            let points = points(low.chain(high), &x, &y);
            let _ = write!(
                svg,
                "<polygon class=\"band s{}\" points=\"{points}\"/>",
                i % STYLES
            );
        }
    }
    for (i, curve) in curves.iter().enumerate() {
        for run in runs(curve, |c, k| *c.y.get(k)?) {
            let points = points(run.into_iter(), &x, &y);
            let _ = write!(
                svg,
                "<polyline class=\"line s{}\" points=\"{points}\"/>",
                i % STYLES
            );
        }
    }
    svg.push_str("</svg><ul class=\"legend\">");
    for (i, curve) in curves.iter().enumerate() {
        let _ = write!(
            svg,
            "<li><svg width=\"28\" height=\"8\" aria-hidden=\"true\"><line class=\"line s{}\" x1=\"1\" x2=\"27\" y1=\"4\" y2=\"4\"/></svg>{}</li>",
            i % STYLES,
            escape(&curve.name)
        );
    }
    svg + "</ul>"
}

/// A row of a plot of values: the value, its interval, and whether it is the measured one.
pub(super) struct Dot {
    pub(super) value: Option<f64>,
    pub(super) ends: Option<[f64; 2]>,
    pub(super) own: bool,
}

/// Draws values as one SVG per row, all on one scale; a fine line marks the measured value. The numbers are beside the plot as text, so it
/// is hidden from screen readers.
pub(super) fn dots(rows: &[Dot]) -> Vec<String> {
    let all = rows.iter().flat_map(|row| {
        let ends = row.ends.into_iter().flatten();
        row.value.into_iter().chain(ends)
    });
    let Some(axis) = Axis::over(all, 3.0, 97.0, 0.0) else {
        return vec![String::new(); rows.len()];
    };
    let own = rows.iter().find(|row| row.own).and_then(|row| row.value);
    rows.iter()
        .map(|row| {
            let mut svg = "<svg class=\"dots\" width=\"100%\" height=\"18\" aria-hidden=\"true\">"
                .to_string();
            if let Some(own) = own {
                let at = axis.place(own);
                let _ = write!(
                    svg,
                    "<line class=\"guide\" x1=\"{at:.2}%\" x2=\"{at:.2}%\" y1=\"0\" y2=\"18\"/>"
                );
            }
            let class = if row.own { "own" } else { "other" };
            if let Some([low, high]) = row.ends {
                let (low, high) = (axis.place(low), axis.place(high));
                let _ = write!(
                    svg,
                    "<line class=\"{class}\" x1=\"{low:.2}%\" x2=\"{high:.2}%\" y1=\"9\" y2=\"9\"/>"
                );
            }
            if let Some(value) = row.value {
                let at = axis.place(value);
                let _ = write!(
                    svg,
                    "<circle class=\"{class}\" cx=\"{at:.2}%\" cy=\"9\" r=\"4\"/>"
                );
            }
            svg + "</svg>"
        })
        .collect()
}

/// Draws a value of 0 to 1 as the length of a bar; a value below 0 has no length.
pub(super) fn bar(value: Option<f64>) -> String {
    let Some(value) = value else {
        return String::new();
    };
    let width = 100.0 * value.clamp(0.0, 1.0);
    format!(
        "<svg class=\"bar\" width=\"100%\" height=\"4\" aria-hidden=\"true\"><rect class=\"all\" width=\"100%\" height=\"4\"/><rect class=\"part\" width=\"{width:.1}%\" height=\"4\"/></svg>"
    )
}

/// A scale from numbers to coordinates.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// Spans all finite values, with a margin of a share of their range; `None` without values.
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64, margin: f64) -> Option<Axis> {
        let finite = values.filter(|v| v.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
            (l.min(v), h.max(v))
        });
        if low > high {
            return None;
        }
        // A single value is in the middle.
        let margin = if high > low {
            margin * (high - low)
        } else {
            0.5 * low.abs().max(1.0)
        };
        Some(Axis {
            low: low - margin,
            high: high + margin,
            from,
            to,
        })
    }

    fn place(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Returns three to six round numbers.
    fn ticks(&self) -> Vec<f64> {
        let raw = (self.high - self.low) / 5.0;
        let decade = 10f64.powf(raw.log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
        let step = decade
            * steps
                .into_iter()
                .find(|s| s * decade >= raw)
                .unwrap_or(10.0);
        let first = (self.low / step - 1e-9).ceil();
        let last = (self.high / step + 1e-9).floor();
        let count = (last - first).clamp(0.0, 12.0) as usize;
        (0..=count).map(|i| (first + i as f64) * step).collect()
    }
}

fn tick_text(tick: f64) -> String {
    let size = tick.abs();
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return number(Some(tick));
    }
    let text = format!("{tick:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".to_string()
    } else {
        text.to_string()
    }
}

/// Splits a curve at its gaps.
fn runs<T: Copy>(curve: &Curve, at: impl Fn(&Curve, usize) -> Option<T>) -> Vec<Vec<(f64, T)>> {
    let mut runs = vec![Vec::new()];
    for (k, &x) in curve.x.iter().enumerate() {
        match (at(curve, k), runs.last_mut()) {
            (Some(value), Some(run)) => run.push((x, value)),
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

fn points(all: impl Iterator<Item = (f64, f64)>, x: &Axis, y: &Axis) -> String {
    let texts: Vec<String> = all
        .map(|(at, value)| format!("{:.1},{:.1}", x.place(at), y.place(value)))
        .collect();
    texts.join(" ")
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn curve(y: &[Option<f64>]) -> Curve {
        Curve {
            name: "a & b".to_string(),
            x: (0..y.len()).map(|i| i as f64).collect(),
            y: y.to_vec(),
            lo: Vec::new(),
            hi: Vec::new(),
            reason: None,
        }
    }

    #[test]
    fn a_line_from_corner_to_corner() {
        let svg = lines("t", &[curve(&[Some(0.0), Some(1.0)])], None);
        // The range of 1 has a margin of 0.04 on both sides, in 182 units.
        assert!(svg.contains("points=\"42.0,193.3 350.0,24.7\""), "{svg}");
        assert!(svg.contains("<li>") && svg.contains("a &amp; b") && !svg.contains("a & b"));
        assert_eq!(lines("t", &[], None), "");
        assert_eq!(lines("t", &[curve(&[None])], None), "");
    }

    #[test]
    fn gaps_stay_gaps() {
        let svg = lines(
            "t",
            &[curve(&[Some(0.0), None, Some(1.0), Some(0.5)])],
            None,
        );
        assert_eq!(svg.matches("<polyline").count(), 2);
        let mut banded = curve(&[Some(0.0), Some(1.0)]);
        banded.lo = vec![Some(-0.1), Some(0.9)];
        banded.hi = vec![Some(0.1), Some(1.1)];
        assert_eq!(lines("t", &[banded], None).matches("<polygon").count(), 1);
    }

    #[test]
    fn ticks_are_round() {
        let axis = |low: f64, high: f64| Axis {
            low,
            high,
            from: 0.0,
            to: 1.0,
        };
        let text = |low, high| {
            axis(low, high)
                .ticks()
                .into_iter()
                .map(tick_text)
                .collect::<Vec<_>>()
        };
        assert_eq!(text(0.0, 1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(text(-0.13, 0.42), ["0", "0.2", "0.4"]);
        assert_eq!(text(0.0, 16.0), ["0", "5", "10", "15"]);
    }

    #[test]
    fn dots_share_a_scale() {
        let dot = |value: f64, own: bool| Dot {
            value: Some(value),
            ends: None,
            own,
        };
        let rows = dots(&[dot(0.0, true), dot(1.0, false), dot(0.5, false)]);
        let at = ["cx=\"3.00%\"", "cx=\"97.00%\"", "cx=\"50.00%\""];
        assert!(
            rows.iter().zip(at).all(|(row, at)| row.contains(at)),
            "{rows:?}"
        );
        assert!(
            rows.iter()
                .all(|row| row.contains("class=\"guide\" x1=\"3.00%\""))
        );
        assert_eq!(
            dots(&[Dot {
                value: None,
                ends: None,
                own: true
            }]),
            [""]
        );
        assert!(bar(Some(0.25)).contains("width=\"25.0%\"") && bar(None).is_empty());
    }
}
