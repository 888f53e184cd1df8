//! The names of all files of a run, planned before anything is computed.

use std::path::{Path, PathBuf};

use anyhow::Result;
use gradcam_viz::Format;

use super::settings::Output;
use crate::args::Explain;
use crate::inputs::Input;
use crate::names::{Destination, Names};

/// The names of all files of a run.
pub(super) struct Files {
    pub(super) pictures: Names,
    pub(super) maps: Option<Names>,
    /// The format of the pictures.
    pub(super) format: Format,
}

impl Files {
    /// Plans the files for `inputs` and `targets`.
    ///
    /// # Errors
    /// When one file would have to take several outputs, or has an unknown format.
    pub(super) fn new(
        args: &Explain,
        pictures: Destination,
        inputs: &[Input],
        targets: &[String],
    ) -> Result<Self> {
        let format = pictures.format()?;
        let of_maps =
            |path: &Path| Names::new(Destination::maps(path)?, "safetensors", inputs, targets);
        Ok(Files {
            pictures: Names::new(pictures, "png", inputs, targets)?,
            maps: args.save_maps.as_deref().map(of_maps).transpose()?,
            format,
        })
    }

    /// Returns the files for an image's outputs.
    pub(super) fn of(&self, input: &Input) -> impl Iterator<Item = (Output, PathBuf)> {
        let pictures = self
            .pictures
            .paths(input)
            .map(|path| (Output::Picture, path));
        let maps = self.maps.iter().flat_map(|names| names.paths(input));
        pictures.chain(maps.map(|path| (Output::Maps, path)))
    }

    /// Returns the files for the outputs of all images.
    pub(super) fn all(&self, inputs: &[Input]) -> impl Iterator<Item = PathBuf> {
        let files = inputs.iter().flat_map(|input| self.of(input));
        files.map(|(_, path)| path)
    }

    /// Returns the folders that contain all of them.
    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.pictures), self.maps.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(Names::folder)
    }
}
