//! The small networks that come with the program.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::dist::binary;

/// Where the program finds them when it is built.
const NETWORKS: &str = "crates/gradcam-cli/pasted/networks.safetensors";

/// Trains them again: the same bytes on the same machine.
pub(crate) fn run(sh: &Shell) -> Result<()> {
    let binary = binary(sh)?;
    cmd!(sh, "{binary} card train --output {NETWORKS} --force").run()?;
    Ok(())
}
