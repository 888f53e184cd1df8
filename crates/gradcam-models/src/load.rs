//! Loads models from files.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use gradcam_nn::{Weights, WeightsError};

use crate::architectures::Architecture;
use crate::config::Config;
use crate::digest::sha256;
use crate::files::{read, weights_limit};
use crate::network::ModelNetwork;
use crate::preprocess::Preprocess;
use crate::rename::rename;
use crate::wrapper::wrapper;
use crate::{LoadError, labels};

/// The weights of the default model, EfficientNet-Lite0 (Tan & Le 2019), trained on ImageNet-1k.
const DEFAULT_SHA256: &str = "4bcfdeff2781e11b57e0132dd6c310eba0ada74941d3bf6b78a6591f119bdcc0";

/// A network with its weights, labels and preprocessing.
#[derive(Debug, Clone)]
pub struct Model {
    /// The origin: a folder, a repository with its commit, or the default model's name.
    pub name: String,
    /// The folder of the model's files, which may hold further ones; `None` if the model is built in or made from bytes.
    pub folder: Option<PathBuf>,
    /// The plan of the network; `None` for the graph of an ONNX file.
    pub architecture: Option<&'static Architecture>,
    /// The network.
    pub network: ModelNetwork,
    /// The device of the network's parameters, which its inputs must share.
    pub device: Device,
    /// The type of the network's inputs, and of its parameters except vectors.
    pub dtype: DType,
    /// One name per class.
    pub labels: Vec<String>,
    /// The preprocessing of pictures.
    pub preprocess: Preprocess,
    /// Values that no file states and the network's family supplied (preprocessing, class names), one sentence each.
    pub assumed: Vec<String>,
    /// The SHA-256 of the weight file, in hexadecimal digits.
    pub sha256: String,
    /// The licence named in the model's description.
    pub license: Option<String>,
    pub(crate) default_layer: String,
    pub(crate) source: Parameters,
}

/// The parameters that the network was built from.
#[derive(Debug, Clone)]
pub(crate) enum Parameters {
    Tree {
        architecture: &'static Architecture,
        /// The parameters under the tree's own names.
        weights: Weights,
        classes: usize,
        /// Whether the classifier was removed afterwards.
        embedding: bool,
    },
    #[cfg(feature = "onnx")]
    Graph(crate::onnx::origin::Origin),
}

impl Model {
    /// Loads the default model, EfficientNet-Lite0: built in with the feature `embedded`, else from the repository's folder `models/`.
    ///
    /// # Errors
    /// If the model is not built in and its folder is missing or damaged.
    ///
    /// ```
    /// use gradcam_models::Model;
    /// use gradcam_models::candle_core::Device;
    ///
    /// let model = Model::default_model(&Device::Cpu)?;
    /// assert_eq!(model.architecture.map(|a| a.name), Some("tf_efficientnet_lite0"));
    /// assert_eq!(model.labels.len(), 1000);
    /// # Ok::<(), gradcam_models::LoadError>(())
    /// ```
    pub fn default_model(device: &Device) -> Result<Self, LoadError> {
        let name = "efficientnet-lite0";
        #[cfg(feature = "embedded")]
        let model = {
            use gradcam_efficientnet_lite0::{CONFIG, WEIGHTS};
            Model::new(name, CONFIG, None, WEIGHTS, device)?
        };
        #[cfg(not(feature = "embedded"))]
        let model = {
            let folder = default_folder().ok_or(LoadError::NoDefault)?;
            let model = Model::from_folder(&folder, device)?;
            Model {
                name: name.to_string(),
                ..model
            }
        };
        if model.sha256 != DEFAULT_SHA256 {
            return Err(LoadError::Checksum {
                model: name.to_string(),
                expected: DEFAULT_SHA256.to_string(),
                found: model.sha256,
            });
        }
        Ok(model)
    }

