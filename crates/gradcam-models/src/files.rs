//! Reads the files of a model up to size limits.

use std::path::Path;

use gradcam_nn::Weights;

use crate::LoadError;
use crate::architectures::Architecture;
use crate::bounded::{self, ReadError};

/// The most bytes of a description; label names of a hundred thousand classes take a few million.
pub(crate) const DESCRIPTION: u64 = 64 << 20;

/// Computes the most bytes of a weight file: the parameters as `f64`, as much again for averages and optimiser states, and a gigabyte for
/// others such as a text tower.
pub(crate) fn weights_limit(architecture: &Architecture, classes: usize) -> u64 {
    let skeleton = Weights::skeleton();
    let built = architecture.build(&skeleton, classes);
    let count: u64 = match built {
        Ok(_) => skeleton
            .requested()
            .iter()
            .map(|(_, shape)| shape.iter().product::<usize>() as u64)
            .sum(),
        // The error is reported when the network is built from its weights.
        Err(_) => 0,
    };
    (16 * count + (1 << 30)).min(WEIGHTS)
}

/// The most bytes of any weight file.
pub(crate) const WEIGHTS: u64 = 32 << 30;

pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, LoadError> {
    bounded::file(path, limit).map_err(at(path))
}

pub(crate) fn read_text(path: &Path) -> Result<String, LoadError> {
    bounded::text(path, DESCRIPTION).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(ReadError) -> LoadError {
    let path = path.to_path_buf();
    move |source| LoadError::Io { path, source }
}
