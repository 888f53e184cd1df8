//! `gradcam layers`.

use anyhow::Result;
use candle_core::Device;
use gradcam_models::ModelNetwork;
use gradcam_nn::Weights;
use serde::Serialize;

use crate::args::Layers;
use crate::asked::model::{self, Choice};
use crate::console::Console;
use crate::exit::Exit;

/// A line of `--json`.
#[derive(Serialize)]
struct Record<'a> {
    name: &'a str,
    shape: &'a [usize],
    stride: Option<(usize, usize)>,
    parameters: usize,
    default: bool,
}

pub(crate) fn run(args: &Layers, console: &mut Console<'_>) -> Result<Exit> {
    let (name, arch) = (&args.network.model, args.network.arch.as_deref());
    let (network, default_layer, size): (ModelNetwork, _, _) = match model::choose(name, arch)? {
        // An architecture's layers can be listed without weights.
        Choice::Architecture(architecture) => {
            let network = architecture.build(&Weights::skeleton(), 1000)?;
            let side = architecture.input_size;
            let default = architecture.default_layer.to_string();
            (network.into(), default, (side, side))
        }
        Choice::Default
        | Choice::Folder(_)
        | Choice::Graph(_)
        | Choice::File(..)
        | Choice::Repository(_) => {
            let model = model::load(name, arch, &args.network.graph, &Device::Cpu, console)?;
            let size = model.preprocess.input_size;
            let default = model.default_layer().to_string();
            (model.network, default, size)
        }
    };
    let (height, width) = args.size.map_or(size, |side| (side, side));
    let found = gradcam::layers(
        &network,
        (3, usize::try_from(height)?, usize::try_from(width)?),
    )?;
    if !args.json {
        console.line(format!(
            "{:<40} {:>16} {:>7} {:>12}",
            "layer", "output", "stride", "parameters"
        ))?;
    }
    for layer in &found.layers {
        let default = layer.name == default_layer;
        if args.json {
            console.line(serde_json::to_string(&Record {
                name: &layer.name,
                shape: &layer.shape,
                stride: layer.stride,
                parameters: layer.parameters,
                default,
            })?)?;
            continue;
        }
        let sizes: Vec<String> = layer.shape.iter().map(usize::to_string).collect();
        let stride = layer.stride.map_or(String::new(), |(rows, columns)| {
            if rows == columns {
                rows.to_string()
            } else {
                format!("{rows}×{columns}")
            }
        });
        let mark = if default { "  default" } else { "" };
        console.line(format!(
            "{:<40} {:>16} {stride:>7} {:>12}{mark}",
            layer.name,
            sizes.join("×"),
            layer.parameters
        ))?;
    }
    Ok(Exit::Done)
}
