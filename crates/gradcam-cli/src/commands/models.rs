//! `gradcam models`.

use anyhow::Result;
use gradcam_models::architectures;
use gradcam_nn::{Network, Weights};
use serde::Serialize;

use crate::args::Models;
use crate::asked::model::is_default;
use crate::console::Console;
use crate::exit::Exit;

/// A line of `--json`.
#[derive(Serialize)]
struct Record {
    name: &'static str,
    default_layer: &'static str,
    input_size: u32,
    parameters: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    hub: Option<&'static str>,
    /// Whether its weights are part of this program.
    embedded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    license: Option<&'static str>,
}

pub(crate) fn run(args: &Models, console: &mut Console<'_>) -> Result<Exit> {
    let mut records = Vec::new();
    for architecture in architectures::all() {
        let network = architecture.build(&Weights::skeleton(), 1000)?;
        // The default model.
        let embedded = architecture.name == "tf_efficientnet_lite0";
        records.push(Record {
            name: architecture.name,
            default_layer: architecture.default_layer,
            input_size: architecture.input_size,
            parameters: network.parameters().iter().map(|(_, size)| size).sum(),
            hub: architecture.hub,
            embedded,
            license: embedded.then_some("Apache-2.0"),
        });
    }
    if args.json {
        for record in records {
            console.line(serde_json::to_string(&record)?)?;
        }
        return Ok(Exit::Done);
    }
    console.line(format!(
        "{:<24} {:<14} {:>6} {:>12}  weights",
        "name", "default layer", "input", "parameters"
    ))?;
    for r in records {
        let weights = match (r.embedded, r.hub) {
            (true, _) => "the default model, efficientnet-lite0 (Apache-2.0)".to_string(),
            (false, Some(hub)) if is_default(r.name) => {
                format!("the plain name is the default model; use hf:{hub}")
            }
            (false, Some(hub)) => format!("hf:{hub}"),
            (false, None) => "a folder".to_string(),
        };
        let parameters = r.parameters as f64 / 1e6;
        console.line(format!(
            "{:<24} {:<14} {:>6} {parameters:>10.1} M  {weights}",
            r.name, r.default_layer, r.input_size
        ))?;
    }
    Ok(Exit::Done)
}
