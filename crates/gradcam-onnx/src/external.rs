//! Weights in files beside the model (`TensorProto.external_data`).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use gradcam_picture::bounded::{ReadError, open};

use crate::error::{Error, Result};
use crate::proto::TensorProto;

/// The files beside a model.
#[derive(Debug)]
pub(crate) struct Sidecars {
    /// The folder of the model; `None` if the model came as bytes.
    folder: Option<PathBuf>,
    /// Where files may really be: the folder, and that of the file to which the model's path is a link.
    allowed: Vec<PathBuf>,
    /// The latest file: most models have one.
    opened: Option<Opened>,
}

#[derive(Debug)]
struct Opened {
    /// The location that the model states.
    location: String,
    path: PathBuf,
    file: File,
    /// In bytes.
    length: u64,
}

impl Sidecars {
    /// Has no files: the model came as bytes.
    pub(crate) fn none() -> Self {
        Sidecars {
            folder: None,
            allowed: Vec::new(),
            opened: None,
        }
    }

    /// Has the files in the folder of `model`. The cache of the Hugging Face hub links both files to blobs in one other folder.
    pub(crate) fn beside(model: &Path) -> io::Result<Self> {
        let folder = match model.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let mut allowed = vec![folder.canonicalize()?];
        allowed.extend(model.canonicalize()?.parent().map(Path::to_path_buf));
        Ok(Sidecars {
            folder: Some(folder),
            allowed,
            opened: None,
        })
    }

    /// Reads the `bytes` bytes of a tensor.
    ///
    /// # Errors
    /// If the location leaves the folder, the file is missing or not a file, or the range is not the tensor's or not in the file.
    pub(crate) fn read(&mut self, tensor: &TensorProto, bytes: u64) -> Result<Vec<u8>> {
        let name = tensor.name.as_str();
        let entry = |key: &str| {
            let found = tensor.external_data.iter().find(|entry| entry.key == key);
            found.map(|entry| entry.value.as_str())
        };
        let number = |key: &str| {
            let parse = |text: &str| {
                text.parse::<u64>().map_err(|_| {
                    Error::tensor(
                        name,
                        format!("expected a number of bytes as {key} of its external data, found `{text}`"),
                    )
                })
            };
            entry(key).map(parse).transpose()
        };
        let location = entry("location")
            .ok_or_else(|| Error::tensor(name, "its external data have no location"))?;
        let offset = number("offset")?.unwrap_or(0);
        if let Some(length) = number("length")?
            && length != bytes
        {
            return Err(Error::tensor(
                name,
                format!("its shape takes {bytes} bytes, its external data have {length}"),
            ));
        }
        let opened = self.open(name, location)?;
        let (path, length) = (&opened.path, opened.length);
        if offset.checked_add(bytes).is_none_or(|end| end > length) {
            return Err(Error::tensor(
                name,
                format!(
                    "its external data are bytes {offset} to {offset} + {bytes} of `{}`, which has {length}; the file may be cut short",
                    path.display()
                ),
            ));
        }
        let values = range(&mut opened.file, offset, bytes).map_err(cannot_read(&opened.path))?;
        if values.len() as u64 != bytes {
            return Err(Error::tensor(
                name,
                format!("`{}` became shorter while it was read", path.display()),
            ));
        }
        Ok(values)
    }

    /// Opens the file at `location`, unless it is the latest.
    fn open(&mut self, tensor: &str, location: &str) -> Result<&mut Opened> {
        let opened = match self.opened.take() {
            Some(opened) if opened.location == location => opened,
            _ => self.find(tensor, location)?,
        };
        Ok(self.opened.insert(opened))
    }

    fn find(&self, tensor: &str, location: &str) -> Result<Opened> {
        let folder = self.folder.as_ref().ok_or_else(|| {
            let reason =
                format!("its values are in the file `{location}`; read the model by its path");
            Error::tensor(tensor, reason)
        })?;
        let leaves = || {
            let reason = format!(
                "its values are in `{location}`, expected a path inside the folder of the model"
            );
            Error::tensor(tensor, reason)
        };
        if !stays(location) {
            return Err(leaves());
        }
        let path = folder.join(location);
        let real = path.canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Missing {
                tensor: tensor.to_string(),
                path: path.clone(),
            },
            _ => cannot_read(&path)(error),
        })?;
        // A link may lead out of the folder.
        if !self.allowed.iter().any(|folder| real.starts_with(folder)) {
            return Err(leaves());
        }
        let file = open(&real).map_err(cannot_read(&path))?;
        let length = file.metadata().map_err(cannot_read(&path))?.len();
        Ok(Opened {
            location: location.to_string(),
            path,
            file,
            length,
        })
    }
}

/// Says whether a location is relative and goes only down, in the paths of any system.
fn stays(location: &str) -> bool {
    let mut parts = location.split(['/', '\\']);
    let plain = parts.all(|part| !part.is_empty() && part != ".." && !part.contains([':', '\0']));
    plain && location != "."
}

/// Reads `bytes` bytes, or fewer if the file ends.
fn range(file: &mut File, offset: u64, bytes: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut values = Vec::new();
    file.take(bytes).read_to_end(&mut values)?;
    Ok(values)
}

fn cannot_read<E: Into<ReadError>>(path: &Path) -> impl FnOnce(E) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Read {
        path,
        source: source.into(),
    }
}