    /// Loads a folder with `config.json` and `model.safetensors`, and optionally transformers' `preprocessor_config.json`.
    ///
    /// # Errors
    /// If a file is missing or damaged, or the weights do not fit the architecture.
    ///
    /// ```no_run
    /// use gradcam_models::Model;
    /// use gradcam_models::candle_core::Device;
    ///
    /// let model = Model::from_folder("models/mine".as_ref(), &Device::Cpu)?;
    /// println!("{} with {} classes", model.name, model.labels.len());
    /// # Ok::<(), gradcam_models::LoadError>(())
    /// ```
    pub fn from_folder(folder: &Path, device: &Device) -> Result<Self, LoadError> {
        // The description comes first, because it limits the bytes of weights.
        let config = Config::read(folder)?;
        let limit = weights_limit(config.architecture, config.classes);
        let weights = read(&folder.join("model.safetensors"), limit)?;
        let model = Model::built(&folder.display().to_string(), config, &weights, device)?;
        Ok(Model {
            folder: Some(folder.to_path_buf()),
            ..model
        })
    }

    /// Loads a repository of the hub, from the cache if possible.
    ///
    /// # Errors
    /// If the hub does not provide the files, or the weights do not fit the architecture.
    #[cfg(feature = "hub")]
    pub fn from_hub(
        hub: &crate::hub::Hub,
        repo: &crate::hub::Repo,
        progress: &mut dyn FnMut(crate::hub::Progress<'_>),
        device: &Device,
    ) -> Result<Self, LoadError> {
        let files = hub.fetch(repo, None, progress)?;
        let name = format!("{}@{}", repo.id, files.commit);
        Ok(Model {
            name,
            ..Model::from_folder(files.folder(), device)?
        })
    }

    /// Makes a model from the contents of its files.
    ///
    /// # Errors
    /// If the description cannot be parsed, or the weights do not fit the architecture.
    pub fn new(
        name: &str,
        config: &str,
        processor: Option<&str>,
        weights: &[u8],
        device: &Device,
    ) -> Result<Self, LoadError> {
        Model::built(name, Config::parse(config, processor)?, weights, device)
    }

    /// Builds the model that `config` describes from `weights`, a safetensors file.
    fn built(
        name: &str,
        config: Config,
        weights: &[u8],
        device: &Device,
    ) -> Result<Self, LoadError> {
        let stored = Weights::from_safetensors(weights, device).map_err(misfit(name))?;
        let sha256 = sha256(weights);
        Model::of(name, config, &stored, sha256, device)
    }

    /// Builds the model that `config` describes from the parameters in `stored`.
    pub(crate) fn of(
        name: &str,
        config: Config,
        stored: &Weights,
        sha256: String,
        device: &Device,
    ) -> Result<Self, LoadError> {
        let misfit = misfit(name);
        if let Some(prefix) = wrapper(&stored.names()) {
            return Err(LoadError::Wrapped {
                model: name.to_string(),
                architecture: config.architecture.name,
                prefix,
            });
        }
        let naming = config.naming(&stored.names());
        let own = rename(stored, config.architecture, naming, config.classes).map_err(&misfit)?;
        let network = config
            .architecture
            .build(&own, config.classes)
            .map_err(&misfit)?;
        let mut unused = own.unused();
        unused.retain(|name| !config.architecture.training_only(name));
        if !unused.is_empty() {
            return Err(LoadError::Unused {
                model: name.to_string(),
                architecture: config.architecture.name,
                count: unused.len(),
                names: unused.into_iter().take(3).collect(),
            });
        }
        let needed = |name: &str, tensor: &Tensor| {
            let needed = !config.architecture.training_only(name);
            Ok(needed.then(|| (name.to_string(), tensor.clone())))
        };
        Ok(Model {
            name: name.to_string(),
            folder: None,
            architecture: Some(config.architecture),
            network: network.into(),
            device: device.clone(),
            dtype: DType::F32,
            // Made only after the weights have proved the description's number of classes.
            labels: if config.labels.is_empty() {
                labels::numbered(config.classes)
            } else {
                config.labels
            },
            preprocess: config.preprocess,
            assumed: config.assumed,
            sha256,
            license: config.license,
            default_layer: config.architecture.default_layer.to_string(),
            source: Parameters::Tree {
                architecture: config.architecture,
                weights: own.renamed(needed).map_err(|error| misfit(error.into()))?,
                classes: config.classes,
                embedding: false,
            },
        })
    }

    /// Rebuilds the model with each parameter passed through `change`, running statistics included. `change` gets the parameter's name in
    /// the network; parameters that it returns unchanged take no further memory. The convolutions are in full precision. A graph is read
    /// again from its file.
    ///
    /// # Errors
    /// If `change` fails, or returns a parameter with another shape or with non-finite values, or if a graph's file cannot be read again.
    pub fn rebuilt(
        &self,
        change: &dyn Fn(&str, &Tensor) -> candle_core::Result<Tensor>,
    ) -> Result<Model, LoadError> {
        self.rebuilt_in(None, change)
    }

    /// As [`rebuilt`](Model::rebuilt); a graph computes in the type `dtype`, if given.
    fn rebuilt_in(
        &self,
        dtype: Option<DType>,
        change: &dyn Fn(&str, &Tensor) -> candle_core::Result<Tensor>,
    ) -> Result<Model, LoadError> {
        let misfit = misfit(&self.name);
        match &self.source {
            Parameters::Tree {
                architecture,
                weights,
                classes,
                embedding,
            } => {
                let changed = weights
                    .renamed(|name, tensor| Ok(Some((name.to_string(), change(name, tensor)?))))
                    .map_err(|error| misfit(error.into()))?;
                let network = architecture.build(&changed, *classes).map_err(&misfit)?;
                let network = if *embedding {
                    network.embedding().unwrap_or(network)
                } else {
                    network
                };
                Ok(Model {
                    network: network.into(),
                    source: Parameters::Tree {
                        architecture,
                        weights: changed,
                        classes: *classes,
                        embedding: *embedding,
                    },
                    ..self.clone()
                })
            }
            #[cfg(feature = "onnx")]
            Parameters::Graph(origin) => Ok(Model {
                network: origin.changed(dtype, change)?,
                ..self.clone()
            }),
        }
    }

    /// Returns the model's network with random parameters, by the seed and each parameter's name.
    ///
    /// # Errors
    /// If a graph's file cannot be read again.
    pub fn untrained(&self, seed: u64) -> Result<ModelNetwork, LoadError> {
        match &self.source {
            Parameters::Tree {
                architecture,
                classes,
                ..
            } => {
                let network = architecture.build(&Weights::random(seed), *classes);
                Ok(network.map_err(misfit(&self.name))?.into())
            }
            #[cfg(feature = "onnx")]
            Parameters::Graph(origin) => {
                let random = Weights::random(seed);
                origin.changed(None, &|name, parameter| {
                    let drawn = random.get(name, parameter.dims());
                    let drawn = drawn.map_err(candle_core::Error::wrap)?;
                    drawn
                        .to_dtype(parameter.dtype())?
                        .to_device(parameter.device())
                })
            }
        }
    }

    /// Rebuilds the model for computations in `f64`.
    ///
    /// # Errors
    /// As [`rebuilt`](Model::rebuilt).
    pub fn in_double(&self) -> Result<Model, LoadError> {
        let model = self.rebuilt_in(Some(DType::F64), &|_, parameter| {
            parameter.to_dtype(DType::F64)
        })?;
        Ok(Model {
            dtype: DType::F64,
            ..model
        })
    }

    /// Converts the model to another number type, for devices that compute faster with fewer bits. Vectors (norms, biases) keep their type.
    ///
    /// # Errors
    /// If the device lacks the type.
    pub fn in_type(&self, dtype: DType) -> Result<Model, LoadError> {
        let vectors_stay = self.architecture.is_some();
        let model = self.rebuilt_in(Some(dtype), &|_, parameter| match parameter.rank() {
            0 | 1 if vectors_stay => Ok(parameter.clone()),
            _ => parameter.to_dtype(dtype),
        })?;
        Ok(Model { dtype, ..model })
    }

    /// Makes a model whose output is an embedding: the input of the linear classifier, or CLIP's usual output. It has no labels. `None` if
    /// the network does not end in a linear classifier.
    pub fn embedding(&self) -> Option<Model> {
        let clip = self.architecture?.is_clip();
        let network = if clip {
            self.network.clone()
        } else {
            self.network.embedding()?
        };
        let mut model = self.clone();
        match &mut model.source {
            Parameters::Tree { embedding, .. } => *embedding = !clip,
            #[cfg(feature = "onnx")]
            Parameters::Graph(_) => {}
        }
        Some(Model {
            network,
            labels: Vec::new(),
            ..model
        })
    }

    /// Returns the default layer for Grad-CAM; empty if no layer has positions.
    pub fn default_layer(&self) -> &str {
        &self.default_layer
    }
}

fn misfit(model: &str) -> impl Fn(WeightsError) -> LoadError {
    let model = model.to_string();
    move |source| LoadError::Weights {
        model: model.clone(),
        source,
    }
}

/// Finds the default model's folder: beside an installed binary, or in the repository of this build.
#[cfg(not(feature = "embedded"))]
fn default_folder() -> Option<PathBuf> {
    let inner = Path::new("models").join("efficientnet-lite0");
    let binary = std::env::current_exe().ok()?;
    let beside = binary
        .parent()
        .into_iter()
        .flat_map(|bin| [bin.join(&inner), bin.join("../share/gradcam").join(&inner)]);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(&inner);
    beside
        .chain([repository])
        .find(|folder| folder.join("model.safetensors").exists())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Mutex;

    use candle_core::DType;
    use gradcam_nn::Network;

    use super::*;

    fn output(model: &Model) -> Vec<f32> {
        let x = Tensor::arange(0.0_f32, 3.0 * 64.0 * 64.0, &Device::Cpu).unwrap();
        let x = x.sin().unwrap().reshape((1, 3, 64, 64)).unwrap();
        let y = model.network.forward(&x, &mut ()).unwrap();
        y.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn a_model_is_rebuilt_with_other_parameters() {
        let model = Model::default_model(&Device::Cpu).unwrap();
        let same = model.rebuilt(&|_, tensor| Ok(tensor.clone())).unwrap();
        assert_eq!(output(&same), output(&model));
        // A classifier with zero weights outputs its bias; the names are the tree's own.
        let zeroed = |name: &str, tensor: &Tensor| match name {
            "classifier.weight" => tensor.zeros_like(),
            _ => Ok(tensor.clone()),
        };
        let changed = model.rebuilt(&zeroed).unwrap();
        let bias = Mutex::new(Vec::new());
        let kept = |name: &str, tensor: &Tensor| {
            if name == "classifier.bias" {
                *bias.lock().unwrap() = tensor.to_vec1::<f32>()?;
            }
            Ok(tensor.clone())
        };
        changed.rebuilt(&kept).unwrap();
        assert_eq!(output(&changed), *bias.lock().unwrap());
        // A rebuilt model can be rebuilt again, and an embedding stays an embedding.
        let twice = changed.rebuilt(&|_, tensor| Ok(tensor.clone())).unwrap();
        assert_eq!(output(&twice), output(&changed));
        let embedding = model.embedding().unwrap();
        assert_eq!(
            output(&embedding.rebuilt(&zeroed).unwrap()),
            output(&embedding)
        );
    }

    #[test]
    fn a_parameter_of_another_shape_is_refused() {
        let model = Model::default_model(&Device::Cpu).unwrap();
        let error = model
            .rebuilt(&|_, _| Tensor::zeros(3, DType::F32, &Device::Cpu))
            .unwrap_err();
        assert!(matches!(error, LoadError::Weights { .. }), "{error}");
    }
}
