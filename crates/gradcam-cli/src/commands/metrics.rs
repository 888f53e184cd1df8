//! `gradcam metrics`.

use anyhow::Result;
use gradcam_eval::evaluate::Null;
use gradcam_eval::{Direction, Metric, Need, Range};
use serde::Serialize;

use crate::args::Metrics;
use crate::console::Console;
use crate::exit::Exit;
use crate::table::way;

/// A line of `--json`.
#[derive(Serialize)]
struct Record {
    name: &'static str,
    title: &'static str,
    direction: Direction,
    range: Range,
    /// Its inputs beside the map.
    needs: &'static [Need],
    /// The nulls that a card compares it with.
    nulls: &'static [Null],
    /// Whether `gradcam evaluate` measures it; the others compare two maps of an image.
    evaluate: bool,
    paper: &'static str,
}

pub(crate) fn run(args: &Metrics, console: &mut Console<'_>) -> Result<Exit> {
    for &metric in Metric::ALL {
        let about = metric.about();
        let record = Record {
            name: metric.name(),
            title: about.title,
            direction: about.direction,
            range: about.range,
            needs: about.needs,
            nulls: about.nulls(),
            evaluate: !about.needs.contains(&Need::OtherMap),
            paper: about.paper,
        };
        if args.json {
            console.line(serde_json::to_string(&record)?)?
        } else {
            describe(&record, console)?
        }
    }
    if !args.json {
        console.line("")?;
        console.line("nulls are those of a card; `gradcam evaluate --nulls` compares every method with the nulls that it names")?;
        console.line("metrics that need another map are measured by `gradcam compare` and `gradcam card`, not by `gradcam evaluate`")?;
    }
    Ok(Exit::Done)
}

fn describe(record: &Record, console: &mut Console<'_>) -> Result<()> {
    console.line(format!("{:<28} {}", record.name, record.title))?;
    let Range {
        least, most, unit, ..
    } = record.range;
    let bounds = match (least, most) {
        (Some(least), Some(most)) => format!("{} to {}", short(least), short(most)),
        (Some(least), None) => format!("at least {}", short(least)),
        (None, Some(most)) => format!("at most {}", short(most)),
        (None, None) => "any number".to_string(),
    };
    console.line(format!("  {}; {bounds} ({unit})", way(record.direction)))?;
    if !record.needs.is_empty() {
        let needs: Vec<String> = record.needs.iter().map(ToString::to_string).collect();
        console.line(format!("  needs {}", needs.join(", ")))?;
    }
    if !record.nulls.is_empty() {
        let nulls: Vec<&str> = record.nulls.iter().map(|null| null.name()).collect();
        console.line(format!("  nulls {}", nulls.join(", ")))?;
    }
    if !record.paper.is_empty() {
        console.line(format!("  {}", record.paper))?;
    }
    Ok(())
}

/// Formats a bound, most of which are whole.
fn short(bound: f64) -> String {
    if bound.fract() == 0.0 {
        format!("{bound:.0}")
    } else {
        bound.to_string()
    }
}
