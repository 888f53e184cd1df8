//! Reads the named tensors of a checkpoint: a PyTorch archive or a safetensors file.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use zip::ZipArchive;

use super::error::ImportError;
use super::pickle::{self, Fault, Id, Node, Objects, Stored};
use crate::bounded::{self, ReadError};

type Result<T> = std::result::Result<T, ImportError>;

/// The most bytes of the pickle in an archive, which names tensors but does not hold them.
const PICKLE: u64 = 16 << 20;

/// The keys under which checkpoints keep the state dict.
const KEYS: [&str; 8] = [
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
];

/// The bytes of a checkpoint.
pub(super) struct Checkpoint {
    form: Form,
    bytes: Vec<u8>,
}

impl Checkpoint {
    /// Reads an ordinary file of at most `limit` bytes once. A file of another form is refused after its first bytes.
    pub(super) fn read(path: &Path, limit: u64) -> Result<Self> {
        let start = || {
            let mut file = bounded::open(path)?;
            if file.metadata()?.len() > limit {
                return Err(ReadError::TooLong { limit });
            }
            let mut start = Vec::new();
            file.by_ref().take(16).read_to_end(&mut start)?;
            Ok((file, start))
        };
        let (file, start) = start().map_err(ImportError::read(path))?;
        let form = Form::of(path, &start)?;
        let bytes =
            bounded::all(start.as_slice().chain(file), limit).map_err(ImportError::read(path))?;
        Ok(Checkpoint { form, bytes })
    }

    /// Returns the bytes of the file.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads the tensors of the file `path`; from an archive, only the wanted ones.
    pub(super) fn tensors(
        &self,
        path: &Path,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<(String, Tensor)>> {
        match self.form {
            Form::Archive => archive(path, &self.bytes, wanted),
            Form::Safetensors => {
                let tensors = candle_core::safetensors::load_buffer(&self.bytes, &Device::Cpu);
                let tensors = tensors.map_err(|error| ImportError::Damaged {
                    path: path.to_path_buf(),
                    reason: error.to_string(),
                })?;
                Ok(tensors.into_iter().collect())
            }
        }
    }
}

/// The form of a file, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The format of PyTorch since 1.6.
    Archive,
    Safetensors,
}

impl Form {
    /// Detects the form of the file `path`, whose first 16 bytes are `start`.
    fn of(path: &Path, start: &[u8]) -> Result<Form> {
        // The magic number of torch.save before version 1.6.
        const LEGACY: &[u8] = &[0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8];
        match start {
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Ok(Form::Archive),
            [0x80, _, rest @ ..] if rest.starts_with(LEGACY) => Err(ImportError::Legacy {
                path: path.to_path_buf(),
            }),
            // The header's length and first character.
            [_, _, _, _, _, 0, 0, 0, b'{', ..] => Ok(Form::Safetensors),
            other => Err(ImportError::Form {
                path: path.to_path_buf(),
                found: match other {
                    [] => "an empty file".to_string(),
                    [0x80, ..] => "a pickle that is not from `torch.save`".to_string(),
                    other => {
                        let start = other.iter().take(4).map(|b| format!("{b:02x}"));
                        format!(
                            "bytes that start with `{}`",
                            start.collect::<Vec<_>>().join(" ")
                        )
                    }
                },
            }),
        }
    }
}

/// Reads the wanted tensors of a PyTorch archive.
fn archive(
    path: &Path,
    bytes: &[u8],
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<(String, Tensor)>> {
    let length = bytes.len() as u64;
    let damaged = |reason: String| ImportError::Damaged {
        path: path.to_path_buf(),
        reason,
    };
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|e| damaged(e.to_string()))?;
    let names: Vec<String> = zip
        .file_names()
        .filter_map(|name| Some(name.ok()?.into_owned()))
        .collect();
    if names
        .iter()
        .any(|name| name.ends_with("/constants.pkl") || name.contains("/code/"))
    {
        return Err(ImportError::TorchScript {
            path: path.to_path_buf(),
        });
    }
    let Some(folder) = names.iter().find_map(|name| name.strip_suffix("data.pkl")) else {
        return Err(ImportError::Form {
            path: path.to_path_buf(),
            found: "a zip archive without `data.pkl`".to_string(),
        });
    };
    if let Ok(order) = zip.by_name(&format!("{folder}byteorder"))
        && bounded::all(order, 16).is_ok_and(|order| order == b"big")
    {
        return Err(damaged("its numbers are big-endian".to_string()));
    }
    let entry = zip
        .by_name(&format!("{folder}data.pkl"))
        .map_err(|e| damaged(e.to_string()))?;
    let pickled = bounded::all(entry, PICKLE).map_err(|e| damaged(format!("`data.pkl`: {e}")))?;
    let objects = pickle::read(&pickled).map_err(|fault| match fault {
        Fault::Unknown(name) => ImportError::UnknownClass {
            path: path.to_path_buf(),
            name,
        },
        Fault::Broken { at, reason } => damaged(format!("`data.pkl`, byte {at}: {reason}")),
    })?;
    let Some(state) = state(&objects, objects.root(), 3) else {
        return Err(ImportError::NoTensors {
            path: path.to_path_buf(),
            found: described(&objects),
        });
    };
    // Sort by storage, so that each one is read once.
    let mut state: Vec<(&str, &Stored)> = state.into_iter().filter(|(n, _)| wanted(n)).collect();
    state.sort_by(|(a, one), (b, other)| (&one.storage.key, a).cmp(&(&other.storage.key, b)));
    // Tensors may share storage, but do not take many times the file's length.
    let mut left = 2 * length;
    let mut tensors = Vec::new();
    let mut numbers = Numbers::default();
    for (name, stored) in state {
        let tensor = numbers
            .of(&mut zip, folder, &stored.storage.key, length)
            .and_then(|bytes| tensor(bytes, stored, &mut left));
        let tensor = tensor.map_err(|reason| damaged(format!("the tensor `{name}`: {reason}")))?;
        tensors.push((name.to_string(), tensor));
    }
    Ok(tensors)
}

