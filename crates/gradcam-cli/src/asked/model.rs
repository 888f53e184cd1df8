//! Turns `--model` into a network.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::Device;
use gradcam_models::architectures::{self, Architecture};
use gradcam_models::{Model, import};
use gradcam_names::hint;

use super::device;
use crate::args::{Graph, Network};
use crate::console::Console;

/// The kind of model that `--model` names.
pub(crate) enum Choice {
    /// The embedded model.
    Default,
    /// A folder.
    Folder(PathBuf),
    /// An ONNX file.
    Graph(PathBuf),
    /// A weights file, and the name of its architecture.
    File(PathBuf, String),
    /// A hub repository.
    Repository(String),
    /// An architecture, which stands for its repository.
    Architecture(&'static Architecture),
}

/// The names of the embedded model.
const DEFAULT: [&str; 2] = ["efficientnet-lite0", "default"];

/// Whether a name stands for the embedded model, ignoring case and punctuation.
pub(crate) fn is_default(text: &str) -> bool {
    let plain = architectures::letters(text);
    DEFAULT
        .iter()
        .any(|name| architectures::letters(name) == plain)
}

/// Endings of weights files.
const WEIGHTS: [&str; 6] = ["pth", "pt", "ckpt", "bin", "tar", "safetensors"];

/// Reads `--model` and `--arch`: the default model's name, `hf:REPO`, a folder, a weights file with its architecture, or the name of an
/// architecture. That stands for `models/NAME` if the folder exists, else for the architecture's hub repository. If no name matches
/// exactly, case and punctuation are ignored.
pub(crate) fn choose(text: &str, arch: Option<&str>) -> Result<Choice> {
    let path = Path::new(text);
    let local = Path::new("models").join(text);
    let choice = if DEFAULT.contains(&text) {
        Choice::Default
    } else if let Some(repository) = text.strip_prefix("hf:") {
        Choice::Repository(repository.to_string())
    } else if path.is_dir() {
        Choice::Folder(path.to_path_buf())
    } else if local.join("config.json").is_file() {
        Choice::Folder(local)
    } else if has_ending(path, &["onnx"]) {
        graph(path)?
    } else if path.is_file() || has_ending(path, &WEIGHTS) {
        return file(path, arch);
    } else if is_default(text) {
        Choice::Default
    } else {
        match architectures::find(text) {
            Ok(architecture) => Choice::Architecture(architecture),
            Err(unknown) => bail!(
                "no model `{text}`: neither a folder nor an architecture{}\n\nhint: `gradcam models` lists them; a repository of the hub is written `hf:OWNER/NAME`",
                hint(&unknown.nearest)
            ),
        }
    };
    if let Some(arch) = arch {
        bail!(
            "`--arch {arch}` is for a weights file, but `{text}` names its own architecture; leave `--arch` out"
        );
    }
    Ok(choice)
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| endings.contains(&ending.to_ascii_lowercase().as_str()))
}

/// Chooses an ONNX file.
fn graph(path: &Path) -> Result<Choice> {
    if !path.is_file() {
        bail!("there is no file `{}`", path.display());
    }
    Ok(Choice::Graph(path.to_path_buf()))
}

/// Chooses a weights file, which does not name its architecture.
fn file(path: &Path, arch: Option<&str>) -> Result<Choice> {
    let text = path.display();
    if !path.exists() {
        bail!("there is no file `{text}`");
    }
    if let Some(arch) = arch {
        return Ok(Choice::File(path.to_path_buf(), arch.to_string()));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = match name.split('.').next() {
        Some("") | None => "model",
        Some(stem) => stem,
    };
    let guess = architectures::named_in(&name).map_or("ARCHITECTURE", |a| a.name);
    let list = match guess {
        "ARCHITECTURE" => "; `gradcam models` lists the architectures",
        _ => "",
    };
    let beside = match path.with_file_name("config.json") {
        config if config.is_file() => {
            let folder = path.parent().filter(|folder| *folder != Path::new(""));
            let folder = folder.unwrap_or(Path::new(".")).display();
            format!("; the folder `{folder}` has a description: `--model {folder}`")
        }
        _ => String::new(),
    };
    bail!(
        "`{text}` is a weights file, which does not name its architecture{beside}\n\nhint: make a model folder from it with `gradcam import {} {guess} -o {}`, or name the architecture with `--arch {guess}`{list}",
        word(&text.to_string()),
        word(stem)
    )
}

/// Quotes a word of a command line if a shell would split it.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./+=:@,".contains(c);
    if text.chars().all(plain) {
        text.to_string()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Loads the network that `--model` and `--arch` name, and reports the assumptions made about it.
pub(crate) fn load(
    text: &str,
    arch: Option<&str>,
    graph: &Graph,
    device: &Device,
    console: &mut Console<'_>,
) -> Result<Model> {
    let choice = choose(text, arch)?;
    if let (Some(option), false) = (graph.given(), matches!(choice, Choice::Graph(_))) {
        bail!("`{option}` is for ONNX files, but `{text}` is none; leave it out");
    }
    let model = match choice {
        Choice::Graph(path) => Model::from_onnx(&path, graph.stated()?, device)
            .with_context(|| format!("cannot load the model `{}`", path.display()))?,
        Choice::Default => Model::default_model(device)?,
        Choice::Folder(folder) => Model::from_folder(&folder, device)
            .with_context(|| format!("cannot load the model `{}`", folder.display()))?,
        Choice::File(path, arch) => import::open(&path, &arch, device)
            .with_context(|| format!("cannot load the model `{}`", path.display()))?,
        Choice::Repository(repository) => from_hub(&repository, device, console)?,
        Choice::Architecture(architecture) => match architecture.hub {
            Some(repository) => from_hub(repository, device, console)?,
            None => bail!(
                "no published weights are known for `{text}`; give a folder with `config.json` and `model.safetensors`"
            ),
        },
    };
    for sentence in &model.assumed {
        console.note(format!("`{}`: {sentence}", model.name));
    }
    console.detail(format!(
        "model {} ({}), {} classes, sha256 {}",
        model.name,
        model
            .architecture
            .map_or("ONNX", |architecture| architecture.name),
        model.labels.len(),
        model.sha256
    ));
    Ok(model)
}

/// Returns the channels, rows and columns of the pictures that a model was made for.
pub(crate) fn shape(model: &Model) -> (usize, usize, usize) {
    let (height, width) = model.preprocess.input_size;
    (3, height as usize, width as usize)
}

impl Network {
    /// Loads the network that `--model` and `--arch` name on `device`, with the precision of `--precision`.
    pub(crate) fn load(&self, device: &Device, console: &mut Console<'_>) -> Result<Model> {
        let mut model = load(
            &self.model,
            self.arch.as_deref(),
            &self.graph,
            device,
            console,
        )?;
        device::set_precision(&mut model, self.precision)?;
        Ok(model)
    }
}

#[cfg(feature = "hub")]
fn from_hub(repository: &str, device: &Device, console: &mut Console<'_>) -> Result<Model> {
    use gradcam_models::hub::{Hub, Repo};

    use crate::console::Unit;
    use crate::escape;

    let repo: Repo = repository.parse()?;
    let hub = Hub::from_env()?;
    let bar = console.bar(0, Unit::Bytes);
    let model = Model::from_hub(
        &hub,
        &repo,
        &mut |progress| {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
            bar.set_message(escape::line(progress.file).into_owned());
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
