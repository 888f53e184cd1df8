//! Imports checkpoints as models: PyTorch's files (`.pth`, `.pt`, `.ckpt`, `.bin`), and safetensors files without a description.
//!
//! The state dict may lie under `state_dict`, `model_state_dict`, `model` or the like. Prefixes of training wrappers (`DataParallel`'s
//! `module.`, `torch.compile`'s `_orig_mod.`, Lightning's `model.` or `net.`) are removed from the names. Names are timm's, torchvision's
//! or, for ResNet and the transformers, those of Hugging Face transformers. The classifier's rows give the number of classes. A pickle is
//! read as data: none of its classes is instantiated, and a class that no state dict needs is refused.

mod checkpoint;
mod error;
mod pickle;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use gradcam_nn::Weights;
use serde::Serialize;

use self::checkpoint::Checkpoint;
pub use self::error::ImportError;
use crate::architectures::{Architecture, find};
use crate::bounded;
use crate::config::{Config, MAX_CLASSES};
use crate::digest::sha256;
use crate::files::weights_limit;
use crate::load::Model;
use crate::preprocess::Preprocess;
use crate::wrapper::unwrapped;
use crate::{LoadError, labels, rename};

/// The most bytes of a label file.
const LABELS: u64 = 64 << 20;

/// A checkpoint as the two files of a model folder.
#[derive(Debug)]
#[non_exhaustive]
pub struct Imported {
    /// The text of `config.json`.
    pub config: String,
    /// The bytes of `model.safetensors`.
    pub weights: Vec<u8>,
    /// The model that was built from these files.
    pub model: Model,
    /// The prefixes that were removed from the parameters' names, the outermost first.
    pub unwrapped: Vec<&'static str>,
}

/// The `config.json` that an import writes, in timm's form.
#[derive(Serialize)]
struct Description<'a> {
    architecture: &'a str,
    num_classes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_names: Option<Vec<String>>,
    pretrained_cfg: Pretrained,
}

#[derive(Serialize)]
struct Pretrained {
    input_size: [u32; 3],
    interpolation: &'static str,
    crop_pct: f64,
    mean: [f32; 3],
    std: [f32; 3],
}

impl Pretrained {
    fn of(preprocess: &Preprocess) -> Self {
        let (height, width) = preprocess.input_size;
        Pretrained {
            input_size: [3, height, width],
            interpolation: preprocess.interpolation.name(),
            crop_pct: preprocess.crop_pct,
            mean: preprocess.mean,
            std: preprocess.std,
        }
    }
}

/// Converts a checkpoint of the named architecture to a model folder's files. `labels` is a file of label names, one per line or JSON.
///
/// Nothing is written. No checkpoint states the preprocessing, so `config.json` gets timm's values for the family
/// ([`Architecture::preprocess`]).
///
/// # Errors
/// [`ImportError`] if a file cannot be read, is not a checkpoint, or does not fit the architecture.
pub fn import(
    file: &Path,
    architecture: &str,
    labels: Option<&Path>,
) -> Result<Imported, ImportError> {
    let architecture = find(architecture).map_err(LoadError::from)?;
    let names = labels.map(label_names).transpose()?;
    let checkpoint = Checkpoint::read(file, weights_limit(architecture, 1000))?;
    let (parameters, unwrapped) = parameters(file, &checkpoint, architecture)?;
    drop(checkpoint);
    let classes = classes(file, &parameters, architecture)?;
    if let (Some(path), Some(names)) = (labels, &names)
        && names.len() != classes
    {
        let reason = format!(
            "{} label names, but the weights have {classes} classes",
            names.len()
        );
        let path = path.to_path_buf();
        return Err(ImportError::Labels { path, reason });
    }
    let description = Description {
        architecture: architecture.name,
        num_classes: classes,
        label_names: names,
        pretrained_cfg: Pretrained::of(&architecture.preprocess()),
    };
    let written = |error: &dyn std::fmt::Display| ImportError::Write(error.to_string());
    let config = serde_json::to_string_pretty(&description).map_err(|e| written(&e))? + "\n";
    let weights = safetensors::serialize(&parameters, None).map_err(|e| written(&e))?;
    let name = file.display().to_string();
    let model = Model::new(&name, &config, None, &weights, &Device::Cpu)?;
    Ok(Imported {
        config,
        weights,
        model,
        unwrapped,
    })
}

