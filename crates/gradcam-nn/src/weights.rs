//! A store of named tensors from which networks are built.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Tensor};
use gradcam_names::{hint, nearest};
use gradcam_random::Random;

use crate::dispatch::storage::with_values;

/// Why a network could not be built from a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The store lacks the tensor.
    #[error("the weights lack the parameter `{name}`{}", hint(.nearest))]
    Missing {
        /// The full name.
        name: String,
        /// Similar names in the store.
        nearest: Vec<String>,
    },
    /// The tensor's shape differs from the one that the network needs.
    #[error("the parameter `{name}` has the shape {found:?}, expected {expected:?}")]
    Shape {
        /// The full name.
        name: String,
        /// The shape that the architecture needs.
        expected: Vec<usize>,
        /// The shape in the store.
        found: Vec<usize>,
    },
    /// The tensor holds NaN or an infinity.
    #[error("the parameter `{name}` holds {count} values that are not finite (NaN or infinity)")]
    NotFinite {
        /// The full name.
        name: String,
        /// The number of values that are not finite.
        count: usize,
    },
    /// The bytes are not a safetensors file.
    #[error("not a valid safetensors file: {0}")]
    Format(String),
    /// A failure of the tensor library.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// A store of named tensors, seen from one place in the tree of modules.
///
/// Clones and [scopes](Weights::at) share the store and one record of the requested names.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use gradcam_nn::Weights;
/// use gradcam_nn::candle_core::{DType, Device, Tensor};
///
/// let weight = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?;
/// let weights = Weights::from_tensors(BTreeMap::from([("fc.weight".to_string(), weight)]));
/// let fc = weights.at("fc");
/// assert_eq!(fc.get("weight", &[2, 3])?.dims(), [2, 3]);
/// // Another shape, or an unknown name, is refused.
/// assert!(fc.get("weight", &[3, 3]).is_err());
/// assert!(fc.get("bias", &[2]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Weights {
    source: Arc<Source>,
    requested: Arc<Mutex<BTreeMap<String, Vec<usize>>>>,
    prefix: String,
}

enum Source {
    Tensors(BTreeMap<String, Tensor>),
    /// Zeros that take no memory.
    Skeleton,
    /// A fresh initialisation from this seed.
    Random(u64),
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Weights")
            .field("prefix", &self.prefix)
            .field("tensors", &self.names().len())
            .finish()
    }
}

impl Weights {
    fn new(source: Source) -> Self {
        Weights {
            source: Arc::new(source),
            requested: Arc::default(),
            prefix: String::new(),
        }
    }

    /// Makes a store of these tensors.
    pub fn from_tensors(tensors: BTreeMap<String, Tensor>) -> Self {
        Weights::new(Source::Tensors(tensors))
    }

