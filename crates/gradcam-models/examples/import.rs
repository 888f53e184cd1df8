//! A state dict as a model folder: `import FILE ARCHITECTURE FOLDER`.
//!
//! FILE is a PyTorch checkpoint (`.pth`, `.pt`, `.bin`) or a safetensors file, with the parameter names of timm, torchvision or, for
//! ResNet, Hugging Face transformers. The folder gets its `config.json` and `model.safetensors` only after the network has been built
//! from them.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use candle_core::{Device, Tensor, pickle, safetensors::load};
use gradcam_models::architectures::{Architecture, find};
use gradcam_models::{Model, rename};
use gradcam_nn::Weights;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, architecture, folder] = arguments.as_slice() else {
        eprintln!("usage: import FILE ARCHITECTURE FOLDER");
        return ExitCode::from(2);
    };
    match import(file.as_ref(), architecture, folder.as_ref()) {
        Ok(model) => {
            let classes = model.labels.len();
            println!("{folder}: {}, {classes} classes", model.architecture.name);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprint!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!();
            ExitCode::from(2)
        }
    }
}

fn import(file: &Path, architecture: &str, folder: &Path) -> Result<Model> {
    let architecture = find(architecture).map_err(|nearest| {
        format!(
            "unknown architecture `{architecture}`; the nearest are `{}`",
            nearest.join("`, `")
        )
    })?;
    if folder.exists() {
        return Err(format!("`{}` exists", folder.display()).into());
    }
    let parameters: HashMap<String, Tensor> = read(file)
        .map_err(|error| format!("cannot read `{}`: {error}", file.display()))?
        .into_iter()
        // What `DataParallel` puts in front.
        .map(|(name, tensor)| match name.strip_prefix("module.") {
            Some(inner) => (inner.to_string(), tensor),
            None => (name, tensor),
        })
        .filter(|(name, _)| !architecture.training_only(name))
        .collect();
    let config = serde_json::json!({
        "architecture": architecture.name,
        "num_classes": classes(&parameters, architecture)?,
    });

    let config = format!("{config:#}\n");
    let weights = safetensors::serialize(&parameters, None)?;
    // Built before anything is written, so that a folder that exists is one that works.
    let name = file.display().to_string();
    let model = Model::new(&name, &config, None, &weights, &Device::Cpu)?;
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("model.safetensors"), weights)?;
    std::fs::write(folder.join("config.json"), config)?;
    Ok(model)
}

/// The named tensors of a file; of a checkpoint with more in it, those under `state_dict` or `model`.
fn read(file: &Path) -> Result<Vec<(String, Tensor)>> {
    std::fs::File::open(file)?;
    if file
        .extension()
        .is_some_and(|ending| ending == "safetensors")
    {
        return Ok(load(file, &Device::Cpu)?.into_iter().collect());
    }
    for key in [None, Some("state_dict"), Some("model")] {
        match pickle::read_all_with_key(file, key) {
            Ok(tensors) if !tensors.is_empty() => return Ok(tensors),
            // A missing key is an error, an unexpected object nothing at all.
            Ok(_) => {}
            Err(error) if key.is_none() => {
                return Err(format!("{error}; expected what PyTorch 1.6 or later saves").into());
            }
            Err(_) => {}
        }
    }
    Err("no tensors found, neither at the top nor under `state_dict` or `model`".into())
}

/// The number of classes: the size that a classifier's weight or bias has where the architecture's depends on that number.
fn classes(parameters: &HashMap<String, Tensor>, architecture: &Architecture) -> Result<usize> {
    let shapes = |classes: usize| -> Result<BTreeMap<String, Vec<usize>>> {
        let skeleton = Weights::skeleton();
        architecture.build(&skeleton, classes)?;
        Ok(skeleton.requested().into_iter().collect())
    };
    let stored = Weights::from_tensors(parameters.clone().into_iter().collect());
    let names = stored.names();
    let naming = architecture.naming(names.iter().map(String::as_str));
    let own = rename(&stored, architecture, naming, 1000)?;
    let (two, three) = (shapes(2)?, shapes(3)?);
    let mut heads = Vec::new();
    for (name, shape) in &two {
        let Some(axis) = (0..shape.len()).find(|&axis| three[name][axis] != shape[axis]) else {
            continue;
        };
        match own.tensor(name) {
            Some(tensor) if tensor.rank() > axis => return Ok(tensor.dims()[axis]),
            _ => heads.push(name.as_str()),
        }
    }
    Err(format!(
        "the number of classes is not known: the file has no `{}` of `{}`",
        heads.join("` or `"),
        architecture.name
    )
    .into())
}
