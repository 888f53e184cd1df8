//! The small networks that ship with the program.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::dist::binary;

/// The file that is compiled into the program.
const NETWORKS: &str = "crates/gradcam-cli/pasted/networks.safetensors";

/// Retrains them; the same machine gives the same bytes.
pub(crate) fn run(sh: &Shell) -> Result<()> {
    let binary = binary(sh)?;
    cmd!(sh, "{binary} card train --output {NETWORKS} --force").run()?;
    Ok(())
}
