//! The other programs, run through `xtask/bench/peers.py`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use xshell::{Shell, cmd};

/// The peers' worker.
pub(crate) const SCRIPT: &str = "xtask/bench/peers.py";
/// Keeps glibc's allocator from returning pages that the next layer faults in again. Without page faults, ResNet-50 with eight images takes
/// PyTorch 400 ms instead of 480. `MALLOC_TOP_PAD_` and huge pages change nothing further, and `OMP_WAIT_POLICY=PASSIVE`, which is not
/// needed here, slows PyTorch by up to a third.
const ALLOCATOR: [(&str, &str); 2] = [
    ("MALLOC_MMAP_THRESHOLD_", "4294967296"),
    ("MALLOC_TRIM_THRESHOLD_", "4294967296"),
];

/// The other programs.
#[derive(Default)]
pub(crate) struct Peers {
    python: PathBuf,
    pub(crate) names: Vec<String>,
    /// The version of every package that they use.
    pub(crate) versions: BTreeMap<String, String>,
}

impl Peers {
    /// Finds the peers whose packages are all in the environment, and reports the others.
    pub(crate) fn find(sh: &Shell, python: PathBuf) -> Result<Self> {
        let list = cmd!(sh, "{python} {SCRIPT} check").quiet().read()?;
        let mut peers = Peers {
            python,
            ..Peers::default()
        };
        for line in list.lines() {
            let peer: Value = serde_json::from_str(line)?;
            let name = peer["peer"].as_str().context("a peer without a name")?;
            let missing: Vec<&str> = peer["missing"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            if !missing.is_empty() {
                eprintln!("{name} is left out: Python lacks {}", missing.join(", "));
                continue;
            }
            peers.names.push(name.to_string());
            for (package, version) in peer["versions"].as_object().into_iter().flatten() {
                let version = version.as_str().unwrap_or_default().to_string();
                peers.versions.insert(package.clone(), version);
            }
        }
        Ok(peers)
    }

    /// Starts the worker of `peer`.
    pub(crate) fn command(&self, sh: &Shell, peer: &str, threads: usize) -> Command {
        let (python, threads) = (&self.python, threads.to_string());
        cmd!(sh, "{python} {SCRIPT} work {peer} {threads}")
            .env("OMP_NUM_THREADS", &threads)
            .envs(ALLOCATOR)
            .into()
    }
}
