//! `gradcam methods`.

use anyhow::Result;
use gradcam::Method;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::Exit;
use crate::args::Methods;
use crate::console::Console;

/// A line of `--json`.
#[derive(Serialize)]
struct Record {
    name: &'static str,
    paper: &'static str,
    cost: &'static str,
    needs: &'static str,
    /// With their defaults.
    options: Map<String, Value>,
}

pub(crate) fn run(args: &Methods, console: &mut Console<'_>) -> Result<Exit> {
    if !args.json {
        console.line(format!("{:<18} {:<48} options", "method", "cost"))?;
    }
    for method in Method::all() {
        let about = method.about();
        let options = method.options();
        if args.json {
            console.line(serde_json::to_string(&Record {
                name: method.name(),
                paper: about.paper,
                cost: about.cost,
                needs: about.needs,
                options,
            })?)?;
            continue;
        }
        let options: Vec<String> = options
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let line = format!(
            "{:<18} {:<48} {}",
            method.name(),
            about.cost,
            options.join(" ")
        );
        console.line(line.trim_end())?;
        console.line(format!("  {}", about.paper))?;
        console.line(format!("  needs {}", about.needs))?;
    }
    Ok(Exit::Done)
}