/// Loads a checkpoint of the named architecture as a model.
///
/// The file is read once, so [`Model::sha256`] belongs to the very bytes of the model's parameters. Label names and preprocessing come from
/// the `config.json` beside the file, if it is for this architecture and number of classes. [`Model::assumed`] states their origin.
///
/// # Errors
/// [`ImportError`] if the file cannot be read, is not a checkpoint, or does not fit the architecture.
pub fn open(file: &Path, architecture: &str, device: &Device) -> Result<Model, ImportError> {
    let architecture = find(architecture).map_err(LoadError::from)?;
    let checkpoint = Checkpoint::read(file, weights_limit(architecture, 1000))?;
    let (parameters, _) = parameters(file, &checkpoint, architecture)?;
    let sha256 = sha256(checkpoint.bytes());
    drop(checkpoint);
    let classes = classes(file, &parameters, architecture)?;
    let (config, labels) = described(file, architecture, classes)?;
    let name = file.display().to_string();
    let misfit = |source| LoadError::Weights {
        model: name.clone(),
        source,
    };
    let stored = Weights::on_device(parameters, device).map_err(misfit)?;
    let mut model = Model::of(&name, config, &stored, sha256, device)?;
    model.assumed.push(labels);
    Ok(model)
}

fn label_names(path: &Path) -> Result<Vec<String>, ImportError> {
    let text = bounded::text(path, LABELS).map_err(ImportError::read(path))?;
    labels::parse(&text).map_err(|reason| ImportError::Labels {
        path: path.to_path_buf(),
        reason,
    })
}

/// Returns the description beside a weight file, if it is for this architecture and number of classes, else the default one. Also returns a
/// sentence on the origin of the label names.
fn described(
    file: &Path,
    architecture: &'static Architecture,
    classes: usize,
) -> Result<(Config, String), LoadError> {
    let beside = file.with_file_name("config.json");
    let found = if beside.is_file() {
        Some(Config::read(file.parent().unwrap_or(Path::new(""))))
    } else {
        None
    };
    let reason = match found {
        Some(Ok(config)) if config.classes != classes => format!(
            "`{}` is for {} classes, but the weights have {classes}",
            beside.display(),
            config.classes
        ),
        Some(Ok(config)) if config.architecture.name != architecture.name => format!(
            "`{}` is for the architecture `{}`",
            beside.display(),
            config.architecture.name
        ),
        Some(Ok(config)) => {
            let said = format!(
                "label names and preprocessing are those of `{}`",
                beside.display()
            );
            return Ok((config, said));
        }
        Some(Err(error)) => error.to_string(),
        None => format!("there is no `{}`", beside.display()),
    };
    let config = Config::of(architecture, classes);
    let names = if config.labels.is_empty() {
        format!("`class 0` to `class {}`", classes - 1)
    } else {
        "assumed to be ImageNet's".to_string()
    };
    Ok((config, format!("{reason}; label names are {names}")))
}

/// Returns the parameters of a file that the architecture may use, without wrapper prefixes, and those prefixes.
fn parameters(
    file: &Path,
    checkpoint: &Checkpoint,
    architecture: &Architecture,
) -> Result<(BTreeMap<String, Tensor>, Vec<&'static str>), ImportError> {
    let wanted = |name: &str| !name.ends_with(".num_batches_tracked");
    let tensors = checkpoint.tensors(file, &wanted)?;
    let (names, tensors): (Vec<String>, Vec<Tensor>) = tensors.into_iter().unzip();
    let (names, wrappers) = unwrapped(names);
    let mut parameters = BTreeMap::new();
    for (name, tensor) in names.into_iter().zip(tensors) {
        if architecture.training_only(&name) {
            continue;
        }
        if parameters.insert(name.clone(), tensor).is_some() {
            return Err(ImportError::Damaged {
                path: file.to_path_buf(),
                reason: format!("without its wrapper it has two parameters `{name}`"),
            });
        }
    }
    Ok((parameters, wrappers))
}

/// Finds the number of classes: the size of a classifier's weight or bias along the axis that depends on it.
fn classes(
    file: &Path,
    parameters: &BTreeMap<String, Tensor>,
    architecture: &'static Architecture,
) -> Result<usize, ImportError> {
    let misfit = |source| LoadError::Weights {
        model: file.display().to_string(),
        source,
    };
    let shapes = |classes: usize| -> Result<BTreeMap<String, Vec<usize>>, ImportError> {
        let skeleton = Weights::skeleton();
        architecture.build(&skeleton, classes).map_err(misfit)?;
        Ok(skeleton.requested().into_iter().collect())
    };
    let stored = Weights::from_tensors(parameters.clone());
    let names = stored.names();
    let naming = architecture.naming(names.iter().map(String::as_str));
    let own = rename(&stored, architecture, naming, 1000).map_err(misfit)?;
    let (two, three) = (shapes(2)?, shapes(3)?);
    let mut heads = Vec::new();
    for (name, shape) in two {
        let Some(other) = three.get(&name) else {
            continue;
        };
        let Some(axis) = (0..shape.len()).find(|&axis| other[axis] != shape[axis]) else {
            continue;
        };
        match own.tensor(&name).and_then(|tensor| tensor.dims().get(axis)) {
            Some(&classes) if (1..=MAX_CLASSES).contains(&classes) => return Ok(classes),
            _ => heads.push(name),
        }
    }
    Err(ImportError::NoClassifier {
        path: file.to_path_buf(),
        architecture: architecture.name,
        heads,
    })
}