/// The last storage that was read.
#[derive(Default)]
struct Numbers {
    key: Option<Arc<str>>,
    bytes: Vec<u8>,
}

impl Numbers {
    /// Reads the bytes of a storage, at most `length`.
    fn of(
        &mut self,
        zip: &mut ZipArchive<Cursor<&[u8]>>,
        folder: &str,
        key: &Arc<str>,
        length: u64,
    ) -> std::result::Result<&[u8], String> {
        if self.key.as_ref() != Some(key) {
            let entry = zip
                .by_name(&format!("{folder}data/{key}"))
                .map_err(|error| error.to_string())?;
            self.bytes = bounded::all(entry, length).map_err(|error| error.to_string())?;
            self.key = Some(key.clone());
        }
        Ok(&self.bytes)
    }
}

/// Collects the tensors of a state dict by name: those under the usual keys, in dictionaries nested up to `depth` deep, or else those of
/// the dictionary itself. The last of two equal names counts, as in Python.
fn state(objects: &Objects, dict: Id, depth: usize) -> Option<BTreeMap<&str, &Stored>> {
    let Node::Dict(entries) = objects.node(dict) else {
        return None;
    };
    if depth > 0 {
        let inner = KEYS.iter().find_map(|key| {
            let value = objects.get(dict, key)?;
            state(objects, value, depth - 1)
        });
        if inner.is_some() {
            return inner;
        }
    }
    let tensors: BTreeMap<&str, &Stored> = entries
        .iter()
        .filter_map(
            |&(key, value)| match (objects.node(key), objects.node(value)) {
                (Node::Text(name), Node::Tensor(stored)) => Some((&**name, &**stored)),
                _ => None,
            },
        )
        .collect();
    (!tensors.is_empty()).then_some(tensors)
}

/// Describes what is found instead of a state dict.
fn described(objects: &Objects) -> String {
    match objects.node(objects.root()) {
        Node::Dict(entries) => {
            let keys = entries
                .iter()
                .filter_map(|(key, _)| match objects.node(*key) {
                    Node::Text(text) => Some(format!("`{text}`")),
                    _ => None,
                });
            let keys: Vec<String> = keys.take(5).collect();
            if keys.is_empty() {
                "an empty dictionary".to_string()
            } else {
                format!("a dictionary with {}", keys.join(", "))
            }
        }
        Node::Tensor(_) => "a single tensor".to_string(),
        Node::Row(_) => "a list".to_string(),
        Node::Other | Node::Int(_) | Node::Text(_) | Node::Name(_) | Node::Storage(_) => {
            "something else".to_string()
        }
    }
}

/// Makes a tensor from the bytes of its storage; `left` counts the bytes that tensors may still take.
fn tensor(bytes: &[u8], stored: &Stored, left: &mut u64) -> std::result::Result<Tensor, String> {
    let kind = match stored.storage.kind.as_str() {
        "FloatStorage" => DType::F32,
        "DoubleStorage" => DType::F64,
        "HalfStorage" => DType::F16,
        "BFloat16Storage" => DType::BF16,
        "ByteStorage" => DType::U8,
        "LongStorage" => DType::I64,
        other => return Err(format!("its storage type `{other}` is not supported")),
    };
    let width = kind.size_in_bytes();
    let outside = || "it reaches beyond its storage".to_string();
    let dims = || stored.shape.iter().zip(&stored.strides);
    let count = stored
        .shape
        .iter()
        .try_fold(1_usize, |n, &size| n.checked_mul(size))
        .ok_or_else(outside)?;
    let last = dims().try_fold(stored.offset, |at, (&size, &stride)| {
        at.checked_add(size.saturating_sub(1).checked_mul(stride)?)
    });
    let available = bytes.len() / width;
    if count > available || count > 0 && last.is_none_or(|last| last >= available) {
        return Err(outside());
    }
    *left = left
        .checked_sub((count * width) as u64)
        .ok_or("the tensors take many times the file's length")?;
    let contiguous = dims()
        .rev()
        .try_fold(1_usize, |expected, (&size, &stride)| match size {
            0 | 1 => Some(expected),
            _ if stride == expected => expected.checked_mul(size),
            _ => None,
        })
        .is_some();
    let raw = match (count, contiguous) {
        (0, _) => Vec::new(),
        (_, true) => bytes[stored.offset * width..][..count * width].to_vec(),
        (_, false) => gathered(bytes, stored, count, width),
    };
    Tensor::from_raw_buffer(&raw, kind, &stored.shape, &Device::Cpu).map_err(|e| e.to_string())
}

/// Gathers the elements of a strided tensor in the order of its dimensions.
fn gathered(bytes: &[u8], stored: &Stored, count: usize, width: usize) -> Vec<u8> {
    let mut raw = Vec::with_capacity(count * width);
    let mut position = vec![0; stored.shape.len()];
    for _ in 0..count {
        let places = position.iter().zip(&stored.strides);
        let at = stored.offset + places.map(|(p, s)| p * s).sum::<usize>();
        raw.extend_from_slice(&bytes[at * width..][..width]);
        for (place, &size) in position.iter_mut().zip(&stored.shape).rev() {
            *place += 1;
            if *place < size {
                break;
            }
            *place = 0;
        }
    }
    raw
}
