//! From `--model` to a network.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use candle_core::{DType, Device, Tensor};
use gradcam::Inputs;
use gradcam_models::preprocess::Preprocess;
use gradcam_models::{Model, architectures};
use gradcam_nn::ops::Precision;

use crate::args;
use crate::console::{Console, Unit};
use crate::stream::Reading;

/// What `--model` names.
pub(crate) enum Choice {
    /// The embedded model.
    Default,
    /// A folder.
    Folder(std::path::PathBuf),
    /// A repository of the hub.
    Repository(String),
}

/// The names that the embedded model goes by.
const DEFAULT: [&str; 2] = ["efficientnet-lite0", "default"];

/// Reads `--model`: the default model's name, `hf:REPO`, a folder, or the name of an architecture, which stands for `models/NAME` where that
/// folder exists and else for its repository of the hub.
pub(crate) fn choose(text: &str) -> Result<Choice> {
    if DEFAULT.contains(&text) {
        return Ok(Choice::Default);
    }
    if let Some(repository) = text.strip_prefix("hf:") {
        return Ok(Choice::Repository(repository.to_string()));
    }
    let folder = Path::new(text);
    if folder.is_dir() {
        return Ok(Choice::Folder(folder.to_path_buf()));
    }
    let local = Path::new("models").join(text);
    if local.join("config.json").is_file() {
        return Ok(Choice::Folder(local));
    }
    match architectures::find(text) {
        Ok(architecture) => architecture
            .hub
            .map(|repository| Choice::Repository(repository.to_string()))
            .ok_or_else(|| {
                anyhow!(
                    "no published weights are known for `{text}`; give a folder with `config.json` and `model.safetensors`"
                )
            }),
        Err(nearest) => bail!(
            "no model `{text}`: neither a folder nor an architecture; the nearest are `{}`\n\nhint: `gradcam models` lists them; a repository of the hub is written `hf:OWNER/NAME`",
            nearest.join("`, `")
        ),
    }
}

/// Loads the network that `--model` names.
pub(crate) fn load(text: &str, device: &Device, console: &mut Console<'_>) -> Result<Model> {
    let model = match choose(text)? {
        Choice::Default => Model::default_model(device)?,
        Choice::Folder(folder) => Model::from_folder(&folder, device)
            .with_context(|| format!("cannot load the model `{}`", folder.display()))?,
        Choice::Repository(repository) => from_hub(&repository, device, console)?,
    };
    console.detail(format!(
        "model {} ({}), {} classes, sha256 {}",
        model.name,
        model.architecture.name,
        model.labels.len(),
        model.sha256
    ));
    Ok(model)
}

/// What the network's inputs look like.
pub(crate) fn inputs(preprocess: &Preprocess) -> Inputs {
    let value = |sample: f32| {
        let each = preprocess.mean.iter().zip(&preprocess.std);
        each.map(|(mean, std)| (sample - mean) / std).collect()
    };
    Inputs {
        black: value(0.0),
        white: value(1.0),
        background: None,
    }
}

/// The pictures that `--background` names, as a batch.
pub(crate) fn background(
    names: &[String],
    reading: &Reading<'_>,
    console: &mut Console<'_>,
) -> Result<Option<Tensor>> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut pictures = Vec::new();
    for input in crate::inputs::resolve(names)? {
        let loaded = crate::stream::load(&input, reading, console)
            .with_context(|| format!("`--background {}`", input.name()))?;
        pictures.push(loaded.tensor);
    }
    Ok(Some(Tensor::stack(&pictures, 0)?))
}

#[cfg(feature = "hub")]
fn from_hub(repository: &str, device: &Device, console: &mut Console<'_>) -> Result<Model> {
    use gradcam_models::hub::{Hub, Repo};
    let repo: Repo = repository.parse()?;
    let hub = Hub::from_env()?;
    let bar = console.bar(0, Unit::Bytes);
    let model = Model::from_hub(
        &hub,
        &repo,
        &mut |progress| {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
            bar.set_message(progress.file.to_string());
        },
        device,
    );
    bar.finish_and_clear();
    model.with_context(|| format!("cannot load the model `hf:{repository}`"))
}

#[cfg(not(feature = "hub"))]
fn from_hub(repository: &str, _: &Device, _: &mut Console<'_>) -> Result<Model> {
    bail!(
        "this build cannot fetch `hf:{repository}`: it was made without the feature `hub`; give a folder with `config.json` and `model.safetensors`"
    )
}

/// Sets `--precision`.
pub(crate) fn set_precision(model: &mut Model, precision: args::Precision) -> Result<()> {
    let on_processor = model.device.is_cpu();
    match precision {
        args::Precision::F32 => {}
        args::Precision::Bf16 if on_processor => {
            if !Precision::Bf16.is_supported() {
                bail!(
                    "`--precision bf16`: this processor lacks AVX-512 BF16; leave the option out"
                );
            }
            model.network.set_precision(Precision::Bf16);
        }
        args::Precision::Tf32 | args::Precision::F16 if on_processor => {
            bail!("`--precision`: tf32 and f16 are for GPUs; a processor has f32 and bf16")
        }
        args::Precision::Tf32 => model.network.set_precision(Precision::Tf32),
        args::Precision::F16 => *model = model.in_type(DType::F16)?,
        args::Precision::Bf16 => *model = model.in_type(DType::BF16)?,
    }
    Ok(())
}

/// Reads `--device`.
pub(crate) fn device(text: &str) -> Result<Device> {
    let (kind, index) = text.split_once(':').unwrap_or((text, "0"));
    match kind {
        "cpu" if text == "cpu" => Ok(Device::Cpu),
        "cuda" => match index.parse() {
            Ok(index) => cuda(text, index),
            Err(_) => bail!("unknown device `{text}`, expected `cpu`, `cuda` or `cuda:N`"),
        },
        _ => bail!("unknown device `{text}`, expected `cpu`, `cuda` or `cuda:N`"),
    }
}

#[cfg(feature = "cuda")]
fn cuda(text: &str, index: usize) -> Result<Device> {
    let device = gradcam_nn::cuda_device(index).with_context(|| {
        format!("`--device {text}`: there is no NVIDIA GPU of this number with a driver for it")
    })?;
    // A first kernel: candle's are built for one compute capability and those after it.
    Tensor::ones(1, DType::F32, &device)
        .and_then(|one| one.affine(2.0, 1.0))
        .and_then(|_| device.synchronize())
        .with_context(|| {
            format!(
                "`--device {text}`: this build's kernels do not run on the GPU; build it with CUDA_COMPUTE_CAP set to the GPU's compute capability (80 for 8.0)"
            )
        })?;
    Ok(device)
}

#[cfg(not(feature = "cuda"))]
fn cuda(text: &str, _: usize) -> Result<Device> {
    bail!(
        "`--device {text}`: this build computes on the processor; build it with `--features cuda` for NVIDIA GPUs"
    )
}
