//! A study's summary as tables, with the meaning of their headings.

use std::collections::BTreeSet;

use anyhow::Result;
use gradcam_eval::evaluate::{MetricSummary, SourceSummary, Summary};
use gradcam_eval::statistics::{Interval, MIN_SAMPLES};
use gradcam_eval::{Direction, Places};

use crate::console::Console;

/// Formats a number with three significant digits; above six digits, or below a ten-thousandth, with its power of ten.
pub(crate) fn significant(value: f64) -> String {
    let short = format!("{value:.2e}");
    let Some((digits, power)) = short
        .split_once('e')
        .and_then(|(digits, power)| Some((digits, power.parse::<i32>().ok()?)))
    else {
        // Not finite.
        return short;
    };
    match power {
        _ if value == 0.0 => "0".to_string(),
        -4..=2 => format!("{value:.0$}", usize::try_from(2 - power).unwrap_or(0)),
        3..=5 => format!("{:.0}", short.parse().unwrap_or(value)),
        _ => format!("{digits}e{power}"),
    }
}

/// Formats `[low, high]`.
fn ends(interval: Interval, number: impl Fn(f64) -> String) -> String {
    format!("[{}, {}]", number(interval.low), number(interval.high))
}

/// Words which way is better.
pub(crate) fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "higher is better",
        Direction::Down => "lower is better",
        Direction::None => "descriptive",
    }
}

/// The parts of the tables that need an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Mean,
    Undefined,
    Few,
    Rank,
    Group,
    Worst,
    Ties,
    Cut,
}

/// Explains a mark.
fn meaning(mark: Mark) -> String {
    match mark {
        Mark::Mean => "mean, 95 % interval: over the n images with a value, by the bootstrap".to_string(),
        Mark::Undefined => {
            "undefined: images without a value, mostly because their map is flat".to_string()
        }
        Mark::Few => {
            format!("*: fewer than {MIN_SAMPLES} images, whose interval is too narrow")
        }
        Mark::Rank => "rank: the method's rank by the means over the images where all methods have a value, 1 for the best, with its 95 % interval".to_string(),
        Mark::Group => "maps of …: the metric looks at a map's own resolution, so only maps of one resolution are compared".to_string(),
        Mark::Worst => "worst p (Holm): the largest p-value of the one-sided sign-flip tests that the method is better than a null, with that null in brackets; Holm's correction covers the methods and nulls of one metric, not several metrics".to_string(),
        Mark::Ties => "hit, pointing: if several places are equally high, all must hit; a flat map misses".to_string(),
        Mark::Cut => "cut at: the thresholds of the two halves of the images, each tuned on the other half".to_string(),
    }
}

/// Prints a summary, one table per metric, followed by the meaning of the headings.
pub(crate) fn print(summary: &Summary, console: &mut Console<'_>) -> Result<()> {
    console.line(format!(
        "{} on {}: {} of {} images",
        summary.model, summary.data, summary.measured, summary.images
    ))?;
    let mut marks = BTreeSet::new();
    for metric in &summary.metrics {
        table(metric, &mut marks, console)?;
    }
    if !marks.is_empty() {
        console.line("")?;
    }
    for mark in marks {
        console.line(meaning(mark))?;
    }
    Ok(())
}

fn table(
    summary: &MetricSummary,
    marks: &mut BTreeSet<Mark>,
    console: &mut Console<'_>,
) -> Result<()> {
    let metric = summary.metric;
    let about = metric.about();
    console.line("")?;
    console.line(format!(
        "{metric}: {} ({})",
        about.title,
        way(about.direction)
    ))?;
    let ranked = summary.sources.iter().any(|source| source.rank.is_some());
    let judged = summary.sources.iter().any(|s| !s.against.is_empty());
    let labels = summary.sources.iter().map(|s| s.label().chars().count());
    let width = labels.max().unwrap_or(0).max(NAME);
    let headings = line(
        width,
        ["", "mean", "95 % interval ", "n", "undefined"],
        if ranked { "rank" } else { "" },
        if judged { "worst p (Holm)" } else { "" },
    );
    console.line(headings)?;
    marks.extend([Mark::Mean, Mark::Undefined]);
    marks.extend(ranked.then_some(Mark::Rank));
    marks.extend(judged.then_some(Mark::Worst));
    if about.places == Places::Peak {
        marks.insert(Mark::Ties);
    }
    let mut resolution = &None;
    for source in summary.by_resolution() {
        if source.resolution != *resolution {
            resolution = &source.resolution;
            let cells = resolution.as_deref().unwrap_or_default();
            console.line(format!("  maps of {cells}"))?;
            marks.insert(Mark::Group);
        }
        console.line(row(source, width, marks))?;
        if let Some([a, b]) = source.thresholds {
            marks.insert(Mark::Cut);
            console.line(format!("  {:<width$} cut at {a} and {b}", ""))?;
        }
    }
    Ok(())
}

fn row(source: &SourceSummary, width: usize, marks: &mut BTreeSet<Mark>) -> String {
    let mean = source
        .mean
        .map_or("-".to_string(), |mean| significant(mean.value));
    let few = source.values < MIN_SAMPLES;
    let range = match source.mean {
        None => String::new(),
        // The mark's place is kept, so that the brackets align.
        Some(mean) if few => {
            marks.insert(Mark::Few);
            ends(mean, significant) + "*"
        }
        Some(mean) => ends(mean, significant) + " ",
    };
    let rank = source.rank.map_or(String::new(), |rank| {
        let one = |value: f64| format!("{value:.1}");
        format!("{} {}", one(rank.value), ends(rank, one))
    });
    let worst = source
        .against
        .iter()
        .max_by(|a, b| a.p_holm.total_cmp(&b.p_holm));
    let worst = worst.map_or(String::new(), |worst| {
        format!("{} ({})", significant(worst.p_holm), worst.null)
    });
    let (values, undefined) = (source.values.to_string(), source.undefined.to_string());
    line(
        width,
        [&source.label(), &mean, &range, &values, &undefined],
        &rank,
        &worst,
    )
}

/// The minimum width of the first column.
const NAME: usize = 28;

/// Formats one line of a table, the first column as wide as the longest name.
fn line(
    width: usize,
    [name, mean, range, values, undefined]: [&str; 5],
    rank: &str,
    worst: &str,
) -> String {
    let line = format!(
        "  {name:<width$} {mean:>9} {range:>23} {values:>6} {undefined:>9} {rank:>15}  {worst}"
    );
    line.trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::significant;

    #[test]
    fn three_digits_count() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1.00"),
            (0.08337, "0.0834"),
            (0.0039, "0.00390"),
            (-0.45678, "-0.457"),
            (0.99999, "1.00"),
            (12.345, "12.3"),
            (99.96, "100"),
            (196.0, "196"),
            (12_345.0, "12300"),
            (999_900.0, "1.00e6"),
            (0.000_99, "0.000990"),
            (0.000_012_34, "1.23e-5"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(significant(value), text, "{value}");
        }
    }
}
