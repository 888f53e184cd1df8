//! `gradcam methods`.

use anyhow::Result;
use gradcam::Method;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::args::{Graph, Methods};
use crate::asked::layers::layers;
use crate::asked::model;
use crate::console::Console;
use crate::exit::Exit;

/// A line of `--json`.
#[derive(Serialize)]
struct Record {
    name: &'static str,
    paper: &'static str,
    cost: &'static str,
    needs: &'static str,
    source: gradcam::Source,
    /// Whether it uses a gradient anywhere.
    backward: bool,
    /// Whether it depends on the target.
    target: bool,
    /// The options with their defaults.
    options: Map<String, Value>,
}

/// The last line of `--json` with `--model`.
#[derive(Serialize)]
struct Coincide<'a> {
    model: &'a str,
    layer: &'a str,
    /// Methods with the same map at the layer.
    coincide: Vec<&'static str>,
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
                source: about.source,
                backward: about.backward,
                target: about.target,
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
    if let Some(name) = &args.model {
        let arch = args.arch.as_deref();
        let model = model::load(
            name,
            arch,
            &Graph::default(),
            &candle_core::Device::Cpu,
            console,
        )?;
        let layers = layers(args.layer.as_slice(), name, &model)?;
        for layer in &layers {
            let coincide = gradcam::coincide(&model.network, model::shape(&model), layer)?;
            if args.json {
                let record = Coincide {
                    model: &model.name,
                    layer,
                    coincide,
                };
                console.line(serde_json::to_string(&record)?)?;
                continue;
            }
            console.line("")?;
            if coincide.is_empty() {
                console.line(format!(
                    "at {layer} of {} no two methods are known to coincide",
                    model.name
                ))?;
            } else {
                let names = coincide.join(", ");
                console.line(format!(
                    "at {layer} of {} these give the same map: {names}",
                    model.name
                ))?;
            }
        }
    }
    Ok(Exit::Done)
}