    /// Reads the tensors of a safetensors file, widening floating-point ones to `f32`.
    ///
    /// # Errors
    /// When the bytes are not a safetensors file, or are cut short.
    pub fn from_safetensors(bytes: &[u8], device: &Device) -> Result<Self, WeightsError> {
        let file = safetensors::SafeTensors::deserialize(bytes)
            .map_err(|error| WeightsError::Format(error.to_string()))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            use candle_core::safetensors::Load;
            let tensor = ready(name, view.load(&Device::Cpu)?, device)?;
            tensors.insert(name.to_string(), tensor);
        }
        Ok(Weights::from_tensors(tensors))
    }

    /// Makes a store on `device` from CPU tensors, widening floating-point ones to `f32`, as
    /// [`from_safetensors`](Weights::from_safetensors) does.
    ///
    /// # Errors
    /// When the device is a GPU and values are not finite, or memory runs out.
    pub fn on_device(
        tensors: BTreeMap<String, Tensor>,
        device: &Device,
    ) -> Result<Self, WeightsError> {
        let ready = |(name, tensor): (String, Tensor)| {
            let tensor = ready(&name, tensor, device)?;
            Ok((name, tensor))
        };
        let tensors: Result<_, WeightsError> = tensors.into_iter().map(ready).collect();
        Ok(Weights::from_tensors(tensors?))
    }

    /// Makes a store that answers every request with zeros that take no memory: for shapes, names and counts, not for numbers.
    pub fn skeleton() -> Self {
        Weights::new(Source::Skeleton)
    }

    /// Makes a store that answers every request with a fresh initialisation: kernels from He's normal distribution over the fan-in (He
    /// et al. 2015, eq. 10), norms as the identity, biases zero. A tensor depends only on the seed and its own name (ChaCha8).
    pub fn random(seed: u64) -> Self {
        Weights::new(Source::Random(seed))
    }

    /// Renames every tensor by `rename`; tensors mapped to `None` are left out.
    ///
    /// # Errors
    /// When a rename fails, for example because a tensor cannot be reshaped.
    pub fn renamed(
        &self,
        mut rename: impl FnMut(&str, &Tensor) -> candle_core::Result<Option<(String, Tensor)>>,
    ) -> candle_core::Result<Self> {
        let mut tensors = BTreeMap::new();
        if let Source::Tensors(source) = &*self.source {
            for (name, tensor) in source {
                if let Some((name, tensor)) = rename(name, tensor)? {
                    tensors.insert(name, tensor);
                }
            }
        }
        Ok(Weights::from_tensors(tensors))
    }

    /// Scopes the store to the child `name`.
    #[must_use]
    pub fn at(&self, name: impl std::fmt::Display) -> Self {
        Weights {
            prefix: self.path(name),
            ..self.clone()
        }
    }

    /// Returns the full name of the child `name`.
    pub fn path(&self, name: impl std::fmt::Display) -> String {
        if self.prefix.is_empty() {
            name.to_string()
        } else {
            format!("{}.{name}", self.prefix)
        }
    }

    /// Returns the full name of this scope.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns whether the store has the parameter `name` in this scope.
    pub fn contains(&self, name: &str) -> bool {
        match &*self.source {
            Source::Tensors(tensors) => tensors.contains_key(&self.path(name)),
            Source::Skeleton | Source::Random(_) => true,
        }
    }

    /// Returns the parameter `name` in this scope, of the given shape.
    ///
    /// # Errors
    /// When the parameter is missing, has another shape, or holds values that are not finite.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor, WeightsError> {
        let path = self.path(name);
        self.requested
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.clone(), shape.to_vec());
        match &*self.source {
            Source::Skeleton => {
                Ok(Tensor::zeros((), DType::F32, &Device::Cpu)?.broadcast_as(shape)?)
            }
            Source::Random(seed) => Ok(initial(&path, shape, *seed)?),
            Source::Tensors(tensors) => {
                let Some(tensor) = tensors.get(&path) else {
                    let nearest = nearest(&path, tensors.keys().map(String::as_str));
                    return Err(WeightsError::Missing {
                        name: path,
                        nearest,
                    });
                };
                if tensor.dims() != shape {
                    return Err(WeightsError::Shape {
                        name: path,
                        expected: shape.to_vec(),
                        found: tensor.dims().to_vec(),
                    });
                }
                let tensor = tensor.contiguous()?;
                let count = not_finite(&tensor)?;
                if count > 0 {
                    return Err(WeightsError::NotFinite { name: path, count });
                }
                Ok(tensor)
            }
        }
    }

    /// Returns every parameter requested so far, with its shape, sorted by name.
    pub fn requested(&self) -> Vec<(String, Vec<usize>)> {
        let requested = self
            .requested
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        requested
            .iter()
            .map(|(name, shape)| (name.clone(), shape.clone()))
            .collect()
    }

    /// Returns the names in the store, sorted. A skeleton or a fresh initialisation has those requested so far.
    pub fn names(&self) -> Vec<String> {
        match &*self.source {
            Source::Tensors(tensors) => tensors.keys().cloned().collect(),
            Source::Skeleton | Source::Random(_) => {
                self.requested().into_iter().map(|(name, _)| name).collect()
            }
        }
    }

    /// Returns the stored tensor with the full name `name`; `None` if it is missing, and for a skeleton or a fresh initialisation.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        match &*self.source {
            Source::Tensors(tensors) => tensors.get(name),
            Source::Skeleton | Source::Random(_) => None,
        }
    }

    /// Returns the names that were never requested, sorted.
    pub fn unused(&self) -> Vec<String> {
        let requested: BTreeSet<String> =
            self.requested().into_iter().map(|(name, _)| name).collect();
        let mut names = self.names();
        names.retain(|name| !requested.contains(name));
        names
    }
}

/// Widens a tensor to `f32` and moves it to the device.
fn ready(name: &str, tensor: Tensor, device: &Device) -> Result<Tensor, WeightsError> {
    let tensor = match tensor.dtype() {
        DType::F16 | DType::BF16 | DType::F64 => tensor.to_dtype(DType::F32)?,
        _ => tensor,
    };
    // Non-finite values are counted before the move, since a device is not read later: see `get`.
    let count = if device.is_cpu() {
        0
    } else {
        not_finite(&tensor)?
    };
    if count > 0 {
        let name = name.to_string();
        return Err(WeightsError::NotFinite { name, count });
    }
    Ok(tensor.to_device(device)?)
}

/// Counts the values of a contiguous tensor that are NaN or infinite. Those on a GPU were checked before the upload.
fn not_finite(tensor: &Tensor) -> candle_core::Result<usize> {
    if !tensor.device().is_cpu() || tensor.dtype().is_int() {
        return Ok(0);
    }
    if tensor.dtype() == DType::F32 {
        return with_values(tensor, |values: &[f32]| {
            Ok(values.iter().filter(|v| !v.is_finite()).count())
        });
    }
    with_values(&tensor.to_dtype(DType::F64)?, |values: &[f64]| {
        Ok(values.iter().filter(|v| !v.is_finite()).count())
    })
}

/// Initialises a parameter, see [`Weights::random`].
fn initial(path: &str, shape: &[usize], seed: u64) -> candle_core::Result<Tensor> {
    let count: usize = shape.iter().product();
    let last = path.rsplit('.').next().unwrap_or(path);
    let values = if shape.len() >= 2 {
        let fan_in: usize = shape[1..].iter().product();
        let deviation = (2.0 / fan_in.max(1) as f64).sqrt();
        let mut random = Random::of_name(seed, path);
        let pairs = (0..count.div_ceil(2)).flat_map(|_| random.normal_pair(deviation));
        pairs.map(|value| value as f32).take(count).collect()
    } else {
        let one = matches!(last, "weight" | "running_var" | "gamma");
        vec![if one { 1.0 } else { 0.0 }; count]
    };
    Tensor::from_vec(values, shape, &Device::Cpu)
}
