//! Medians and tables of medians.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value, json};

/// Our program's name in the tables.
pub(crate) const OURS: &str = "gradcam";

/// One program's times for one task.
#[derive(Debug, Clone)]
pub(crate) struct Measurement {
    pub(crate) architecture: String,
    pub(crate) batch: usize,
    pub(crate) task: String,
    pub(crate) program: String,
    /// One value per run.
    pub(crate) millis: Vec<f64>,
    /// Peak resident memory in MiB, if measured.
    pub(crate) peak: Option<f64>,
}

impl Measurement {
    pub(crate) fn median(&self) -> f64 {
        quartiles(&self.millis)[1]
    }

    /// Returns a line of the JSON file.
    pub(crate) fn json(&self) -> Value {
        let [lower, median, upper] = quartiles(&self.millis);
        let mut line = json!({
            "architecture": self.architecture,
            "batch": self.batch,
            "task": self.task,
            "program": self.program,
            "runs": self.millis.len(),
            "median_ms": median,
            "lower_quartile_ms": lower,
            "upper_quartile_ms": upper,
        });
        if let Some(peak) = self.peak {
            line["peak_mib"] = json!(peak);
        }
        line
    }
}

impl std::fmt::Display for Measurement {
    /// Writes the median with the quartiles, as in `83.1 (82.0–84.2)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [lower, median, upper] = quartiles(&self.millis).map(three_digits);
        write!(f, "{median} ({lower}–{upper})")?;
        if let Some(peak) = self.peak {
            write!(f, ", {peak:.0} MiB")?;
        }
        Ok(())
    }
}

/// Computes the lower quartile, median and upper quartile, interpolated linearly between neighbouring values; NaN if there are no values.
pub(crate) fn quartiles(values: &[f64]) -> [f64; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    [0.25, 0.5, 0.75].map(|share| {
        let Some(last) = sorted.len().checked_sub(1) else {
            return f64::NAN;
        };
        let position = share * last as f64;
        let (below, above) = (position.floor() as usize, position.ceil() as usize);
        sorted[below] + (sorted[above] - sorted[below]) * position.fract()
    })
}

/// Formats three significant digits, or all digits before the point.
fn three_digits(value: f64) -> String {
    let digits = match value {
        v if v < 10.0 => 2,
        v if v < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

/// Makes a Markdown table per task, with a row per architecture and batch and a column per program. After a peer's times comes the ratio of
/// our median to its median; the last column has the ratio to our own forward pass.
pub(crate) fn tables(measurements: &[Measurement], tasks: &[String]) -> String {
    let mut text = String::new();
    for task in tasks {
        let of_task: Vec<&Measurement> = measurements.iter().filter(|m| m.task == *task).collect();
        if of_task.is_empty() {
            continue;
        }
        let programs = in_order(of_task.iter().map(|m| m.program.as_str()));
        let rows = in_order(of_task.iter().map(|m| (m.architecture.as_str(), m.batch)));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "\n{task}: ms, median and quartiles; in bold our median over the peer's; last, over our forward pass\n\n| network | batch | {} | forwards |\n|---|---|{}---|",
            programs.join(" | "),
            "---|".repeat(programs.len())
        );
        for (architecture, batch) in rows {
            let find = |task: &str, program: &str| {
                let of_row = |m: &&Measurement| m.architecture == architecture && m.batch == batch;
                let mut row = measurements.iter().filter(of_row);
                row.find(|m| m.task == task && m.program == program)
            };
            let ours = find(task, OURS).map(Measurement::median);
            let mut cells: Vec<String> = programs
                .iter()
                .map(|program| match (find(task, program), ours) {
                    (None, _) => String::new(),
                    (Some(peer), Some(ours)) if *program != OURS => {
                        format!("{peer} **{:.2}**", ours / peer.median())
                    }
                    (Some(measured), _) => measured.to_string(),
                })
                .collect();
            let forward = find("forward", OURS).map(Measurement::median);
            cells.push(match ours.zip(forward) {
                Some((ours, forward)) => format!("{:.2}", ours / forward),
                None => String::new(),
            });
            let _ = writeln!(text, "| {architecture} | {batch} | {} |", cells.join(" | "));
        }
    }
    text
}

/// Removes duplicates and keeps each value's first occurrence.
fn in_order<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    values.filter(|value| seen.insert(*value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(task: &str, program: &str, millis: &[f64]) -> Measurement {
        Measurement {
            architecture: "resnet50".into(),
            batch: 1,
            task: task.into(),
            program: program.into(),
            millis: millis.to_vec(),
            peak: None,
        }
    }

    #[test]
    fn quartiles_lie_between_the_sorted_values() {
        assert_eq!(quartiles(&[7.0]), [7.0; 3]);
        assert_eq!(quartiles(&[4.0, 1.0, 3.0, 2.0]), [1.75, 2.5, 3.25]);
        assert_eq!(
            quartiles(&[50.0, 10.0, 30.0, 40.0, 20.0]),
            [20.0, 30.0, 40.0]
        );
        assert!(quartiles(&[]).iter().all(|v| v.is_nan()));
    }

    #[test]
    fn a_table_has_the_ratios_to_the_peers_that_did_the_task() {
        let measurements = [
            measured("forward", OURS, &[40.0]),
            measured("forward", "pytorch", &[79.0, 80.0, 81.0]),
            measured("grad-cam", OURS, &[1234.5]),
        ];
        let tasks = ["grad-cam".to_string(), "forward".to_string()];
        assert_eq!(
            tables(&measurements, &tasks),
            "
grad-cam: ms, median and quartiles; in bold our median over the peer's; last, over our forward pass

| network | batch | gradcam | forwards |
|---|---|---|---|
| resnet50 | 1 | 1234 (1234–1234) | 30.86 |

forward: ms, median and quartiles; in bold our median over the peer's; last, over our forward pass

| network | batch | gradcam | pytorch | forwards |
|---|---|---|---|---|
| resnet50 | 1 | 40.0 (40.0–40.0) | 80.0 (79.5–80.5) **0.50** | 1.00 |
"
        );
    }

    #[test]
    fn a_json_line_has_the_peak_where_there_is_one() {
        let mut measurement = measured("cli", OURS, &[1.0, 2.0, 3.0]);
        assert_eq!(measurement.json()["median_ms"], 2.0);
        assert_eq!(measurement.json().get("peak_mib"), None);
        measurement.peak = Some(140.0);
        assert_eq!(measurement.json()["peak_mib"], 140.0);
    }
}
