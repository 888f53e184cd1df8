//! Models from ONNX files.

mod beside;
mod error;
mod names;
pub(crate) mod origin;

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;
pub use error::OnnxError;
pub use gradcam_onnx::{Cut, ImageInput, Input, Limits, OnnxNetwork, Options, Refused};

use self::origin::Origin;
use crate::LoadError;
use crate::bounded::ReadError;
use crate::digest::sha256_of;
use crate::labels;
use crate::load::{Model, Parameters};
use crate::network::ModelNetwork;
use crate::preprocess::{CropMode, Preprocess};

/// What a user states about an ONNX file, before anything that lies beside it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Stated {
    /// Choices about the graph. The device and the type are those of the model.
    pub graph: Options,
    /// Names of the classes.
    pub labels: Option<Vec<String>>,
    /// Rows and columns of the input.
    pub size: Option<(u32, u32)>,
    /// Mean of each channel (red, green, blue), in units of `range`.
    pub mean: Option<[f32; 3]>,
    /// Standard deviation of each channel, in units of `range`.
    pub std: Option<[f32; 3]>,
    /// The value of a white sample before `mean` is subtracted, such as 1 or 255; 1 if not given. `mean` and `std` are in its units, 0 and 1 if
    /// only the range is given.
    pub range: Option<f32>,
}

impl Model {
    /// Loads the network of an ONNX file, with the labels and the preprocessing that `stated` or the files beside it give.
    ///
    /// These are looked for in this order: `stated`; `net.json` beside `net.onnx` in the form of a model folder's `config.json`;
    /// `config.json` of timm or of transformers, with `preprocessor_config.json`, in the same folder or the one above; the notes inside the
    /// file; `class_indices.json` and `labels.txt`. What none of them says is assumed as for ImageNet, and listed in
    /// [`assumed`](Model::assumed).
    ///
    /// # Errors
    /// If a file cannot be read, the graph has operations that are not supported, or the number of labels is not that of the classes.
    pub fn from_onnx(path: &Path, stated: Stated, device: &Device) -> Result<Self, LoadError> {
        let file = gradcam_onnx::read(path, &Limits::default()).map_err(OnnxError::from)?;
        let mut options = stated.graph.clone();
        options.device = device.clone();
        options.average_positions = true;
        let found = beside::read(path, &file)?;
        let side = |side: u32| usize::try_from(side).unwrap_or(usize::MAX);
        if let Some((rows, columns)) = stated.size.or(found.size()) {
            options.size = (side(rows), side(columns));
        }
        let network = OnnxNetwork::new(&file, &options).map_err(OnnxError::from)?;
        drop(file);
        let channels = network.image().channels.unwrap_or(3);
        if channels != 3 {
            return Err(OnnxError::Channels { channels }.into());
        }
        let size = network.image().size.unwrap_or(options.size);
        let dims = network
            .output_dims(channels, size)
            .map_err(OnnxError::from)?;
        let classes = dims.get(1).copied().unwrap_or(1);
        let mut assumed = found.assumed;
        let labels = match stated.labels.or(found.labels) {
            Some(labels) if labels.len() != classes => {
                return Err(OnnxError::Labels {
                    labels: labels.len(),
                    classes,
                }
                .into());
            }
            Some(labels) => labels,
            None if classes == 1000 => {
                assumed.push("the file does not name its 1000 classes; ImageNet's names are assumed (set others with `--labels FILE`)".to_string());
                labels::of_imagenet(classes)
            }
            None => labels::numbered(classes),
        };
        let mut preprocess = found
            .preprocess
            .clone()
            .unwrap_or_else(|| usual(network.image()));
        let pixel = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        preprocess.input_size = (pixel(size.0), pixel(size.1));
        let normalised = stated.mean.is_some() || stated.std.is_some() || stated.range.is_some();
        let range = stated.range.unwrap_or(1.0);
        if stated.range.is_some() {
            (preprocess.mean, preprocess.std) = ([0.0; 3], [1.0 / range; 3]);
        }
        let in_range = |values: [f32; 3]| values.map(|value| value / range);
        preprocess.mean = stated.mean.map_or(preprocess.mean, in_range);
        preprocess.std = stated.std.map_or(preprocess.std, in_range);
        preprocess.check().map_err(|error| OnnxError::Preprocess {
            reason: error.to_string(),
        })?;
        if found.preprocess.is_none() && !normalised && !network.image().bytes {
            assumed.push(format!(
                "neither the file nor one beside it says how pictures are prepared; ImageNet's values are assumed: {preprocess} (set others with `--mean`, `--std`, `--size`, `--range`, `--channels`, or in `{}`)",
                path.with_extension("json").display()
            ));
        }
        if let Some(cut) = network.cut() {
            assumed.push(format!(
                "the closing {} is cut, since saturated probabilities have no gradient (keep it with `--keep-softmax`)",
                cut.op
            ));
        }
        let layers =
            gradcam::layers(&network, (channels, size.0, size.1)).map_err(OnnxError::from)?;
        let default_layer = layers
            .automatic()
            .map(|layer| layer.name.clone())
            .unwrap_or_default();
        options.size = size;
        Ok(Model {
            name: path.display().to_string(),
            folder: path.parent().map(Path::to_path_buf),
            architecture: None,
            network: ModelNetwork::Graph(Arc::new(network)),
            device: device.clone(),
            dtype: options.dtype,
            labels,
            preprocess,
            assumed,
            sha256: digest(path)?,
            license: found.license,
            default_layer,
            source: Parameters::Graph(Origin::new(path, options)),
        })
    }
}

/// Returns the preprocessing that is assumed for a graph's input.
fn usual(image: &ImageInput) -> Preprocess {
    // A file that takes bytes prepares pictures itself.
    if image.bytes {
        Preprocess {
            mean: [0.0; 3],
            std: [1.0 / 255.0; 3],
            crop_mode: CropMode::Squash,
            crop_pct: 1.0,
            ..Preprocess::default()
        }
    } else {
        Preprocess::default()
    }
}

/// Computes the SHA-256 of a file.
fn digest(path: &Path) -> Result<String, LoadError> {
    let digest = std::fs::File::open(path).and_then(sha256_of);
    digest.map_err(|error| LoadError::Io {
        path: path.to_path_buf(),
        source: ReadError::from(error),
    })
}

/// Reads names of classes from a text, one per line, or from JSON: a list, or a map from numbers to names or from names to numbers.
///
/// # Errors
/// A message if the text is neither, or numbers are missing.
pub fn labels(text: &str) -> Result<Vec<String>, String> {
    labels::parse(text)
}
