//! The same maps from a separate process.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use gradcam::{Explainer, Grid};
use image::DynamicImage;

use crate::args::Network;
use crate::map_file::upsampled;

/// Starts this program again.
pub(crate) struct Restart {
    program: PathBuf,
    /// The arguments for the network and its computation.
    network: Vec<String>,
}

impl Restart {
    /// Finds this program; `None` if it runs inside another (a test, a downstream crate), which cannot be started.
    pub(crate) fn new(network: &Network) -> Option<Self> {
        let program = std::env::current_exe().ok()?;
        (program.file_stem()? == "gradcam").then(|| Restart {
            program,
            network: [
                ("--model", Some(network.model.clone())),
                ("--arch", network.arch.clone()),
                ("--device", Some(network.device.clone())),
                ("--precision", Some(network.precision.to_string())),
            ]
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", value?)))
            .collect(),
        })
    }

    /// Makes the maps, at the input's resolution, of the class that the network predicts for each picture. The pictures have the input's
    /// size.
    ///
    /// # Errors
    /// When the process cannot be started or fails, or its files cannot be read.
    pub(crate) fn maps(&self, explainer: &Explainer, views: &[DynamicImage]) -> Result<Vec<Grid>> {
        let folder = tempfile::tempdir()?;
        let path = |name: String| folder.path().join(name);
        let mut command = Command::new(&self.program);
        command.arg("explain").args(&self.network);
        command.args([
            "--fit",
            "none",
            "--quiet",
            "--method",
            explainer.method.name(),
        ]);
        for layer in &explainer.layers {
            command.args(["--layer", layer]);
        }
        for (i, view) in views.iter().enumerate() {
            let picture = path(format!("{i}.png"));
            view.save(&picture)?;
            command.arg(picture);
        }
        let (maps, pictures) = (path("maps/".to_string()), path("pictures/".to_string()));
        command.arg("--save-maps").arg(&maps);
        command.arg("--output").arg(pictures);
        let output = command
            .output()
            .with_context(|| format!("cannot start `{}`", self.program.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("a second process failed: {}", said.trim());
        }
        let read = |i| upsampled(&maps.join(format!("{i}.safetensors")));
        (0..views.len()).map(read).collect()
    }
}
